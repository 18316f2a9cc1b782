"""Secrets that were published by mistake."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, NO_STORE, page, page_of_all
from entrepot.api.requests import parse_target, parse_whole, parse_writable, read_body, read_query
from entrepot.api.shapes import secrets as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    NamespaceUnknown,
    PackageUnknown,
    ReadOnly,
    ReferenceUnknown,
    SecretUnknown,
)
from entrepot.model.names import parse_namespace, parse_reference
from entrepot.operations import secrets
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.ports.secrets import Acceptance
    from entrepot.wire.call import Call


async def list_secrets(call: Call) -> Reply:
    """List the secrets that an artifact has, with their places.

    For who may publish in the package, or governs it.
    """
    package = parse_whole(call)
    found = await secrets.list_secrets(call.registry, call.caller, package, parse_target(call))
    call.facts["digest"] = str(found.digest)
    return json_reply(shapes.FoundSecrets.of(found), headers=[NO_STORE])


async def list_namespace_secrets(call: Call) -> Reply:
    """List all that has secrets in a namespace, package by package.

    As far as you may publish in the package, or govern it. What each artifact's files are called, its own list says.
    """
    query = read_query(call, shapes.SecretsQuery)
    package, _, blob = query.after.partition("-")
    found = await secrets.list_leaking(
        call.registry,
        call.caller,
        parse_namespace(call.path["namespace"]),
        after=(int(package), int(blob)),
        limit=query.limit + 1,
    )
    shown = page(found, query.limit, show=shapes.LeakingContent.of, cursor=_place)
    return json_reply(shown, headers=[NO_STORE])


def _place(found: secrets.Leaking) -> str:
    package, blob = found.place.id
    return f"{package}-{blob}"


async def list_accepted_secrets(call: Call) -> Reply:
    """List what is accepted in a package, also what is so no more because its time is over."""
    package, query = parse_whole(call), read_query(call, PageQuery)
    found = await secrets.list_acceptances(call.registry, call.caller, package)
    shown = page_of_all(found, after=query.after, limit=query.limit, show=shapes.AcceptedSecret.of, cursor=_name)
    return json_reply(shown, headers=[NO_STORE])


def _name(found: Acceptance) -> str:
    return found.name


async def accept_secret(call: Call) -> Reply:
    """Say that a secret is none, or is meant to be there: in the whole package, and perhaps for some time only.

    A token of this registry is not accepted.
    """
    package = parse_writable(call)
    body = await read_body(call, shapes.NewAcceptedSecret)
    target = Digest.parse(body.artifact) if ":" in body.artifact else parse_reference(body.artifact)
    found = await secrets.accept_secret(
        call.registry,
        call.caller,
        package,
        target,
        call.path["secret"],
        reason=body.reason,
        ttl=None if body.seconds is None else timedelta(seconds=body.seconds),
    )
    return json_reply(shapes.AcceptedSecret.of(found), headers=[NO_STORE])


async def unaccept_secret(call: Call) -> Reply:
    """Accept a secret no more."""
    await secrets.unaccept_secret(call.registry, call.caller, parse_writable(call), call.path["secret"])
    return Reply(DONE)


_PACKAGE = "/api/v1/packages/{view}/{format}/{package}/-"
_ARTIFACT = (PackageUnknown, ReferenceUnknown, ArtifactUnknown)

SECRETS = Subject(
    "Secrets",
    "Tokens, keys and the like that were published by mistake. What they are is neither kept nor shown; what they are "
    "called, and where they lie, is for who may publish or govern there.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/namespaces/{namespace}/secrets",
            handler=list_namespace_secrets,
            query=shapes.SecretsQuery,
            answers={200: Answer("A page of what has secrets.", Page[shapes.LeakingContent])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/secrets/{artifact}",
            handler=list_secrets,
            answers={200: Answer("The secrets.", shapes.FoundSecrets)},
            errors=(Denied, *_ARTIFACT),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/accepted-secrets",
            handler=list_accepted_secrets,
            query=PageQuery,
            answers={200: Answer("A page of accepted secrets.", Page[shapes.AcceptedSecret])},
            errors=(Denied, PackageUnknown),
        ),
        Endpoint(
            method="PUT",
            path=_PACKAGE + "/accepted-secrets/{secret}",
            handler=accept_secret,
            body=shapes.NewAcceptedSecret,
            answers={200: Answer("It is accepted.", shapes.AcceptedSecret)},
            errors=(Denied, ReadOnly, SecretUnknown, *_ARTIFACT),
        ),
        Endpoint(
            method="DELETE",
            path=_PACKAGE + "/accepted-secrets/{secret}",
            handler=unaccept_secret,
            answers={204: Answer("It is accepted no more.")},
            errors=(Denied, ReadOnly, SecretUnknown, PackageUnknown),
        ),
    ),
)
