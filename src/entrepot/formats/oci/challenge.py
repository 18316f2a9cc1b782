"""What an OCI client is told to ask an access token for (Docker token authentication specification)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

_PATH: Final = re.compile(
    r"/v2/(?P<name>[a-z0-9._/-]{1,255})/"
    r"(?:(?P<upload>blobs/uploads)(?:/.*)?|(?:blobs|manifests|tags|referrers)/.*)"
)
"""The name is as long as it can be: its components may be these words, too."""
CATALOG_SCOPE: Final = "registry:catalog:*"
_READING: Final = frozenset({"GET", "HEAD"})


def challenge(method: str, path: str, query: bytes) -> str:
    """The scopes for this request: what it does to its package, and for a mount the right to read the source."""
    scopes = []
    match = _PATH.fullmatch(path)
    if match is not None:
        actions = "pull" if method in _READING else "delete" if method == "DELETE" else "pull,push"
        if match["upload"]:
            actions = "pull,push"
        scopes.append(f"repository:{match['name']}:{actions}")
        source = parse_qs(query.decode("latin-1")).get("from", [""])[0]
        if re.fullmatch(r"[a-z0-9._/-]{1,255}", source):
            scopes.append(f"repository:{source}:pull")
    elif path.startswith("/v2/_catalog"):
        scopes.append(CATALOG_SCOPE)
    return f',scope="{" ".join(scopes)}"' if scopes else ""
