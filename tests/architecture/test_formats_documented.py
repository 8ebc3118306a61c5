"""docs/formats.md says of each format what the table in the code does."""

from pathlib import Path

from veilgate.imaging.formats import REFUSED, TAKEN, Taken

BEGIN, END = "<!-- formats:begin -->", "<!-- formats:end -->"
HEADINGS = ("format", "media type", "of several pictures", "results are", "taken")


def documented() -> str:
    """The part of the page between its two marks, as it must be."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(cells, TAKEN)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    names = ", ".join(row.name for row in REFUSED)
    return (
        f"{table}\n\nKnown, and refused by their names with 415 `unsupported_format`: {names}. "
        "Whatever else is sent is 415 `not_an_image`."
    )


def cells(row: Taken) -> tuple[str, ...]:
    taken = f"where the package {row.needs_package} is installed" if row.needs_package else "always"
    several = f"the {row.of_several}" if row.of_several else ""
    return row.name, f"`{row.format.media_type}`", several, row.format.served_as.upper(), taken


def test_the_page_shows_the_table(repository_root: Path) -> None:
    page = (repository_root / "docs" / "formats.md").read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == documented()
