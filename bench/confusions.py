"""What a model takes vehicles for: a table of counts, as a picture for its card.

`python -m bench.confusions --model vehicles-v1 --data FOLDER --out vehicles-v1.svg`; FOLDER is as for
`veilgate models evaluate`. Finds count from the model's own threshold on.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bench.pairs import boxes_of, pairs
from config import get_config
from veilgate.services.evaluation.labelled_pictures import UNLABELLED, read_labelled_pictures
from veilgate.services.evaluation.looking import Contestant
from veilgate.services.evaluation.pixels import read_pixels
from veilgate.wiring.named_models import open_contestant
from veilgate.wiring.resources import picture_limits

_NOTHING = ""
_WIDE, _HIGH, _LEFT, _TOP = 92, 30, 150, 66
_TEXT = 'font-family="sans-serif" font-size="13"'
_INK, _RIGHT, _WRONG = "#1b2a3a", "#2f7d6d", "#c2543d"

# How often what is the first is told as the second.
Counts = Counter[tuple[str, str]]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.confusions", description=__doc__)
    parser.add_argument("--model", required=True, help="an id of the manifest, or a file")
    parser.add_argument("--data", type=Path, required=True, help="holds images/ and labels/")
    parser.add_argument("--out", type=Path, required=True, help="an .svg")
    parser.add_argument("--only", default="", help="pictures whose names begin so")
    arguments = parser.parse_args(words)
    contestant = open_contestant(get_config(), arguments.model)
    told = counted(contestant, arguments.data, only=arguments.only)
    arguments.out.write_text(drawn(told, contestant.labels))
    for (real, said), count in sorted(told.items()):
        print(f"{real or 'nothing':>16} told as {said or 'nothing':16} {count}")


def counted(contestant: Contestant, folder: Path, *, only: str) -> Counts:
    told: Counts = Counter()
    for picture in read_labelled_pictures(folder):
        if not picture.path.name.startswith(only):
            continue
        pixels = read_pixels(picture.path, picture_limits(get_config()))
        finds = contestant.detector.detect([pixels], [contestant.detector.default_threshold])[0]
        boxes = boxes_of(picture, pixels, contestant)
        for box, find in pairs(finds, boxes):
            real = _NOTHING if box is None else boxes.names[box]
            if real != UNLABELLED:
                told[real, _NOTHING if find is None else finds[find].label] += 1
    return told


def drawn(told: Counts, labels: Sequence[str]) -> str:
    """SVG: a row for each class that there is, a column for each that was told."""
    rows = [*(label for label in labels if any(real == label for real, _ in told)), _NOTHING]
    columns = [*(label for label in labels if any(said == label for _, said in told)), _NOTHING]
    width, height = _LEFT + _WIDE * len(columns) + 10, _TOP + _HIGH * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(_LEFT + _WIDE * len(columns) / 2, 22, "told as"),
        _text(10, _TOP - 14, "what it is", anchor="start"),
        *(
            _text(_LEFT + _WIDE * (at + 0.5), _TOP - 14, said or "not found")
            for at, said in enumerate(columns)
        ),
    ]
    for at, real in enumerate(rows):
        parts += _row(told, real, columns, _TOP + _HIGH * at)
    return "\n".join([*parts, "</svg>", ""])


def _row(told: Counts, real: str, columns: Sequence[str], top: float) -> Iterator[str]:
    """Shaded by each count's share of the row."""
    yield _text(10, top + 20, real or "no vehicle", anchor="start")
    total = max(1, sum(told[real, said] for said in columns))
    for at, said in enumerate(columns):
        count = told[real, said]
        left, colour = _LEFT + _WIDE * at, _RIGHT if said == real else _WRONG
        yield (
            f'<rect x="{left}" y="{top}" width="{_WIDE - 2}" height="{_HIGH - 2}" fill="{colour}" '
            f'fill-opacity="{0.8 * count / total:.2f}" stroke="#d8dde1"/>'
        )
        if real or said:
            yield _text(left + _WIDE / 2, top + 20, str(count))


def _text(x: float, y: float, words: str, *, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{_INK}" {_TEXT}>{escape(words)}</text>'


if __name__ == "__main__":
    main()
