"""What may be asked about builds and signatures, and by whom."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Conflict,
    Denied,
    Invalid,
    InvalidKey,
    InvalidName,
    NamespaceUnknown,
    NameTaken,
    PackageUnknown,
    SignerUnknown,
    TrustedRootUnknown,
    Unauthenticated,
    Unavailable,
)
from entrepot.model.names import ChannelName, View
from entrepot.model.policy import Door, Policy
from entrepot.model.signer import Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.operations import attestations, policies, signers
from entrepot.operations.state import VSA_PREDICATE, attest, draft_statement
from entrepot.ports.attestations import BuildKey
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, open_world
from entrepot.testing.sigstore import Sigstore
from entrepot.trust.signing import LocalKey
from tests.unit.operations.test_examine import API, KEY, bundled, signer

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction

T = TypeVar("T")

COMMIT = 40 * "c"
RUN = "https://ci.example.com/runs/7"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, signing=LocalKey.generate()) as opened:
        await opened.namespace("acme")
        yield opened


async def built(world: World, place: str = "acme/api", content: bytes = b"1", *materials: Digest) -> Digest:
    """An image with provenance that a signer of its namespace vouches for."""
    pushed = await world.push(place, image(content), "1.0")
    dependencies = [{"uri": f"pkg:generic/{each.hex[:8]}", "digest": {"sha256": each.hex}} for each in materials]
    source = {"uri": "git+https://git.example.com/acme/app@refs/heads/main", "digest": {"gitCommit": COMMIT}}
    await world.push(
        place,
        bundled(
            pushed,
            predicate_type="https://slsa.dev/provenance/v1",
            buildDefinition={
                "buildType": "https://build.example.com/type",
                "externalParameters": {"source": source},
                "resolvedDependencies": [source, *dependencies],
            },
            runDetails={"builder": {"id": "https://build.example.com"}, "metadata": {"invocationId": RUN}},
        ),
    )
    await world.settle()
    return pushed.digest


async def find(world: World, asking: Caller, key: BuildKey = BuildKey.REVISION, value: str = COMMIT) -> list[str]:
    found = await attestations.list_builds(world.registry, asking, key, value, limit=10)
    return [str(each.package) for each in found]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (BuildKey.REVISION, COMMIT),
        (BuildKey.REVISION, COMMIT[:7]),
        (BuildKey.REPOSITORY, "https://git.example.com/acme/app"),
        (BuildKey.BUILD, RUN),
        (BuildKey.BUILDER, "https://build.example.com"),
    ],
)
async def test_what_was_built_is_found(world: World, key: BuildKey, value: str) -> None:
    await built(world)

    assert await find(world, ADMINISTRATOR, key, value) == ["acme/oci/api"]


async def test_a_commit_is_found_in_annotations_too_and_nobody_vouches_for_those(world: World) -> None:
    digest = await built(world)
    pushed = image(b"2", annotations={"org.opencontainers.image.revision": COMMIT})
    await world.push("acme/web", pushed, "1.0")
    await signers.add_signer(world.registry, ADMINISTRATOR, signer())
    await world.settle()

    found = await attestations.list_builds(world.registry, ADMINISTRATOR, BuildKey.REVISION, COMMIT, limit=10)

    assert [(each.subject, each.verified_by) for each in found] == [(digest, ("ci",)), (pushed.digest, ())]


async def test_nothing_of_a_package_that_may_not_be_read_leaks(world: World) -> None:
    base = await built(world, "acme/secret", b"base")
    product = await built(world, "acme/api", b"1", base)
    asking = caller("reader", pattern="api")

    traced = await attestations.trace(world.registry, asking, View(API.namespace), API, digest=product)

    assert await find(world, asking) == ["acme/oci/api"]
    assert {str(origin.package) for origin in traced} == {"acme/oci/api"}
    assert len(await attestations.trace(world.registry, ADMINISTRATOR, View(API.namespace), API, digest=product)) == 3


async def test_a_stranger_learns_nothing(world: World) -> None:
    digest = await built(world)
    stranger = caller("maintainer", "other")

    assert await find(world, stranger) == []
    with pytest.raises(PackageUnknown):
        await attestations.report(world.registry, stranger, View(API.namespace), API, digest=digest)
    with pytest.raises(NamespaceUnknown):
        await attestations.completeness(world.registry, stranger, API.namespace)
    with pytest.raises(NamespaceUnknown):
        await signers.list_signers(world.registry, stranger, API.namespace)
    with pytest.raises(NamespaceUnknown):
        await signers.add_signer(world.registry, stranger, signer())
    with pytest.raises(Unauthenticated):
        await signers.list_roots(world.registry, ANONYMOUS, API.namespace)


async def test_a_channels_view_tells_of_what_it_shows(world: World) -> None:
    digest = await built(world)
    prod = View.parse("acme.prod")
    asking = caller("reader", "acme.prod")
    with pytest.raises(PackageUnknown):
        await attestations.report(world.registry, asking, prod, API, digest=digest)

    await world.clear("acme/api", digest)

    found = await attestations.report(world.registry, asking, prod, API, digest=digest, patience=0)
    assert [row.attestation.predicate_type for row in found.rows] == ["https://slsa.dev/provenance/v1"]


async def test_a_report_tells_whether_all_is_examined(world: World) -> None:
    digest = await built(world)
    assert (await attestations.report(world.registry, ADMINISTRATOR, View(API.namespace), API, digest=digest)).current

    await world.push("acme/api", image(b"2"), "2.0")

    late = await attestations.report(world.registry, ADMINISTRATOR, View(API.namespace), API, digest=digest, patience=0)
    assert not late.current


async def test_a_clearance_covers_what_refers_to_a_file(world: World) -> None:
    pushed = await world.push("acme/api", image(b"wheel"), "1.0")
    early = await draft(world, Digest.of(b"wheel"), "https://example.com/early")
    await world.clear("acme/api", pushed.digest)
    late = await draft(world, Digest.of(b"wheel"), "https://example.com/late")

    prod = View.parse("acme.prod")
    found = await world.catalog.list_referrers(prod, API, Digest.of(b"wheel"), artifact_type=None, after="", limit=10)

    assert {each.digest for each in found} == {early, late}


async def draft(world: World, subject: Digest, predicate_type: str) -> Digest:
    return await attest(world.registry, ADMINISTRATOR, API, subject, predicate_type=predicate_type, predicate={})


# --- signers ---


async def test_who_governs_says_whom_to_believe(world: World) -> None:
    with pytest.raises(Denied):
        await signers.add_signer(world.registry, caller("publisher"), signer())
    row = await signers.add_signer(world.registry, caller("maintainer"), signer())

    assert (await signers.find_signer(world.registry, caller("reader"), API.namespace, SignerName("ci"))) == row
    with pytest.raises(Denied):
        await signers.set_signer_state(
            world.registry, caller("publisher"), API.namespace, SignerName("ci"), SignerState.RETIRED
        )
    with pytest.raises(Denied):
        await signers.list_affected(
            world.registry, caller("reader"), API.namespace, SignerName("ci"), after=0, limit=10
        )


async def test_the_registrys_signers_are_the_administrators(world: World) -> None:
    everywhere = Signer(SignerName("ci"), SignerKind.KEY, {"key": KEY.public_key.pem})
    with pytest.raises(Denied):
        await signers.add_signer(world.registry, caller("maintainer", None), everywhere)

    assert await signers.add_signer(world.registry, ADMINISTRATOR, everywhere)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (signer("entrepot-1"), InvalidName),
        (signer(state=SignerState.RETIRED), Invalid),
        (Signer(SignerName("a"), SignerKind.KEY, {"key": "no key"}, API.namespace), InvalidKey),
        (Signer(SignerName("a"), SignerKind.KEY, {}, API.namespace), InvalidKey),
        (Signer(SignerName("a"), SignerKind.OPENPGP, {"certificate": "none"}, API.namespace), InvalidKey),
        (Signer(SignerName("a"), SignerKind.X509, {"roots": "none", "subject": {}}, API.namespace), InvalidKey),
        (
            Signer(
                SignerName("a"), SignerKind.IDENTITY, {"root": "none", "issuer": "i", "subject": "s"}, API.namespace
            ),
            TrustedRootUnknown,
        ),
        (signer(scope=Scope(builders={"b": 9})), Invalid),
    ],
)
async def test_a_signer_that_nobody_could_believe_is_refused(
    world: World, wrong: Signer, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await signers.add_signer(world.registry, ADMINISTRATOR, wrong)


async def test_a_signers_name_is_taken_once(world: World) -> None:
    await signers.add_signer(world.registry, ADMINISTRATOR, signer())

    with pytest.raises(NameTaken):
        await signers.add_signer(world.registry, ADMINISTRATOR, signer())


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ([SignerState.COMPROMISED], SignerState.ACTIVE),
        ([SignerState.REVOKED], SignerState.ACTIVE),
        ([SignerState.RETIRED], SignerState.PENDING),
        ([], SignerState.ACTIVE),
    ],
)
async def test_who_was_revoked_is_never_believed_again(
    world: World, steps: list[SignerState], refused: SignerState
) -> None:
    await signers.add_signer(world.registry, ADMINISTRATOR, signer())
    for step in steps:
        await signers.set_signer_state(world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), step)

    with pytest.raises(Conflict):
        await signers.set_signer_state(world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), refused)


class FollowersAtOnce:
    """A catalog beside which the followers are so quick that whoever changes something finds all that follows done."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def write(self, change: Callable[[Transaction], T], *, aside: bool = False) -> T:
        done = await self._world.catalog.write(change, aside=aside)
        await self._world.settle()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.catalog, name)


