"""The works that are measured, group by group; each group starts its own servers on fresh data."""

from bench.session import Group
from bench.works import (
    advisories,
    backups,
    catalog_size,
    downloads,
    files,
    followers,
    index_files,
    installs,
    journal,
    manifests,
    memory,
    node_packages,
    policies,
    provenance,
    pushes,
    python_packages,
    upkeep,
    uploads,
)

GROUPS: tuple[Group, ...] = (
    manifests.GROUP,
    downloads.GROUP,
    uploads.GROUP,
    pushes.GROUP,
    followers.GROUP,
    files.GROUP,
    python_packages.GROUP,
    node_packages.GROUP,
    index_files.GROUP,
    installs.GROUP,
    journal.GROUP,
    provenance.GROUP,
    policies.GROUP,
    memory.GROUP,
    catalog_size.GROUP,
    upkeep.GROUP,
    backups.GROUP,
    advisories.GROUP,
)
