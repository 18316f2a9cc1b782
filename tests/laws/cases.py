"""What may meet: two or three things that are done at once, where one lets go of what another one needs."""

from __future__ import annotations

from tests.laws.deeds import Deed
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

CASES = [
    Case(
        "an image comes back while its bytes are condemned",
        (PUSHED, DELETED, 2 * DAY),
        (do("have_back", ONE, IMAGE), COLLECT),
    ),
    Case("an image is pushed again while its bytes are given up", CONDEMNED, (PUSHED, COLLECT)),
    Case(
        "an image is pushed to another package while its bytes are given up",
        CONDEMNED,
        (do("push", TWO, BOTH, ("1.0",), 1), COLLECT),
    ),
    Case("an image comes back while its bytes are given up", CONDEMNED, (do("have_back", ONE, IMAGE), COLLECT)),
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
        (do("have_back", ONE, IMAGE), GO_ON, COLLECT),
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
]
