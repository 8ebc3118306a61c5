"""Prints the names of the installed distributions that bring a top-level package."""

import json
import sys
from importlib.metadata import distributions

if __name__ == "__main__":
    wanted = sys.argv[1]
    found = {
        one.metadata["Name"]
        for one in distributions()
        if any(file.parts[0] == wanted for file in one.files or ())
    }
    sys.stdout.write(json.dumps(sorted(found)))
