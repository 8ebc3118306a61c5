"""`python -m training vehicles | likeness | validation`: train a model that the house ships, or lay out what
to judge it by."""

import argparse

from training.likeness import command as likeness
from training.vehicles import command as vehicles
from training.vehicles import validation_part


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    models = parser.add_subparsers(required=True, metavar="MODEL")
    vehicles.add_arguments(models.add_parser("vehicles", help="the vehicle detector"))
    likeness.add_arguments(models.add_parser("likeness", help="the embedder"))
    validation_part.add_arguments(
        models.add_parser("validation", help="pictures that no training learns from")
    )
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
