from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.model.access import Action, Caller, Permit
from entrepot.model.block import BlockKind
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, InvalidPolicy, PackageUnknown, PolicyDenied, Quarantined
from entrepot.model.events import AdmissionRefused, ArtifactPublished, Entry
from entrepot.model.names import NamespaceName, ReferenceName, View
from entrepot.model.policy import Door, Mode, Policy
from entrepot.operations.block import list_blocks, release
from entrepot.operations.browse import list_artifacts, list_references
from entrepot.operations.check import check
from entrepot.operations.policies import remove_policy, set_policy
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.tag import tag
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, package, referrer

API, ACME, VIEW = package("acme/api"), NamespaceName("acme"), View.parse("acme")
MAINTAINER, PUBLISHER, READER = caller("maintainer"), caller("publisher"), caller("reader")
V1 = ReferenceName("1.0")
BLUE = Policy(
    "blue",
    Door.ADMISSION,
    "annotations['team'] == 'blue'",
    namespace=ACME,
    message="'it is of the ' + annotations['team'] + ' team'",
)
EXAMINED = Policy("examined", Door.ADMISSION, "sbom.present", namespace=ACME, description="Nobody knows what is in it.")
GOOD = image(b"good", annotations={"team": "blue"})
BAD = image(b"bad", annotations={"team": "red"})


async def _last(world: World) -> Entry:
    end, _ = await world.catalog.head()
    (entry,) = await world.catalog.list_entries(after=end - 1, limit=1)  # type: ignore[arg-type]  # a position
    return entry


async def _seen(world: World, by: Caller = READER) -> list[str]:
    return [each.name for each in await list_references(world.registry, by, VIEW, API, limit=9)]


async def test_what_a_policy_refuses_does_not_come_in_and_is_on_record(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, BLUE)
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    for blob in BAD.blobs:
        await world.push_blob("acme/api", blob, by=PUBLISHER)
    before = await world.catalog.find_package(VIEW, API)

    with pytest.raises(PolicyDenied, match=r"api 2\.0: blue: it is of the red team"):
        await world.push("acme/api", BAD, "2.0", by=PUBLISHER)

    assert await _seen(world) == ["1.0"]
    with pytest.raises(ArtifactUnknown):
        await resolve(world.registry, READER, VIEW, API, digest=BAD.digest)
    entry = await _last(world)
    assert entry.actor == "publisher"
    assert isinstance(entry.event, AdmissionRefused)
    assert (entry.event.references, entry.event.refusals) == (("2.0",), ("blue: it is of the red team",))
    assert list(entry.event.policies) == ["blue@1"]
    assert before is not None
    assert await check(world.registry) == []


async def test_a_refused_first_version_leaves_no_package(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="false", message=None))

    with pytest.raises(PolicyDenied):
        await world.push("acme/new", index(), "1.0", by=PUBLISHER)

    with pytest.raises(PackageUnknown):
        await resolve(world.registry, READER, VIEW, package("acme/new"), name=V1)
    assert await check(world.registry) == []


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.DRY_RUN, Mode.OFF])
async def test_modes_that_do_not_enforce_let_in_and_say_so_in_the_journal(world: World, mode: Mode) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, mode=mode))

    await world.push("acme/api", BAD, "1.0", by=PUBLISHER)

    assert await _seen(world) == ["1.0"]
    event = (await _last(world)).event
    assert isinstance(event, ArtifactPublished)
    said = ("blue: it is of the red team",)
    assert event.warnings == (said if mode is Mode.WARN else ())
    assert event.unenforced == (said if mode is Mode.DRY_RUN else ())


async def test_a_policy_asks_of_its_formats_and_packages_alone(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, formats=("pypi",)))  # type: ignore[arg-type]  # a format's name

    await world.push("acme/api", BAD, "1.0", by=PUBLISHER)

    assert await _seen(world) == ["1.0"]