@pytest.mark.parametrize("channels", [(), (ChannelName("prod"),)])
async def test_what_a_revocation_takes_is_told_as_it_was_then_however_soon_doors_close(
    world: World, channels: tuple[ChannelName, ...]
) -> None:
    await signers.add_signer(world.registry, ADMINISTRATOR, signer())
    pushed = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(pushed))
    await world.clear("acme/api", pushed.digest)
    signed = Policy("signed", Door.READING, "size(signed.by) > 0", namespace=API.namespace, channels=channels)
    await policies.set_policy(world.registry, ADMINISTRATOR, signed)
    await world.settle()
    assert await promoted(world, pushed.digest)

    changed = await signers.set_signer_state(
        replace(world.registry, catalog=cast("Catalog", FollowersAtOnce(world))),
        ADMINISTRATOR,
        API.namespace,
        SignerName("ci"),
        SignerState.COMPROMISED,
    )

    assert not await promoted(world, pushed.digest)
    told = [(each.subject, each.references, each.channels, each.still_verified) for each in changed.affected]
    assert told == [(pushed.digest, ("1.0",), ("prod",), False)]


async def promoted(world: World, digest: Digest) -> bool:
    """Whether it is to be seen through prod."""
    found = await world.catalog.find_artifact(View.parse("acme.prod"), API, digest=digest)
    return found is not None


