"""The works that are measured, group by group; each group starts its own servers on fresh data."""

from bench.session import Group
from bench.works import catalog_size, downloads, files, manifests, memory, pushes, uploads

GROUPS: tuple[Group, ...] = (
    manifests.GROUP,
    downloads.GROUP,
    uploads.GROUP,
    pushes.GROUP,
    files.GROUP,
    memory.GROUP,
    catalog_size.GROUP,
)
