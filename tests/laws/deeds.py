"""What people, clients and schedules do to a registry, and how one sees that it was done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.names import PackageId, PackagePattern, ReferenceName, View, parse_channel, parse_namespace
from entrepot.model.promotion import PromotionState
from entrepot.model.retention import NameKind, Retention, RetentionRule
from entrepot.model.tier import Tier, Tiering, TierRule
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.deploy import end_deployment, record_deployment
from entrepot.operations.erase import continue_erasures, erase, lift_erasure
from entrepot.operations.hold import lift_hold, place_hold, release_lease, renew_lease, take_lease
from entrepot.operations.mark import unyank, yank
from entrepot.operations.mount import mount
from entrepot.operations.promote import promote, unpromote
from entrepot.operations.publish import Draft, publish
from entrepot.operations.purge import purge
from entrepot.operations.read_blob import read_whole
from entrepot.operations.registry import Registry
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.restore import restore
from entrepot.operations.retain import apply_plan, plan_retention, set_retention
from entrepot.operations.sweep import sweep
from entrepot.operations.tag import tag
from entrepot.operations.tier import move_artifact, set_tiering
from entrepot.operations.upload import add_chunk, begin_upload, finish_upload
from entrepot.schedules.retain import go_on, retain_daily
from entrepot.schedules.tier import tier_daily
from entrepot.testing.builders import ADMINISTRATOR, Image, StoppedClock, image, index, package, referrer, stream
from entrepot.trust.signing import LocalKey
from tests.laws.ledger import Ledger

ACME, ALL = parse_namespace("acme"), View.parse("acme")
DEV, PROD = parse_channel("dev"), parse_channel("prod")
PLACES = [package("acme/one"), package("acme/two")]
NAMES = ["1.0", "2.0", "latest", "build-1"]
SERVICES = ["shop", "bank"]
CONTENTS = [b"small", b"large " * 20, b"larger " * 20]
CONFIG = b"{}"

ONE, TWO = image(CONTENTS[0], CONTENTS[1]), image(CONTENTS[2])
BOTH = image(CONTENTS[1], CONTENTS[2])
LIST = index(ONE, TWO)
IMAGES = [ONE, TWO, BOTH, LIST, index(LIST, BOTH), referrer(ONE), referrer(referrer(ONE)), referrer(LIST)]

RULES = [
    Retention(),
    Retention((RetentionRule("nameless", kinds=(NameKind.UNNAMED,), last=0),)),
    Retention(
        (
            RetentionRule("builds", kinds=(NameKind.TAG,), names=PackagePattern("build-*"), last=0),
            RetentionRule("nameless", kinds=(NameKind.UNNAMED,), last=0),
        ),
        automatic=True,
    ),
]

TIERINGS = [
    Tiering(),
    Tiering((TierRule(RetentionRule("old", kinds=tuple(NameKind), younger_than=timedelta(days=1))),), automatic=True),
]
KEY = LocalKey.generate()
"""What tombstones are signed with."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do."""

    what: str
    how: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}{self.how}"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where it is done, and what is known there."""

    registry: Registry
    ledger: Ledger
    clock: StoppedClock


@dataclass(frozen=True, slots=True)
class Act:
    """A deed that is being done."""

    work: Coroutine[Any, Any, object]
    is_so: Callable[[Ledger], bool] = lambda _: True
    """Whether that is done which was to be done. It must be so at some time until it is answered."""
    is_done: Callable[[Any], bool] = lambda _: True
    """Whether the answer says that it is done."""
    may_fail: Callable[[Ledger], bool] = lambda _: True
    """Whether it may be refused. It must be so at some time until it is."""


def _digest(which: int) -> Digest:
    return IMAGES[which].digest


def _has(place: int, which: int, names: tuple[str, ...] = ()) -> Callable[[Ledger], bool]:
    digest, path = str(_digest(which)), PLACES[place].path

    def is_so(ledger: Ledger) -> bool:
        held = ledger.packages[path]
        return digest in held.artifacts and all(held.names.get(name) == digest for name in names)

    return is_so


def _has_blob(place: int, which: int) -> Callable[[Ledger], bool]:
    digest, path = str(Digest.of(CONTENTS[which])), PLACES[place].path
    return lambda ledger: digest in ledger.packages[path].blobs


def _means(place: int, name: str) -> Callable[[Ledger], bool]:
    return lambda ledger: name in ledger.packages[PLACES[place].path].names


def _is_yanked(place: int, name: str) -> Callable[[Ledger], bool]:
    return lambda ledger: name in ledger.packages[PLACES[place].path].yanked