async def test_what_is_not_examined_yet_waits_unseen_and_comes_in_by_itself(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, EXAMINED)

    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)

    event = (await _last(world)).event
    assert isinstance(event, ArtifactPublished)
    assert event.awaiting == "examined: sbom.present is not known yet"
    assert await _seen(world) == []
    assert await list_artifacts(world.registry, READER, VIEW, API, limit=9) == []
    with pytest.raises(Quarantined, match=r"sbom\.present is not known yet"):
        await resolve(world.registry, READER, VIEW, API, name=V1)
    with pytest.raises(Quarantined):
        await find_blob(world.registry, READER, VIEW, API, Digest.of(b"good"))
    assert (await resolve(world.registry, PUBLISHER, VIEW, API, name=V1)).digest == GOOD.digest
    before = await world.catalog.find_package(VIEW, API)

    await set_policy(world.registry, MAINTAINER, replace(EXAMINED, condition="sbom.known"))
    await world.settle()

    assert await _seen(world) == ["1.0"]
    assert (await resolve(world.registry, READER, VIEW, API, name=V1)).digest == GOOD.digest
    after = await world.catalog.find_package(VIEW, API)
    assert before is not None
    assert after is not None
    assert after.revision > before.revision  # So every index is rendered anew.
    assert await check(world.registry) == []


async def test_who_may_publish_reads_what_waits_with_a_token_for_pulling_too(world: World) -> None:
    """Docker's clients ask for one before they sign."""
    await set_policy(world.registry, MAINTAINER, EXAMINED)
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    pulling = [Permit(frozenset({Action.READ}), VIEW, API.name)]

    def pulled_by(who: Caller) -> Caller:
        return replace(who, rights=who.rights.narrowed(pulling), unscoped=who.rights)

    found = await resolve(world.registry, pulled_by(PUBLISHER), VIEW, API, name=V1)

    assert found.digest == GOOD.digest
    assert await find_blob(world.registry, pulled_by(PUBLISHER), VIEW, API, Digest.of(GOOD.blobs[0]))
    with pytest.raises(Quarantined):
        await resolve(world.registry, pulled_by(READER), VIEW, API, name=V1)
    narrower = replace(PUBLISHER, rights=PUBLISHER.rights.narrowed(pulling))  # Of one that somebody made for reading.
    with pytest.raises(Quarantined):
        await resolve(world.registry, narrower, VIEW, API, name=V1)


async def test_what_is_known_and_wrong_goes_on_waiting_with_the_reason(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(EXAMINED, condition="size(signed.by) > 0"))
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    await world.settle()

    (waiting,) = await list_blocks(world.registry, READER, ACME, API, limit=9)

    assert (waiting.kind, waiting.policy) == (BlockKind.AWAITING, "examined")
    assert waiting.reason == "examined: Nobody knows what is in it."
    with pytest.raises(Quarantined, match="Nobody knows what is in it"):
        await resolve(world.registry, READER, VIEW, API, name=V1)
    events = await world.events()
    await world.settle()
    assert await world.events() == events
    await release(world.registry, caller("promoter"), API, V1, reason="known to be good")
    await world.settle()
    assert await _seen(world) == ["1.0"]


async def test_a_signature_is_let_in_without_one_of_its_own(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="false", message=None, formats=()))

    await set_policy(world.registry, MAINTAINER, replace(BLUE, mode=Mode.OFF))
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="false", message=None))
    signature = referrer(GOOD)
    await world.push("acme/api", signature, by=PUBLISHER)
    old = image(b"a signature, as cosign wrote them once")
    await world.push("acme/api", old, f"sha256-{GOOD.digest.hex}.sig", by=PUBLISHER)

    assert (await resolve(world.registry, READER, VIEW, API, digest=signature.digest)).digest == signature.digest
    assert (await resolve(world.registry, READER, VIEW, API, digest=old.digest)).digest == old.digest


async def test_an_image_that_calls_itself_a_signature_is_asked_like_any_other(world: World) -> None:
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="false", message=None))
    layer = b"something that runs"
    descriptor = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": str(Digest.of(layer)),
        "size": len(layer),
    }
    await world.push_blob("acme/api", layer, by=PUBLISHER)
    disguised = referrer(GOOD, layers=[descriptor])

    await world.push("acme/api", disguised, by=PUBLISHER)

    with pytest.raises(Quarantined):
        await resolve(world.registry, READER, VIEW, API, digest=disguised.digest)


