"""`python -m veilgate`: the command line."""

import sys

from veilgate.cli.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