def _is_cleared(place: int, which: int, channel: str) -> Callable[[Ledger], bool]:
    cleared = channel, str(_digest(which))
    return lambda ledger: cleared in ledger.packages[PLACES[place].path].cleared


def _no(is_so: Callable[[Ledger], bool]) -> Callable[[Ledger], bool]:
    return lambda ledger: not is_so(ledger)


# --- pushing ---


def push(scene: Scene, place: int, which: int, names: tuple[str, ...], chunks: int = 1) -> Act:
    """A client pushes an image with all its parts."""
    return Act(_push(scene.registry, PLACES[place], IMAGES[which], names, chunks), _has(place, which, names))


async def _push(registry: Registry, place: PackageId, pushed: Image, names: tuple[str, ...], chunks: int) -> None:
    for blob in pushed.blobs:
        if len(blob) <= registry.limits.inline_size or not await _mounted(registry, place, Digest.of(blob), chunks):
            await _upload(registry, place, blob, chunks)
    for child in pushed.children:
        await _push(registry, place, child, (), chunks)
    await publish(registry, ADMINISTRATOR, place, Draft(pushed.artifact, tags=tuple(map(ReferenceName, names))))


async def _mounted(registry: Registry, place: PackageId, digest: Digest, chunks: int) -> bool:
    """Those who send no chunks try to mount what they have somewhere else."""
    if chunks:
        return False
    other = PLACES[place == PLACES[0]]
    return await mount(registry, ADMINISTRATOR, place, digest, source=(ALL, other))


async def _upload(registry: Registry, place: PackageId, content: bytes, chunks: int) -> None:
    digest = Digest.of(content)
    upload = await begin_upload(registry, ADMINISTRATOR, place)
    size = len(content) // (chunks + 1)
    for number in range(chunks):
        piece = content[number * size : (number + 1) * size]
        await add_chunk(registry, upload, stream(piece), at=number * size)
    rest = content[chunks * size :]
    await finish_upload(registry, ADMINISTRATOR, upload, expected=digest, content=stream(rest), size=len(rest))


def push_manifest(scene: Scene, place: int, which: int, names: tuple[str, ...]) -> Act:
    """A client pushes a manifest whose parts it has pushed before."""
    draft = Draft(IMAGES[which].artifact, tags=tuple(map(ReferenceName, names)))
    return Act(publish(scene.registry, ADMINISTRATOR, PLACES[place], draft), _has(place, which, names))


def bring_blob(scene: Scene, place: int, which: int) -> Act:
    """A client uploads a blob, and nothing that needs it."""
    return Act(_upload(scene.registry, PLACES[place], CONTENTS[which], 1), _has_blob(place, which))


def mount_blob(scene: Scene, place: int, which: int) -> Act:
    """A client mounts a blob from the other package."""
    digest = Digest.of(CONTENTS[which])
    work = mount(scene.registry, ADMINISTRATOR, PLACES[place], digest, source=(ALL, PLACES[1 - place]))
    return Act(work, _has_blob(place, which), bool)


# --- names ---


def give_tag(scene: Scene, place: int, which: int, name: str) -> Act:
    """Somebody tags what is there."""
    work = tag(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which), ReferenceName(name))
    return Act(work, _has(place, which, (name,)))


def take_tag(scene: Scene, place: int, name: str) -> Act:
    """Somebody deletes a name."""
    work = delete_reference(scene.registry, ADMINISTRATOR, PLACES[place], ReferenceName(name))
    return Act(work, _no(_means(place, name)))


def yank_version(scene: Scene, place: int, name: str) -> Act:
    """Somebody yanks a version."""
    work = yank(scene.registry, ADMINISTRATOR, PLACES[place], ReferenceName(name), reason="broken")
    return Act(work, _is_yanked(place, name))


def unyank_version(scene: Scene, place: int, name: str) -> Act:
    """Somebody takes that back."""
    work = unyank(scene.registry, ADMINISTRATOR, PLACES[place], ReferenceName(name))
    return Act(work, _no(_is_yanked(place, name)))


# --- keeping ---


def promote_image(scene: Scene, place: int, which: int) -> Act:
    """Somebody promotes an image to the first channel."""
    work = promote(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which), DEV, seconds=0)
    return Act(work, _is_cleared(place, which, DEV), lambda promotion: promotion.state is PromotionState.APPLIED)


