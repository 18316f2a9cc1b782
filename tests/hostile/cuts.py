"""What is good is spoilt: pieces of it are taken out, put in, or replaced by what parsers stumble over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

PLACES: Final = st.floats(0, 1, exclude_max=True)
NUISANCES: Final = st.sampled_from(
    [b"", b"\x00", b"\xff", b'"', b"{", b"[" * 2000, b"}", b"\n", b"\\ud800", b"=", b"-", b"1e999", b"null", b'"a":1,']
) | st.binary(max_size=8)


@dataclass(frozen=True, slots=True)
class Cut:
    """Some bytes replaced by others."""

    place: float
    length: int
    put: bytes

    def apply(self, content: bytes) -> bytes:
        start = int(self.place * (len(content) + 1))
        return content[:start] + self.put + content[start + self.length :]


CUTS: Final = st.lists(
    st.builds(Cut, PLACES, st.sampled_from([0, 1, 1, 2, 50, 10**9]), NUISANCES), min_size=1, max_size=4
)


def spoil(content: bytes, cuts: list[Cut]) -> bytes:
    for cut in cuts:
        content = cut.apply(content)
    return content
