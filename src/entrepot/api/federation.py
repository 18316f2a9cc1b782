"""Trusted publishers: whose CI jobs may publish without a secret of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, NO_STORE, page_of_all
from entrepot.api.requests import read_body, read_query
from entrepot.api.shapes import publishers as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.errors import (
    Denied,
    IssuerUnknown,
    NamespaceUnknown,
    NameTaken,
    PublisherUnknown,
    TooMany,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.federation import ClaimRule, Issuer, Publisher, parse_issuer_name, parse_publisher_name
from entrepot.model.names import PackagePattern, parse_namespace
from entrepot.operations import exchange, issuers, publishers
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call


async def list_issuers(call: Call) -> Reply:
    """List the issuers of identity tokens that are believed."""
    query = read_query(call, PageQuery)
    found = await issuers.list_issuers(call.registry, call.caller)
    numbered = [(f"{number:06}", issuer) for number, issuer in enumerate(found, 1)]
    return json_reply(
        page_of_all(
            numbered,
            after=query.after,
            limit=query.limit,
            show=lambda each: shapes.Issuer.of(each[1]),
            cursor=lambda each: each[0],
        )
    )


async def add_issuer(call: Call) -> Reply:
    """Believe what an issuer signs, as far as trusted publishers say so.

    It is asked for its keys at once, unless they are sent along. Without audiences, tokens must be for this
    registry's own address.
    """
    body = await read_body(call, shapes.NewIssuer)
    issuer = Issuer(
        name=parse_issuer_name(body.name),
        provider=body.provider,
        url=body.url,
        audiences=tuple(body.audiences) or (call.base_url,),
        algorithms=tuple(body.algorithms),
        max_lifetime=timedelta(seconds=body.max_lifetime_seconds),
        private=body.private,
        keys=None if body.keys is None else msgspec.json.encode(body.keys).decode(),
    )
    added = await issuers.add_issuer(call.registry, call.caller, issuer)
    return json_reply(shapes.Issuer.of(added), status=201)


async def remove_issuer(call: Call) -> Reply:
    """Believe an issuer no more.

    All trusted publishers of its jobs go with it, in every namespace, and their tokens stop working at once.
    """
    gone = await issuers.remove_issuer(call.registry, call.caller, parse_issuer_name(call.path["issuer"]))
    return json_reply(shapes.RemovedIssuer(call.path["issuer"], list(gone)))


async def list_publishers(call: Call) -> Reply:
    """List a namespace's trusted publishers, by name."""
    query = read_query(call, PageQuery)
    namespace = parse_namespace(call.path["namespace"])
    found = await publishers.list_publishers(call.registry, call.caller, namespace)
    return json_reply(
        page_of_all(
            found,
            after=query.after,
            limit=query.limit,
            show=shapes.Publisher.of,
            cursor=lambda publisher: publisher.name,
        )
    )


async def add_publisher(call: Call) -> Reply:
    """Trust jobs that fulfil all rules.

    You can give what you could grant yourself. The packages need not be there yet: the first job makes them.
    Numbers behind a repository's name that no rule is about are pinned when a job is first believed.
    """
    body = await read_body(call, shapes.NewPublisher)
    publisher = Publisher(
        namespace=parse_namespace(call.path["namespace"]),
        name=parse_publisher_name(body.name),
        issuer=parse_issuer_name(body.issuer),
        rules=tuple(ClaimRule.parse(claim, pattern) for claim, pattern in body.rules.items()),
        packages=tuple(map(PackagePattern.parse, body.packages)),
        role=body.role,
        lifetime=timedelta(seconds=body.lifetime_seconds),
    )
    added = await publishers.add_publisher(call.registry, call.caller, publisher)
    return json_reply(shapes.Publisher.of(added), status=201)


async def remove_publisher(call: Call) -> Reply:
    """Trust a publisher no more, and stop its tokens at once.

    What it published stays.
    """
    namespace, name = parse_namespace(call.path["namespace"]), parse_publisher_name(call.path["publisher"])
    await publishers.remove_publisher(call.registry, call.caller, namespace, name)
    return Reply(DONE)


async def preview_token(call: Call) -> Reply:
    """Say what would come of trading an identity token in a namespace.

    Its signature is verified. It is not used up, nothing of it is kept, and it is not repeated.
    """
    body = await read_body(call, shapes.TokenToPreview)
    namespace = parse_namespace(call.path["namespace"])
    found = await exchange.preview(call.registry, call.caller, namespace, body.token.strip())
    return json_reply(shapes.TokenPreview.of(found), headers=[NO_STORE])


_ISSUERS = "/api/v1/federation/issuers"
_PUBLISHERS = "/api/v1/namespaces/{namespace}/publishers"

FEDERATION = Subject(
    "Trusted publishers",
    "A CI system signs an identity token for each job. Jobs that a trusted publisher describes trade it for a token "
    "of the registry that works for some minutes, so they keep no secret.",
    (
        Endpoint(
            method="GET",
            path=_ISSUERS,
            handler=list_issuers,
            query=PageQuery,
            answers={200: Answer("A page of issuers, the oldest first.", Page[shapes.Issuer])},
        ),
        Endpoint(
            method="POST",
            path=_ISSUERS,
            handler=add_issuer,
            body=shapes.NewIssuer,
            answers={201: Answer("Its tokens are believed.", shapes.Issuer)},
            errors=(Denied, NameTaken, UpstreamUnavailable, UpstreamInvalid),
        ),
        Endpoint(
            method="DELETE",
            path=f"{_ISSUERS}/{{issuer}}",
            handler=remove_issuer,
            answers={200: Answer("Its tokens are not believed any more.", shapes.RemovedIssuer)},
            errors=(Denied, IssuerUnknown),
        ),
        Endpoint(
            method="GET",
            path=_PUBLISHERS,
            handler=list_publishers,
            query=PageQuery,
            answers={200: Answer("A page of trusted publishers, by name.", Page[shapes.Publisher])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PUBLISHERS,
            handler=add_publisher,
            body=shapes.NewPublisher,
            answers={201: Answer("It is trusted.", shapes.Publisher)},
            errors=(Denied, NamespaceUnknown, IssuerUnknown, NameTaken, TooMany),
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PUBLISHERS}/{{publisher}}",
            handler=remove_publisher,
            answers={204: Answer("It is not trusted any more.")},
            errors=(Denied, NamespaceUnknown, PublisherUnknown),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/namespaces/{namespace}/preview-token",
            handler=preview_token,
            body=shapes.TokenToPreview,
            answers={200: Answer("What would come of it, good or bad.", shapes.TokenPreview)},
            errors=(Denied, NamespaceUnknown, UpstreamUnavailable, UpstreamInvalid),
        ),
    ),
)
