"""`python -m bench`."""

import sys

if __name__ == "__main__":
    # Here, because the processes that make load import this module again, and need no more of it.
    from bench.run import main

    sys.exit(main(sys.argv[1:]))
