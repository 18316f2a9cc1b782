"""What may meet: two or three things that are done at once, where one lets go of what another one needs."""

from __future__ import annotations

from tests.laws.deeds import IMAGES, Deed
from tests.laws.orders import Case

ONE, TWO = 0, 1
"""The packages."""
IMAGE, OTHER, BOTH, LIST, NESTED, SIGNATURE = range(6)
NOTHING, NAMELESS, BUILDS = range(3)
"""The rules."""
DAY = 25
WEEK = 200


def do(what: str, *how: object) -> Deed:
    """A deed."""
    return Deed(what, how)


COLLECT, SWEEP = do("schedule", "collect"), do("schedule", "sweep")
RETAIN, GO_ON = do("schedule", "retain"), do("schedule", "go on")
PUSHED = do("push", ONE, IMAGE, (), 1)
DELETED = do("delete", ONE, IMAGE)
CONDEMNED = (PUSHED, DELETED, 2 * DAY, COLLECT, WEEK)
"""An image that nobody has any more, and whose time is up."""
PLANNED = (do("set_rules", NAMELESS), PUSHED, do("plan"))
"""An image that would go by a plan."""
IN_TRASH = (PUSHED, DELETED)
PURGED, BACK = do("purge_left", ONE, IMAGE), do("have_back", ONE, IMAGE)
LARGE = len(IMAGES) + 1
"""What is erased when it is not an image: a layer of the first one, and of another one."""
ERASED = do("erase_bytes", IMAGE)
COLD, HOT = do("move", ONE, IMAGE, "cold"), do("move", ONE, IMAGE, "hot")