def unpromote_image(scene: Scene, place: int, which: int) -> Act:
    """Somebody takes it out again."""
    work = unpromote(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which), DEV)
    return Act(work, _no(_is_cleared(place, which, DEV)))


def clear(scene: Scene, place: int, which: int) -> Act:
    """An administrator opens a clearance."""
    work = open_clearance(scene.registry, ADMINISTRATOR, PLACES[place], PROD, _digest(which))
    return Act(work, _is_cleared(place, which, PROD))


def unclear(scene: Scene, place: int, which: int) -> Act:
    """An administrator closes a clearance."""
    work = close_clearance(scene.registry, ADMINISTRATOR, PLACES[place], PROD, _digest(which))
    return Act(work, _no(_is_cleared(place, which, PROD)))


def deploy(scene: Scene, place: int, target: int | str, service: int) -> Act:
    """A cluster reports what runs, by its digest or by its name."""
    where, path = Place(ACME, "prod", SERVICES[service]), PLACES[place].path
    meant = ReferenceName(target) if isinstance(target, str) else _digest(target)
    work = record_deployment(
        scene.registry, ADMINISTRATOR, PLACES[place], meant, place=where, particulars=Particulars()
    )

    def is_so(ledger: Ledger) -> bool:
        runs = ledger.running.get(SERVICES[service])
        return runs is not None and runs[0] == path and str(target if isinstance(target, str) else meant) in runs

    return Act(work, is_so)


def stop(scene: Scene, service: int) -> Act:
    """A cluster reports that nothing runs."""
    work = end_deployment(scene.registry, ADMINISTRATOR, Place(ACME, "prod", SERVICES[service]))
    return Act(work, lambda ledger: SERVICES[service] not in ledger.running)


def lease(scene: Scene, place: int, which: int, hours: int) -> Act:
    """Somebody leases an image."""
    ttl, leased = timedelta(hours=hours), (PLACES[place].path, str(_digest(which)))
    work = take_lease(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which), ttl=ttl, reason="needed")
    return Act(work, lambda ledger: any(each[:2] == leased for each in ledger.leases.values()))


def renew(scene: Scene, nth: int, hours: int) -> Act:
    """Somebody renews a lease."""
    id = _nth(scene.ledger.leases, nth)
    return Act(renew_lease(scene.registry, ADMINISTRATOR, id, ttl=timedelta(hours=hours)))


def release(scene: Scene, nth: int) -> Act:
    """Somebody ends a lease."""
    id = _nth(scene.ledger.leases, nth)
    return Act(release_lease(scene.registry, ADMINISTRATOR, id), lambda ledger: id not in ledger.leases)


def hold(scene: Scene, place: int, which: int) -> Act:
    """Somebody places a hold."""
    held = PLACES[place].path, str(_digest(which))
    work = place_hold(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which), reason="inquiry")
    return Act(work, lambda ledger: held in ledger.holds.values())


def lift(scene: Scene, nth: int) -> Act:
    """Somebody lifts a hold."""
    id = _nth(scene.ledger.holds, nth)
    return Act(lift_hold(scene.registry, ADMINISTRATOR, id), lambda ledger: id not in ledger.holds)


def _nth(known: dict[str, Any], nth: int) -> str:
    return list(known)[nth % len(known)] if known else "nobody's"


# --- letting go ---


def delete(scene: Scene, place: int, which: int) -> Act:
    """Somebody deletes an artifact."""
    work = delete_artifact(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which))
    return Act(work, _no(_has(place, which)))


def remove_blob(scene: Scene, place: int, which: int) -> Act:
    """A client deletes a blob."""
    work = delete_blob(scene.registry, ADMINISTRATOR, PLACES[place], Digest.of(CONTENTS[which]))
    return Act(work, _no(_has_blob(place, which)))


def have_back(scene: Scene, place: int, target: int | str) -> Act:
    """Somebody restores an artifact, or what a name meant."""
    is_name = isinstance(target, str)
    meant = ReferenceName(str(target)) if is_name else _digest(int(target))
    work = restore(scene.registry, ADMINISTRATOR, PLACES[place], meant)
    return Act(work, _means(place, str(target)) if is_name else _has(place, int(target)))


def purge_left(scene: Scene, place: int, which: int) -> Act:
    """Somebody takes what was deleted out of the trash for good."""
    digest, path = _digest(which), PLACES[place].path
    work = purge(scene.registry, ADMINISTRATOR, PLACES[place], digest)
    return Act(work, lambda ledger: str(digest) in ledger.packages[path].purged)


