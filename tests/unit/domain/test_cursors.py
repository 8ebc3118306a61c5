"""Cursors lead back to where they were given out, and nowhere else."""

from base64 import urlsafe_b64encode

import pytest

from veilgate.domain.cursors import LONGEST_CURSOR, cursor_to, place_in
from veilgate.domain.rejections import InvalidCursor

LIST = "images of today"


@pytest.mark.parametrize("place", [[], ["a"], ["ä\n", 1, 0.1, -5], [2**70], [1e-300]])
def test_a_cursor_leads_to_its_place(place: list[str | int | float]) -> None:
    assert place_in(cursor_to(place, of=LIST), of=LIST) == place


def test_a_cursor_of_another_list_leads_nowhere() -> None:
    with pytest.raises(InvalidCursor):
        place_in(cursor_to(["a"], of="images of yesterday"), of=LIST)


def test_a_damaged_cursor_leads_nowhere() -> None:
    cursor = cursor_to(["01890a5d-ac96-774b-bcce-b302099a8057", 5], of=LIST)
    letters = "AZaz09-_="
    damaged = {cursor[:at] + letter + cursor[at + 1 :] for at in range(len(cursor)) for letter in letters}
    damaged |= {cursor[:at] for at in range(len(cursor))} | {f"{cursor}A", f"{cursor}=", f" {cursor}"}
    for each in damaged - {cursor}:
        with pytest.raises(InvalidCursor):
            place_in(each, of=LIST)


@pytest.mark.parametrize("cursor", ["", "=", "====", "ä", "\0", "A" * (LONGEST_CURSOR + 1), "%", "AAAA" * 9])
def test_what_is_no_cursor_leads_nowhere(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        place_in(cursor, of=LIST)


@pytest.mark.parametrize(
    "text", ["{}", "5", "[null]", "[[1]]", "[true]", "[NaN]", "[Infinity]", "[" * 500, "[1"]
)
def test_a_forged_place_is_of_texts_and_numbers(text: str) -> None:
    from veilgate.domain.cursors import _check

    forged = urlsafe_b64encode(_check(text.encode(), LIST) + text.encode()).decode().rstrip("=")
    with pytest.raises(InvalidCursor):
        place_in(forged, of=LIST)
