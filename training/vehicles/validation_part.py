"""`python -m training validation`: the pictures that no training learns from, in a folder of their own.

`python -m veilgate models evaluate` measures any detector on it: what is chosen is chosen here, and held-out
pictures are for the end.
"""

import argparse
from pathlib import Path

from training.vehicles.labels import read_labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="a folder with images/ and labels/")
    parser.add_argument("--out", type=Path, required=True, help="the folder to be made, of links into DATA")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    names = sorted(path.name for path in (options.data / "images").glob("*.jpg"))
    kept = [one.name for one in read_labels(options.data / "labels", names) if one.is_for_validation]
    for folder in ("images", "labels"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    for name in kept:
        for path in (Path("images", name), Path("labels", name).with_suffix(".txt")):
            _link(options.data / path, options.out / path)
    # Beside the pictures, or for several folders of them at once.
    for folder in (options.data.parent, options.data):
        if (folder / "classes.txt").exists():
            _link(folder / "classes.txt", options.out / "classes.txt")
    print(f"{len(kept)} of {len(names)} pictures")


def _link(source: Path, link: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(source.resolve())