CASES = [
    Case(
        "an image comes back while its bytes are condemned",
        (PUSHED, DELETED, 2 * DAY),
        (BACK, COLLECT),
    ),
    Case("an image is pushed again while its bytes are given up", CONDEMNED, (PUSHED, COLLECT)),
    Case(
        "an image is pushed to another package while its bytes are given up",
        CONDEMNED,
        (do("push", TWO, BOTH, ("1.0",), 1), COLLECT),
    ),
    Case("an image comes back while its bytes are given up", CONDEMNED, (BACK, COLLECT)),
    Case(
        "two collect at once, and somebody pushes", CONDEMNED, (COLLECT, COLLECT, do("push_manifest", ONE, IMAGE, ()))
    ),
    Case(
        "a blob is mounted while it is dropped and condemned",
        (do("bring_blob", ONE, 1), 2 * DAY),
        (do("mount_blob", TWO, 1), COLLECT),
    ),
    Case(
        "an image mounts a blob that is deleted where it comes from, and collected",
        (PUSHED, 2 * DAY),
        (do("push", TWO, IMAGE, ("1.0",), 0), DELETED, COLLECT),
    ),
    Case(
        "a manifest needs blobs that are dropped just then",
        (
            *(do("bring_blob", ONE, blob) for blob in (1, 2)),
            do("push", ONE, OTHER, (), 1),
            do("delete", ONE, OTHER),
            2 * DAY,
        ),
        (do("push_manifest", ONE, OTHER, ("latest",)), COLLECT),
    ),
    Case(
        "an upload rests while what uploads left is swept",
        (2 * DAY,),
        (do("push", ONE, OTHER, ("1.0",), 2), do("wait", 2 * DAY), SWEEP),
    ),
    Case("a tag is set while a plan is applied", PLANNED, (do("apply"), do("give_tag", ONE, IMAGE, "latest"))),
    Case("an image is promoted while a plan is applied", PLANNED, (do("apply"), do("promote_image", ONE, IMAGE))),
    Case("an image is deployed while a plan is applied", PLANNED, (do("apply"), do("deploy", ONE, IMAGE, 0))),
    Case(
        "an image is leased while a plan is applied, and the lease runs out",
        PLANNED,
        (do("apply"), do("lease", ONE, IMAGE, 1), do("wait", 2)),
    ),
    Case(
        "an index that contains it is pushed while a plan is applied",
        (do("push", ONE, OTHER, ("2.0",), 1), *PLANNED),
        (do("apply"), do("push_manifest", ONE, LIST, ("1.0",))),
    ),
    Case("a signature is pushed while a plan is applied", PLANNED, (do("apply"), do("push", ONE, SIGNATURE, (), 1))),
    Case("two apply a plan while the rules change", PLANNED, (do("apply"), do("apply"), do("set_rules", NOTHING))),
    Case("a plan is applied while another one is made", PLANNED, (do("apply"), RETAIN)),
    Case(
        "what was let go comes back while a plan is gone on with",
        (*PLANNED, do("apply")),
        (BACK, GO_ON, COLLECT),
    ),
    Case(
        "a lease is renewed as it runs out, and somebody deletes",
        (PUSHED, do("lease", ONE, IMAGE, 1)),
        (do("renew", 0, 30), do("wait", 2), DELETED),
    ),
    Case(
        "a lease is swept as it is renewed",
        (PUSHED, do("lease", ONE, IMAGE, 1)),
        (do("renew", 0, 30), do("wait", 2), SWEEP),
    ),
    Case(
        "what runs by a tag is deployed while the tag is deleted",
        (do("push", ONE, IMAGE, ("latest",), 1),),
        (do("deploy", ONE, "latest", 0), do("take_tag", ONE, "latest")),
    ),
    Case(
        "the last target of a rollback is deleted while something else is deployed",
        (PUSHED, do("push", ONE, OTHER, (), 1), do("deploy", ONE, IMAGE, 0)),
        (do("deploy", ONE, OTHER, 0), DELETED),
    ),
    Case(
        "a hold is lifted while a plan is applied",
        (do("set_rules", BUILDS), do("push", ONE, IMAGE, ("build-1",), 1), do("hold", ONE, IMAGE)),
        (RETAIN, do("lift", 0), DELETED),
    ),
    Case(
        "an index is deleted while what it contains is",
        (do("push", ONE, LIST, ("1.0",), 1),),
        (do("delete", ONE, LIST), DELETED, COLLECT),
    ),
    Case(
        "a version is yanked, promoted and deleted",
        (do("push", ONE, IMAGE, ("1.0",), 1),),
        (do("yank_version", ONE, "1.0"), do("promote_image", ONE, IMAGE), DELETED),
    ),
    Case(
        "a version is deleted, had back and pushed again",
        (do("push", ONE, IMAGE, ("1.0",), 1), DELETED),
        (do("have_back", ONE, "1.0"), do("push", ONE, IMAGE, ("1.0",), 1)),
    ),
    Case(
        "bytes are deleted by a client while another one needs them",
        (do("bring_blob", ONE, 1),),
        (do("remove_blob", ONE, 1), PUSHED),
    ),
    Case(
        "what an index contains is purged while the index comes back",
        (do("push", ONE, LIST, ("1.0",), 1), do("delete", ONE, LIST), DELETED),
        (PURGED, do("have_back", ONE, LIST)),
    ),
    Case("an image is purged while it comes back, and bytes are collected", IN_TRASH, (PURGED, BACK, COLLECT)),
    Case("an image is purged while it is pushed again", IN_TRASH, (PURGED, PUSHED)),
    Case("two purge an image while another package gets it", IN_TRASH, (PURGED, PURGED, do("push", TWO, BOTH, (), 0))),
    Case(
        "an image is erased while it is pushed, by somebody else and again",
        (PUSHED,),
        (ERASED, do("push", TWO, BOTH, ("1.0",), 2), PUSHED),
    ),
    Case(
        "an image is erased while it is promoted and deployed",
        (do("push", ONE, IMAGE, ("1.0",), 1),),
        (ERASED, do("promote_image", ONE, IMAGE), do("deploy", ONE, IMAGE, 0)),
    ),
    Case(
        "an image is erased while it is held and a blob of it mounted",
        (PUSHED,),
        (ERASED, do("hold", ONE, IMAGE), do("mount_blob", TWO, 1)),
    ),
    Case("an image is erased while it comes back, or is purged", IN_TRASH, (ERASED, BACK, PURGED)),
    Case("an image is erased while a plan is applied", PLANNED, (ERASED, do("apply"), COLLECT)),
    Case(
        "two erase what has a part in common, and somebody goes on",
        (do("push", ONE, LIST, ("1.0",), 1),),
        (ERASED, do("erase_bytes", LARGE), do("schedule", "erase")),
    ),
    Case("what was erased is let again while it is pushed", (PUSHED, ERASED), (do("let_again", 1), PUSHED)),
    Case(
        "an image goes cold while it is pulled and pushed again",
        (PUSHED,),
        (COLD, do("pull", ONE, IMAGE), do("push", TWO, BOTH, ("1.0",), 1)),
    ),
    Case("an image goes cold while its bytes are given up", CONDEMNED[:-1], (COLD, BACK, COLLECT)),
    Case("an image goes cold while it is deleted and collected", (PUSHED,), (COLD, DELETED, COLLECT)),
    Case("an image goes both ways at once, and is pulled", (PUSHED, COLD), (HOT, COLD, do("pull", ONE, IMAGE))),
    Case("an image comes from the cold while it is erased", (PUSHED, COLD), (HOT, ERASED)),
    Case("an image goes cold while it is erased", (PUSHED,), (COLD, ERASED, do("pull", ONE, IMAGE))),
    Case("what is cold is deleted and purged while it comes back", (PUSHED, COLD, DELETED), (PURGED, BACK, SWEEP)),
    Case(
        "what rules let go cold is deployed and pulled meanwhile",
        (do("set_tiers", 1), PUSHED, 2 * DAY),
        (do("schedule", "tier"), do("deploy", ONE, IMAGE, 0), do("pull", ONE, IMAGE)),
    ),
]
