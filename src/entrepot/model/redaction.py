"""Our own tokens, taken out of whatever is told: errors, logs, names in either."""

from __future__ import annotations

import re
from typing import Final

_OWN: Final = re.compile(r"ent_(?:adm|usr|bot)_[0-9A-Za-z_]*|(?<![0-9A-Za-z])ent_[0-9A-Za-z_]+")
_WHOLE: Final = re.compile(r"ent_[a-z]{3}_[0-9A-Za-z]{36}")


def redact(text: str) -> str:
    """*text* without anything that could be a token of this registry, or the beginning of one."""
    return _OWN.sub("ent_…", text) if "ent_" in text else text


def holds_token(text: str) -> bool:
    """Whether something in *text* has the form of a whole token of this registry."""
    return "ent_" in text and _WHOLE.search(text) is not None