async def test_a_signer_that_is_not_there(world: World) -> None:
    with pytest.raises(SignerUnknown):
        await signers.set_signer_state(
            world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), SignerState.RETIRED
        )
    with pytest.raises(SignerUnknown):
        await signers.find_signer(world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"))


async def test_a_trusted_root_is_what_identities_hang_from(world: World) -> None:
    identity = Signer(
        SignerName("ci"),
        SignerKind.IDENTITY,
        {"root": "own", "issuer": "https://id.example.com", "subject": "**", "claims": {}},
        API.namespace,
    )
    with pytest.raises(InvalidKey):
        await signers.set_root(world.registry, ADMINISTRATOR, API.namespace, "own", b"{}")
    without_log = json.dumps({**json.loads(Sigstore().trusted_root), "tlogs": []}).encode()
    with pytest.raises(InvalidKey, match="no transparency log"):
        await signers.set_root(world.registry, ADMINISTRATOR, API.namespace, "own", without_log)
    assert await signers.set_root(world.registry, ADMINISTRATOR, API.namespace, "own", Sigstore().trusted_root)

    assert await signers.add_signer(world.registry, ADMINISTRATOR, identity)

    await signers.remove_root(world.registry, ADMINISTRATOR, API.namespace, "own")
    with pytest.raises(TrustedRootUnknown):
        await signers.remove_root(world.registry, ADMINISTRATOR, API.namespace, "own")


# --- the registry's own word ---


async def test_the_registry_signs_for_who_governs(world: World) -> None:
    pushed = await world.push("acme/api", image(b"1"), "1.0")

    with pytest.raises(Denied):
        await attest(
            world.registry, caller("publisher"), API, pushed.digest, predicate_type="https://x.example", predicate={}
        )
    with pytest.raises(Denied):
        await attest(
            world.registry, caller("maintainer"), API, pushed.digest, predicate_type=VSA_PREDICATE, predicate={}
        )
    assert await attest(
        world.registry, caller("maintainer"), API, pushed.digest, predicate_type="https://x.example", predicate={}
    )


async def test_a_registry_without_a_key_says_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        pushed = await world.push("acme/api", image(b"1"), "1.0")

        with pytest.raises(Unavailable):
            await draft_statement(world.registry, API, pushed.digest, predicate_type="https://x.example", predicate={})


async def test_a_namespace_knows_how_much_of_it_is_built_by_whom_it_believes(world: World) -> None:
    await built(world)
    await world.push("acme/web", image(b"2"), "1.0")
    assert (await attestations.completeness(world.registry, caller("reader"), API.namespace)).built == 0

    await signers.add_signer(world.registry, ADMINISTRATOR, signer())
    await world.settle()

    found = await attestations.completeness(world.registry, caller("reader"), API.namespace)
    assert (found.total, found.signed, found.built) == (2, 1, 1)
    with pytest.raises(Denied):
        await attestations.completeness(world.registry, caller("reader", pattern="api"), API.namespace)
