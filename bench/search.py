"""`python bench/search.py [--quick]`: the search part of the bench alone, as one table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    # Here, because the processes that make load import this module again, and need no more of it.
    from bench.run import main

    sys.exit(main(["--only", "search", *sys.argv[1:]]))