async def test_what_an_index_contains_waits_for_it_and_comes_in_with_it(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, BLUE)
    child = image(b"for one platform")
    await world.push("acme/api", child, by=PUBLISHER)
    with pytest.raises(Quarantined, match="blue"):
        await resolve(world.registry, READER, VIEW, API, digest=child.digest)

    whole = index(child, annotations={"team": "blue"})
    await world.push("acme/api", whole, "1.0", by=PUBLISHER)

    for digest in (whole.digest, child.digest):
        assert (await resolve(world.registry, READER, VIEW, API, digest=digest)).digest == digest
    assert await check(world.registry) == []


async def test_an_index_that_waits_takes_what_it_contains_along_when_it_comes_in(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(EXAMINED, condition="sbom.known && size(versions) > 0"))
    child = image(b"for one platform")
    whole = index(child)
    await world.push("acme/api", whole, "1.0", by=PUBLISHER)
    with pytest.raises(Quarantined):
        await resolve(world.registry, READER, VIEW, API, digest=child.digest)

    await world.settle()

    for digest in (whole.digest, child.digest):
        assert (await resolve(world.registry, READER, VIEW, API, digest=digest)).digest == digest
    assert await check(world.registry) == []


async def test_what_has_no_name_cannot_get_one_that_the_door_refuses(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, BLUE)
    await world.push("acme/api", BAD, by=PUBLISHER)

    with pytest.raises(PolicyDenied, match="red team"):
        await tag(world.registry, PUBLISHER, API, BAD.digest, ReferenceName("latest"))

    assert await _seen(world, PUBLISHER) == []


async def test_another_name_does_not_send_back_what_is_in(world: World) -> None:
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    await set_policy(world.registry, MAINTAINER, EXAMINED)

    await tag(world.registry, PUBLISHER, API, GOOD.digest, ReferenceName("latest"))

    assert await _seen(world) == ["1.0", "latest"]


async def test_a_version_that_grows_waits_as_a_whole(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(EXAMINED, condition="sbom.known"))
    await world.push("acme/api", image(b"one"), "1.0", by=PUBLISHER, sealed=False)
    grown = image(b"one", b"two")
    await world.push("acme/api", grown, "1.0", by=PUBLISHER, sealed=False)

    (waiting,) = await list_blocks(world.registry, READER, ACME, API, limit=9)

    assert waiting.digest == grown.digest
    assert await _seen(world) == []
    await world.settle()
    assert (await resolve(world.registry, READER, VIEW, API, name=V1)).digest == grown.digest
    for blob in grown.blobs:
        assert (await find_blob(world.registry, READER, VIEW, API, Digest.of(blob))).digest == Digest.of(blob)
    assert await check(world.registry) == []


async def test_what_waits_is_let_in_when_nothing_is_demanded_any_more(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(EXAMINED, condition="false"))
    await world.push("acme/api", GOOD, by=PUBLISHER)

    await remove_policy(world.registry, MAINTAINER, ACME, "examined")
    await world.settle()

    assert (await resolve(world.registry, READER, VIEW, API, digest=GOOD.digest)).digest == GOOD.digest


async def test_the_same_again_is_nothing_new_while_it_waits(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(EXAMINED, condition="size(signed.by) > 0"))
    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)
    before = await world.events()

    await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)

    assert await world.events() == before


async def test_an_error_lets_nothing_in(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="annotations['nobody says'] == ''"))

    with pytest.raises(PolicyDenied, match="nobody says"):
        await world.push("acme/api", GOOD, "1.0", by=PUBLISHER)


async def test_a_policy_for_admission_to_a_channel_is_refused(world: World) -> None:
    with pytest.raises(InvalidPolicy, match="no channels"):
        await set_policy(world.registry, MAINTAINER, replace(BLUE, channels=("prod",)))  # type: ignore[arg-type]  # a channel


async def test_administrators_are_asked_like_anybody(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, BLUE)

    with pytest.raises(PolicyDenied):
        await world.push("acme/api", BAD, "1.0", by=ADMINISTRATOR)
