"""How large a picture an AV1 stream announces (AV1 specification, 5.5).

Decoders believe it and not the container: libavif scales what it decoded to the size that the container told,
so that a file of 2 kB could make it work on 268 MP.
"""

from veilgate.domain.rejections import DamagedImage, UnsupportedMode

# The announcement comes first and has 10 to 20 bytes.
HEAD_BYTES = 256
_SEQUENCE_HEADER = 1
_MAX_UNITS = 8


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise DamagedImage("The AVIF's pixels end too early.")
        return self._value >> self._left & (1 << count) - 1

    def skip_long_number(self) -> None:
        """As many bits follow the first one as zeros precede it."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(zeros)


def announced_size(head: bytes) -> tuple[int, int]:
    """Width and height that the stream which begins with `head` may reach at most.

    Raises DamagedImage if it begins otherwise, UnsupportedMode if it describes a decoder's buffers.
    """
    position = 0
    for _ in range(_MAX_UNITS):
        if position >= len(head):
            break
        flags = head[position]
        position += 2 if flags & 4 else 1
        if flags >> 3 & 15 == _SEQUENCE_HEADER:
            _, position = _long_size(head, position) if flags & 2 else (0, position)
            return _size(_Bits(head[position:]))
        if not flags & 2:
            break
        size_bytes, position = _long_size(head, position)
        position += size_bytes
    raise DamagedImage("The AVIF's pixels do not begin with their size.")


def _long_size(head: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    size = 0
    for at, byte in enumerate(head[position : position + 8]):
        size |= (byte & 0x7F) << 7 * at
        if not byte & 0x80:
            return size, position + at + 1
    raise DamagedImage("The AVIF's pixels are damaged.")


def _size(bits: _Bits) -> tuple[int, int]:
    bits.take(4)  # the profile, and whether it is a still picture
    if bits.take(1):
        bits.take(5)  # of a still picture no more is said
    else:
        _skip_timing(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_timing(bits: _Bits) -> None:
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            bits.skip_long_number()
        if bits.take(1):
            raise UnsupportedMode("An AVIF that describes a decoder's buffers is not taken.")
    has_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if has_delays and bits.take(1):
            bits.take(4)
