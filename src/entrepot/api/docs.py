"""The API, described by itself: as OpenAPI, and as a page to read."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from entrepot.api.access import ACCESS
from entrepot.api.advisories import ADVISORIES
from entrepot.api.assessments import ASSESSMENTS
from entrepot.api.attestations import ATTESTATIONS, SIGNERS
from entrepot.api.clearances import CLEARANCES
from entrepot.api.collection import COLLECTION
from entrepot.api.deployments import DEPLOYMENTS
from entrepot.api.endpoint import JSON, Answer, Endpoint, Subject
from entrepot.api.erasures import ERASURES
from entrepot.api.federation import FEDERATION
from entrepot.api.journal import JOURNAL
from entrepot.api.log import LOG
from entrepot.api.namespaces import NAMESPACES
from entrepot.api.openapi import describe
from entrepot.api.packages import PACKAGES
from entrepot.api.page import CONTENT_SECURITY_POLICY, render
from entrepot.api.policies import POLICIES
from entrepot.api.promotions import PROMOTIONS
from entrepot.api.retention import RETENTION
from entrepot.api.sboms import SBOMS
from entrepot.api.search import SEARCH
from entrepot.api.secrets import SECRETS
from entrepot.api.status import STATUS
from entrepot.api.tiers import TIERS
from entrepot.api.trash import TRASH
from entrepot.api.upstreams import UPSTREAMS
from entrepot.api.usage import USAGE
from entrepot.api.webhooks import WEBHOOKS
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.reply import REVALIDATE, Reply, text_header

if TYPE_CHECKING:
    from entrepot.wire.call import Call

_HTML = "text/html; charset=utf-8"


async def read_openapi(call: Call) -> Reply:
    """Describe this API by OpenAPI 3.1."""
    return _document(call, JSON, _openapi())


async def read_docs(call: Call) -> Reply:
    """Describe this API on a page for people."""
    reply = _document(call, _HTML, _page())
    reply.headers.append(text_header("content-security-policy", CONTENT_SECURITY_POLICY))
    return reply


def _document(call: Call, media_type: str, content: bytes) -> Reply:
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = [text_header("content-type", media_type), text_header("etag", etag), REVALIDATE]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return Reply(200, headers, content, cacheable=True)


DOCS = Subject(
    "Description",
    "This API, described by itself.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/openapi.json",
            handler=read_openapi,
            answers={200: Answer("The description.", media_type=JSON)},
            revisioned=True,
        ),
        Endpoint(
            method="GET",
            path="/api/docs",
            handler=read_docs,
            answers={200: Answer("The page.", media_type="text/html")},
            revisioned=True,
        ),
    ),
)

SUBJECTS = (
    STATUS,
    NAMESPACES,
    UPSTREAMS,
    ACCESS,
    FEDERATION,
    PACKAGES,
    CLEARANCES,
    POLICIES,
    PROMOTIONS,
    DEPLOYMENTS,
    ADVISORIES,
    ASSESSMENTS,
    ATTESTATIONS,
    SIGNERS,
    SBOMS,
    SECRETS,
    SEARCH,
    JOURNAL,
    LOG,
    WEBHOOKS,
    RETENTION,
    USAGE,
    TIERS,
    TRASH,
    ERASURES,
    COLLECTION,
    DOCS,
)
"""The whole API."""


@cache
def _openapi() -> bytes:
    return msgspec.json.encode(describe(SUBJECTS))


@cache
def _page() -> bytes:
    return render(describe(SUBJECTS)).encode()
