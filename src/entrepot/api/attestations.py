"""Signatures and statements: what is said of an artifact, by whom, and where it was built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, page, page_of_all
from entrepot.api.requests import parse_artifact, parse_place, parse_writable, read_body, read_query
from entrepot.api.shapes import attestations as shapes
from entrepot.api.shapes import signers as signer_shapes
from entrepot.api.shapes.basics import Page
from entrepot.api.shapes.signers import (
    Affected,
    AffectedQuery,
    ChangedSigner,
    NewRoot,
    NewSigner,
    OwnerQuery,
    OwnKeys,
    SignerChange,
    SignersQuery,
    TrustedRoot,
    Vouching,
)
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    Conflict,
    Denied,
    Invalid,
    InvalidKey,
    NamespaceUnknown,
    NameTaken,
    PackageUnknown,
    ReadOnly,
    ReferenceUnknown,
    SignerUnknown,
    TooMany,
    TrustedRootUnknown,
)
from entrepot.model.names import parse_namespace
from entrepot.model.signer import Signer, SignerKind, SignerState, parse_signer
from entrepot.operations import attestations, signers, state
from entrepot.operations.resolve import resolve
from entrepot.ports.attestations import BuildKey
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.model.names import NamespaceName
    from entrepot.wire.call import Call


# --- what is said of an artifact ---


async def list_attestations(call: Call) -> Reply:
    """List all that is said of an artifact, of what it contains and of its files, and whether it counts.

    The artifact is a tag, a version or a digest; also the digest of a file of a version.
    What was pushed just now is examined in a moment, which is waited for.
    """
    view, package = parse_place(call)
    name, digest = parse_artifact(call)
    query = read_query(call, shapes.AttestationsQuery)
    found = await attestations.report(
        call.registry, call.caller, view, package, name=name, digest=digest, patience=query.wait
    )
    call.facts["digest"] = str(found.digest)
    return json_reply(
        shapes.AttestationReport(str(found.digest), found.current, [shapes.Attestation.of(each) for each in found.rows])
    )


async def add_attestation(call: Call) -> Reply:
    """Have the registry sign a statement about an artifact or a file, and keep it as a referrer.

    For who governs the namespace. What the registry alone may say, and provenance, it does not sign for others.
    """
    package = parse_writable(call)
    name, digest = parse_artifact(call)
    body = await read_body(call, shapes.NewStatement)
    if digest is None:
        view, _ = parse_place(call)
        digest = (await resolve(call.registry, call.caller, view, package, name=name)).digest
    referrer = await state.attest(
        call.registry, call.caller, package, digest, predicate_type=body.predicate_type, predicate=body.predicate
    )
    call.facts["digest"] = str(referrer)
    return json_reply(shapes.Stated(str(referrer)), status=201)


async def list_origins(call: Call) -> Reply:
    """List what went into an artifact, and into that, back to the sources.

    As far as provenance says so that you may read; of each it says whose word for it counts.
    """
    view, package = parse_place(call)
    name, digest = parse_artifact(call)
    query = read_query(call, shapes.OriginsQuery)
    found = await attestations.trace(
        call.registry, call.caller, view, package, name=name, digest=digest, depth=query.depth
    )
    return json_reply([shapes.Origin.of(each) for each in found])


async def list_builds(call: Call) -> Reply:
    """List what was built from a commit or a repository, by a run or a builder, or with something in it."""
    query = read_query(call, shapes.BuildsQuery)
    given = {
        BuildKey.REVISION: query.commit,
        BuildKey.REPOSITORY: query.repository,
        BuildKey.BUILD: query.build,
        BuildKey.BUILDER: query.builder,
        BuildKey.MATERIAL: query.material,
    }
    asked = [(key, value) for key, value in given.items() if isinstance(value, str) and value]
    if len(asked) != 1:
        raise Invalid("query", expected="exactly one of commit, repository, build, builder and material")
    ((key, value),) = asked
    if key is BuildKey.MATERIAL and not value.startswith(("sha256:", "sha512:", "gitCommit:")):
        key = BuildKey.MATERIAL_URI
    found = await attestations.list_builds(
        call.registry,
        call.caller,
        key,
        value,
        namespace=_namespace(query.namespace),
        after=query.after,
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Built.of, cursor=lambda last: str(last.id)))


async def read_completeness(call: Call) -> Reply:
    """Say how much of a namespace is signed, and how much has provenance that counts."""
    namespace = parse_namespace(call.path["namespace"])
    found = await attestations.completeness(call.registry, call.caller, namespace)
    share = found.built / found.total if found.total else 0.0
    return json_reply(shapes.Completeness(found.total, found.signed, found.built, round(share, 4)))


# --- whom to believe ---


async def list_signers(call: Call) -> Reply:
    """List the signers of a namespace, with the registry's; without a namespace, the registry's alone."""
    query = read_query(call, SignersQuery)
    found = await signers.list_signers(call.registry, call.caller, _namespace(query.namespace))
    return json_reply(
        page_of_all(
            found,
            after=query.after,
            limit=query.limit,
            show=signer_shapes.Signer.of,
            cursor=lambda row: f"{row.signer.namespace or '~'}/{row.signer.name}",
        )
    )


async def add_signer(call: Call) -> Reply:
    """Let a namespace believe a signer, at once or (pending) later."""
    body = await read_body(call, NewSigner)
    kind, material = _material(body)
    signer = Signer(
        name=parse_signer(body.name),
        kind=kind,
        material=material,
        namespace=None if body.namespace is None else parse_namespace(body.namespace),
        scope=body.scope.parse(),
        state=SignerState.PENDING if body.pending else SignerState.ACTIVE,
    )
    return json_reply(signer_shapes.Signer.of(await signers.add_signer(call.registry, call.caller, signer)), status=201)


def _material(body: NewSigner) -> tuple[SignerKind, Mapping[str, str | Mapping[str, str]]]:
    given = [name for name in ("key", "certificate", "root", "roots") if getattr(body, name) is not None]
    if len(given) != 1:
        raise Invalid("signer", expected="exactly one of key, certificate, root and roots", actual=", ".join(given))
    if body.key is not None:
        return SignerKind.KEY, {"key": body.key}
    if body.certificate is not None:
        return SignerKind.OPENPGP, {"certificate": body.certificate}
    if body.roots is not None:
        return SignerKind.X509, {"roots": body.roots, "subject": body.subject_attributes}
    if body.issuer is None or body.subject is None:
        raise Invalid("signer", expected="an issuer and a subject with the root")
    identity: dict[str, str | Mapping[str, str]] = {
        "root": str(body.root),
        "issuer": body.issuer,
        "subject": body.subject,
        "claims": body.claims,
    }
    return SignerKind.IDENTITY, identity


async def read_signer(call: Call) -> Reply:
    """Show a signer."""
    query = read_query(call, OwnerQuery)
    row = await signers.find_signer(
        call.registry, call.caller, _namespace(query.namespace), parse_signer(call.path["signer"])
    )
    return json_reply(signer_shapes.Signer.of(row))


async def set_signer_state(call: Call) -> Reply:
    """Let a signer be active, retired, revoked since a time, or compromised; at once.

    Retired and revoked, what it is proven to have signed before stays good; compromised, nothing does.
    The answer lists what nobody vouches for any more, with what it is cleared for.
    """
    query = read_query(call, OwnerQuery)
    body = await read_body(call, SignerChange)
    if body.since is not None and body.since.tzinfo is None:
        raise Invalid("since", expected="a time with its zone")
    changed = await signers.set_signer_state(
        call.registry,
        call.caller,
        _namespace(query.namespace),
        parse_signer(call.path["signer"]),
        body.state,
        since=body.since,
        reason=body.reason,
    )
    affected = [Affected.of(each) for each in changed.affected]
    return json_reply(ChangedSigner(signer_shapes.Signer.of(changed.signer), affected, changed.more))


async def set_signer_scope(call: Call) -> Reply:
    """Let a signer vouch for something else; what it signed is verified again."""
    query = read_query(call, OwnerQuery)
    body = await read_body(call, Vouching)
    row = await signers.set_signer_scope(
        call.registry,
        call.caller,
        _namespace(query.namespace),
        parse_signer(call.path["signer"]),
        body.parse(),
    )
    return json_reply(signer_shapes.Signer.of(row))


async def list_affected(call: Call) -> Reply:
    """List what a signer vouches for, with what it is cleared for."""
    query = read_query(call, AffectedQuery)
    found = await signers.list_affected(
        call.registry,
        call.caller,
        _namespace(query.namespace),
        parse_signer(call.path["signer"]),
        after=query.after,
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=Affected.of, cursor=lambda last: str(last.id)))


async def list_roots(call: Call) -> Reply:
    """List the Sigstore instances that a namespace may name, its own and the registry's."""
    query = read_query(call, OwnerQuery)
    found = await signers.list_roots(call.registry, call.caller, _namespace(query.namespace))
    return json_reply([TrustedRoot.of(row) for row in found])


