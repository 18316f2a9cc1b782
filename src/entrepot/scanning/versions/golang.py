"""Go's module versions, pseudo-versions, and the toolchain's own (https://go.dev/ref/mod#versions).

A pseudo-version is ordered as the semantic version that it is; ``+incompatible`` does not count.
``go1.21rc2`` is what the toolchain says of itself, and advisories spell it ``1.21.0-rc2``.
"""

from __future__ import annotations

import re
from typing import Final

from entrepot.scanning.versions import semver
from entrepot.scanning.versions.text import checked

_TOOLCHAIN: Final = re.compile(
    r"(?:go)?(?P<core>[0-9]+\.[0-9]+(?:\.[0-9]+)?)(?P<pre>(?:rc|beta)[0-9]+)?(?P<rest>[ -].*)?"
)


def order(version: str) -> semver.Key:
    """The key of a module's or toolchain's version. Raises `InvalidReference`."""
    text = checked(version)
    toolchain = _TOOLCHAIN.fullmatch(text) if text.startswith("go") or "rc" in text or "beta" in text else None
    if toolchain is not None and (text.startswith("go") or toolchain["pre"]):
        # ``go1.20.3-fips`` and ``go1.20.3 X:boringcrypto`` are builds of 1.20.3.
        core, pre = toolchain["core"], toolchain["pre"]
        text = f"{core}-{pre}" if pre else core
    return semver.order(text)
