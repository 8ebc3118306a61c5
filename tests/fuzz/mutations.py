"""Files as nobody wrote them: good ones with a few edits, so that they get past the first look."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Edit = Callable[[bytes], bytes]
# Lengths, counts and signs that readers stumble over.
_TELLING = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\0", b"\1\0\0\0")


@st.composite
def _edits(draw: st.DrawFn) -> Edit:
    """One edit; where it is made is a share of the file's length, so that it fits any file."""
    share = draw(st.floats(0, 1, exclude_max=True))
    # Structures are described at the beginning.
    if draw(st.booleans()):
        share /= 20
    length = draw(st.integers(0, 64))
    new = draw(st.binary(max_size=16) | st.sampled_from(_TELLING))
    kind = draw(st.sampled_from(("overwrite", "insert", "remove", "repeat", "cut")))

    def edit(data: bytes) -> bytes:
        at = int(share * len(data))
        match kind:
            case "overwrite":
                return data[:at] + new + data[at + len(new) :]
            case "insert":
                return data[:at] + new + data[at:]
            case "remove":
                return data[:at] + data[at + length :]
            case "repeat":
                return data[:at] + data[at : at + length] * 3 + data[at + length :]
            case _:
                return data[:at]

    return edit


def mutated(files: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the files with up to five edits."""

    def apply(data: bytes, edits: list[Edit]) -> bytes:
        for edit in edits:
            data = edit(data)
        return data

    return st.builds(apply, st.sampled_from(files), st.lists(_edits(), max_size=5))
