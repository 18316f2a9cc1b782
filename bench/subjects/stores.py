"""A database and an object store that servers of many nodes share: PostgreSQL, durable, and versitygw over files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tools
from tests.object_servers import BUCKET, CREDENTIALS, KEY, SECRET, ObjectServer, versitygw
from tests.postgresql import Cluster, running_cluster

_REGION = CREDENTIALS["AWS_DEFAULT_REGION"]


@dataclass(frozen=True, slots=True)
class Stores:
    """Both of them, running."""

    cluster: Cluster
    objects: ObjectServer

    def variables(self) -> Mapping[str, str]:
        """What Entrepot needs in its environment, to be on a new database and in the bucket."""
        return {
            "ENTREPOT_DATABASE": self.cluster.create(),
            "ENTREPOT_BLOBS": self.objects.address("entrepot"),
            **CREDENTIALS,
        }

    def s3(self) -> Mapping[str, object]:
        """What distribution's driver needs to be in the same bucket."""
        return {
            "region": _REGION,
            "regionendpoint": self.objects.endpoint,
            "bucket": BUCKET,
            "accesskey": KEY,
            "secretkey": SECRET,
            "rootdirectory": "/distribution",
            "forcepathstyle": True,
            "secure": False,
        }


@contextmanager
def running_database() -> Iterator[Cluster]:
    """PostgreSQL alone, durable. Raises `tools.ToolMissing`."""
    for program in ("initdb", "pg_ctl"):
        tools.path(program)
    with running_cluster(durable=True) as cluster:
        yield cluster


@contextmanager
def running_stores(home: Path) -> Iterator[Stores]:
    """Both of them. Raises `tools.ToolMissing`."""
    tools.path("versitygw")
    os.environ.update(CREDENTIALS)  # of nobody's; its own client looks for them there
    with running_database() as cluster, versitygw(home) as objects:
        yield Stores(cluster, objects)
