"""File names as data to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.filenames import LONGEST_FILENAME, display_name


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, "unnamed"),
        ("", "unnamed"),
        ("folder/", "unnamed"),
        ("\r\n\t", "unnamed"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fotos\\a.jpg", "a.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\u2028b\u2029c", "abc"),
        ("\udc80a", "a"),
        ("👩\u200d👧.jpg", "👩\u200d👧.jpg"),
        ("con", "con"),
        (".htaccess", ".htaccess"),
    ],
)
def test_what_is_shown(sent: str | None, shown: str) -> None:
    assert display_name(sent) == shown


@given(st.text(alphabet=st.characters()))
def test_it_is_short_printable_and_no_path(sent: str) -> None:
    shown = display_name(sent)
    assert 0 < len(shown) <= LONGEST_FILENAME
    assert not set(shown) & set("/\\\0\r\n\u202e\u2028")
    shown.encode()