async def set_root(call: Call) -> Reply:
    """Trust a Sigstore instance, by its `trusted_root.json`; what hangs from it is verified again."""
    query = read_query(call, OwnerQuery)
    body = await read_body(call, NewRoot)
    await signers.set_root(
        call.registry,
        call.caller,
        _namespace(query.namespace),
        call.path["root"],
        msgspec.json.encode(body.trusted_root),
    )
    return Reply(DONE)


async def remove_root(call: Call) -> Reply:
    """Trust a Sigstore instance no more."""
    query = read_query(call, OwnerQuery)
    await signers.remove_root(call.registry, call.caller, _namespace(query.namespace), call.path["root"])
    return Reply(DONE)


async def list_keys(call: Call) -> Reply:
    """List the keys that the registry signs with, or did: for everybody, also as a JSON Web Key Set."""
    found = [
        {
            **key.jwk,
            "kid": key.public_key.fingerprint,
            "use": "sig",
            "pem": key.public_key.pem,
            "signer": key.row.signer.name,
        }
        | {"state": key.row.signer.state}
        for key in await signers.list_own_keys(call.registry)
    ]
    return json_reply(msgspec.convert({"keys": found}, OwnKeys))


async def read_key(call: Call) -> Reply:
    """Fetch the key that the registry signs with, in PEM: what `cosign verify --key` takes."""
    key = signers.find_own_key(call.registry)
    return Reply(200, [(b"content-type", b"application/x-pem-file")], key.pem.encode())


