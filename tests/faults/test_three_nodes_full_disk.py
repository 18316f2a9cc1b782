"""Three nodes under load, while the disk of their bucket, of their database, or of their own becomes full.

Whoever writes is told so, nothing that was acknowledged is lost, who pulls notices nothing, and all goes on once there is
room. A database that can write no log any more ends by itself; it is started again when there is room, as a supervisor
would.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.disk import Disk, in_memory
from tests.faults.nodes import LONG, Crowd, Nodes, Pullers, Report, running_nodes
from tests.object_servers import CREDENTIALS, versitygw
from tests.postgresql import Cluster, running_cluster

MEBI = 1024 * 1024
SECONDS = 30.0 if LONG else 5.0
"""So long there is no room."""

pytestmark = pytest.mark.timeout(1800 if LONG else 900)


@dataclass
class World:
    """The nodes, and the disks of what they stand on."""

    nodes: Nodes
    cluster: Cluster
    bucket: Disk
    database: Disk
    own: Disk


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        # Whom a cluster belongs to may not look into the folders of tests.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="disks")))
        home.chmod(0o755)
        disks = [
            stack.enter_context(in_memory(home, size=size * MEBI, name=name))
            for name, size in (("bucket", 200), ("database", 300), ("own", 100))
        ]
        bucket, database, own = disks
        database.root.chmod(0o777)
        cluster = stack.enter_context(running_cluster(inside=database.root))
        objects = stack.enter_context(versitygw(bucket.root))
        settings = {"database": cluster.create(), "blobs": objects.address("registry")}
        nodes = stack.enter_context(running_nodes(own.root, lambda _: settings, logs=home))
        yield World(nodes, cluster, bucket, database, own)


def test_disks_become_full_and_have_room_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = world.nodes
    with Crowd(nodes, "full") as crowd, Pullers(nodes) as pullers:
        report = Report(crowd, pullers)
        crowd.wait_for_each(3)
        with report.fault("the bucket's disk full"):
            world.bucket.fill()
            time.sleep(SECONDS)  # What goes wrong for a while is what is tried here.
            world.bucket.free()
        with report.fault("the nodes' own disks full"):
            world.own.fill()
            time.sleep(SECONDS)
            world.own.free()
        reads = len(pullers.refused)
        with report.fault("the database's disk full"):
            world.database.fill()
            time.sleep(SECONDS)
            world.database.free()
            ended = not world.cluster.is_running
            if ended:
                world.cluster.start()
    with capsys.disabled():
        print("", *report.rows, f"the database ended by itself: {ended}", sep="\n")  # noqa: T201 - the report is for who runs it

    assert pullers.wrong == []
    assert pullers.refused[:reads] == []
    crowd.verify()
    assert nodes.violations() == []
