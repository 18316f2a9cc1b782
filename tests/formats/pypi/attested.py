"""Attestations (PEP 740) of the right shape, which no verifier would take."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.formats.pypi.building import Built


def attestation(built: Built, *, nonce: str = "1", **statement: Any) -> dict[str, Any]:
    """An attestation of a file; *statement* changes what it says."""
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": built.filename, "digest": {"sha256": built.sha256}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"nonce": nonce},
        **statement,
    }
    return {
        "version": 1,
        "verification_material": {"certificate": encoded(b"certificate"), "transparency_entries": [{"logIndex": "1"}]},
        "envelope": {"statement": encoded(json.dumps(said).encode()), "signature": encoded(b"signature")},
    }


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