def _namespace(text: str | msgspec.UnsetType) -> NamespaceName | None:
    return None if text is UNSET else parse_namespace(text)


_ARTIFACT = "/api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}"
_SIGNER = "/api/v1/signers/{signer}"

ATTESTATIONS = Subject(
    "Attestations",
    "A signature or a statement about an artifact or a file, in whatever form people make it, is found, verified against "
    "the signers that the namespace believes, and indexed by what it says of the build.",
    (
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/attestations",
            handler=list_attestations,
            query=shapes.AttestationsQuery,
            answers={200: Answer("All of it.", shapes.AttestationReport)},
            errors=(PackageUnknown, ReferenceUnknown, ArtifactUnknown, BlobUnknown),
        ),
        Endpoint(
            method="POST",
            path=_ARTIFACT + "/attestations",
            handler=add_attestation,
            body=shapes.NewStatement,
            answers={201: Answer("The statement is signed.", shapes.Stated)},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown, ArtifactUnknown, BlobUnknown),
        ),
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/origins",
            handler=list_origins,
            query=shapes.OriginsQuery,
            answers={200: Answer("What went in, the nearest first.", list[shapes.Origin])},
            errors=(PackageUnknown, ReferenceUnknown, ArtifactUnknown, BlobUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/builds",
            handler=list_builds,
            query=shapes.BuildsQuery,
            answers={200: Answer("A page of what was built so.", Page[shapes.Built])},
            errors=(NamespaceUnknown,),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/namespaces/{namespace}/completeness",
            handler=read_completeness,
            answers={200: Answer("The numbers.", shapes.Completeness)},
            errors=(Denied, NamespaceUnknown),
        ),
    ),
)

SIGNERS = Subject(
    "Signers",
    "A signer is a key, a keyless identity under a trusted root, an OpenPGP certificate or a name under X.509 roots, "
    "with what it may vouch for. It is pending, active, retired, revoked since a time, or compromised.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/signers",
            handler=list_signers,
            query=SignersQuery,
            answers={200: Answer("A page of signers, by name.", Page[signer_shapes.Signer])},
            errors=(NamespaceUnknown,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/signers",
            handler=add_signer,
            body=NewSigner,
            answers={201: Answer("The signer is known.", signer_shapes.Signer)},
            errors=(Denied, NamespaceUnknown, NameTaken, InvalidKey, TooMany, TrustedRootUnknown),
        ),
        Endpoint(
            method="GET",
            path=_SIGNER,
            handler=read_signer,
            query=OwnerQuery,
            answers={200: Answer("The signer.", signer_shapes.Signer)},
            errors=(NamespaceUnknown, SignerUnknown),
        ),
        Endpoint(
            method="POST",
            path=_SIGNER + "/state",
            handler=set_signer_state,
            query=OwnerQuery,
            body=SignerChange,
            answers={200: Answer("The signer, and what nobody vouches for any more.", ChangedSigner)},
            errors=(Denied, NamespaceUnknown, SignerUnknown, Conflict),
        ),
        Endpoint(
            method="PUT",
            path=_SIGNER + "/scope",
            handler=set_signer_scope,
            query=OwnerQuery,
            body=Vouching,
            answers={200: Answer("The signer.", signer_shapes.Signer)},
            errors=(Denied, NamespaceUnknown, SignerUnknown, TooMany),
        ),
        Endpoint(
            method="GET",
            path=_SIGNER + "/affected",
            handler=list_affected,
            query=AffectedQuery,
            answers={200: Answer("A page of what it vouches for.", Page[Affected])},
            errors=(Denied, NamespaceUnknown, SignerUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/trusted-roots",
            handler=list_roots,
            query=OwnerQuery,
            answers={200: Answer("All of them, by name.", list[TrustedRoot])},
            errors=(NamespaceUnknown,),
        ),
        Endpoint(
            method="PUT",
            path="/api/v1/trusted-roots/{root}",
            handler=set_root,
            query=OwnerQuery,
            body=NewRoot,
            answers={204: Answer("The root is trusted.")},
            errors=(Denied, NamespaceUnknown, InvalidKey),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/trusted-roots/{root}",
            handler=remove_root,
            query=OwnerQuery,
            answers={204: Answer("The root is not trusted any more.")},
            errors=(Denied, NamespaceUnknown, TrustedRootUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/keys",
            handler=list_keys,
            answers={200: Answer("The registry's own keys.", OwnKeys)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/keys.pem",
            handler=read_key,
            answers={200: Answer("The key in PEM.", media_type="application/x-pem-file")},
        ),
    ),
)
