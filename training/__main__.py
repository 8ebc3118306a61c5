"""`python -m training vehicles | likeness`: train a model that the house ships."""

import argparse

from training.likeness import command as likeness
from training.vehicles import command as vehicles


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    models = parser.add_subparsers(required=True, metavar="MODEL")
    vehicles.add_arguments(models.add_parser("vehicles", help="the vehicle detector"))
    likeness.add_arguments(models.add_parser("likeness", help="the embedder"))
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