def erase_bytes(scene: Scene, which: int) -> Act:
    """Somebody has an image, or a blob, be here no more."""
    digest = [*(each.digest for each in IMAGES), *map(Digest.of, CONTENTS)][which]
    work = erase(_signing(scene.registry), ADMINISTRATOR, digest, reason="a key got out")
    return Act(work, lambda ledger: ledger.erased.get(str(digest)) in ledger.sealed)


def let_again(scene: Scene, nth: int) -> Act:
    """Somebody lets what was erased be brought again."""
    known = list(scene.ledger.erased) or [str(Digest.of(b"nothing"))]
    digest = known[nth % len(known)]
    work = lift_erasure(scene.registry, ADMINISTRATOR, Digest.parse(digest), reason="a mistake")
    return Act(work, lambda ledger: digest not in ledger.erased)


def _signing(registry: Registry) -> Registry:
    """The same, that signs what it erases."""
    return replace(registry, signing=KEY)


def _continue_erasures(registry: Registry) -> Coroutine[Any, Any, object]:
    return continue_erasures(_signing(registry))


# --- the two tiers ---


def move(scene: Scene, place: int, which: int, tier: str) -> Act:
    """Somebody lets an image lie in the other tier."""
    return Act(move_artifact(scene.registry, ADMINISTRATOR, PLACES[place], _digest(which), Tier(tier)))


def set_tiers(scene: Scene, which: int) -> Act:
    """Somebody says what stays hot."""
    return Act(set_tiering(scene.registry, ADMINISTRATOR, ACME, TIERINGS[which]))


def pull(scene: Scene, place: int, which: int) -> Act:
    """A client pulls an image: it gets all of it, wherever it lies, unless it was not there at some moment."""
    return Act(_pull(scene.registry, PLACES[place], IMAGES[which]), may_fail=_no(_serves(place, which)))


async def _pull(registry: Registry, place: PackageId, pulled: Image) -> None:
    await resolve(registry, ADMINISTRATOR, ALL, place, digest=pulled.digest)
    for content in pulled.blobs:
        found = await find_blob(registry, ADMINISTRATOR, ALL, place, Digest.of(content))
        whole = found.content if found.content is not None else await read_whole(registry, found)
        assert whole == content, "these are other bytes"


def _serves(place: int, which: int) -> Callable[[Ledger], bool]:
    needed = {str(_digest(which)), *(str(Digest.of(content)) for content in IMAGES[which].blobs)}
    path = PLACES[place].path

    def is_so(ledger: Ledger) -> bool:
        held = ledger.packages[path]
        return str(_digest(which)) in held.artifacts and needed <= ledger.stored

    return is_so


def set_rules(scene: Scene, which: int) -> Act:
    """Somebody says what is kept."""
    return Act(set_retention(scene.registry, ADMINISTRATOR, ACME, RULES[which]))


def plan(scene: Scene) -> Act:
    """Somebody asks what would go."""
    return Act(plan_retention(scene.registry, ADMINISTRATOR, ACME))


def apply(scene: Scene) -> Act:
    """Somebody applies the last plan."""
    name = list(scene.ledger.plans)[-1] if scene.ledger.plans else "nobody's"
    return Act(apply_plan(scene.registry, ADMINISTRATOR, name))


def schedule(scene: Scene, name: str) -> Act:
    """A schedule comes round."""
    return Act(SCHEDULES[name](scene.registry))


def wait(scene: Scene, hours: int) -> Act:
    """Time passes, at some moment or other."""
    return Act(_wait(scene, hours))


async def _wait(scene: Scene, hours: int) -> None:
    await scene.registry.catalog.head()
    scene.clock.advance(hours=hours)


SCHEDULES: dict[str, Callable[[Registry], Coroutine[Any, Any, object]]] = {
    "collect": collect,
    "sweep": sweep,
    "retain": retain_daily,
    "go on": go_on,
    "erase": _continue_erasures,
    "tier": tier_daily,
}

DEEDS: dict[str, Callable[..., Act]] = {
    each.__name__: each
    for each in (
        push,
        push_manifest,
        bring_blob,
        mount_blob,
        give_tag,
        take_tag,
        yank_version,
        unyank_version,
        promote_image,
        unpromote_image,
        clear,
        unclear,
        deploy,
        stop,
        lease,
        renew,
        release,
        hold,
        lift,
        delete,
        remove_blob,
        have_back,
        purge_left,
        erase_bytes,
        let_again,
        move,
        set_tiers,
        pull,
        set_rules,
        plan,
        apply,
        schedule,
        wait,
    )
}
