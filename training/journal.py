"""The log of a training: a row now and then, in a CSV file that curves are drawn from."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


class Journal:
    """`columns` begin with `step`. What a killed training wrote after its last checkpoint is forgotten,
    because it will be written again."""

    def __init__(self, path: Path, columns: Sequence[str], *, next_step: int) -> None:
        self.path = path
        self._columns = columns
        kept = [row for row in self._read() if int(row["step"]) < next_step]
        half = path.with_suffix(".half")
        with half.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)
        half.replace(path)

    def write(self, row: Mapping[str, float]) -> None:
        """Also to be read on the terminal. Columns that are left out stay empty."""
        shown = {name: f"{value:.6g}" for name, value in row.items()}
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(shown)
        print(" ".join(f"{name} {value}" for name, value in shown.items()), flush=True)

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))
