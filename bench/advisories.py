"""A catalog of many artifacts, with what is in them and what is known to be bad, written straight into its tables.

``python -m bench.advisories --artifacts 1000000 --data DIR`` makes it; the operations that are measured are the
product's own, the rows are as it would have written them.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from entrepot.app.parts import CATALOG_FILE, open_registry
from entrepot.scanning.rules import Interval, Rule
from entrepot.settings import Settings

USES_PER_ARTIFACT = 20
ADVISORIES = 100_000
NAMES = 50_000  # of packages that advisories are about
PACKAGES = 20_000  # of them, those that are here
VERSIONS = 10
POPULAR = 5  # components that every twentieth artifact has
_POPULAR_SHARE = 20

_NAMESPACE = 1
_PACKAGE_SIZE = 10  # artifacts of a package
_TIME = "2026-01-31T12:00:00.000000Z"


def fill(data: Path, artifacts: int, report: Callable[[str], None]) -> None:
    """Make the catalog, unless it is there."""
    asyncio.run(_open(data))
    connection = sqlite3.connect(data / CATALOG_FILE, isolation_level=None)
    try:
        if connection.execute("SELECT count(*) FROM advisory").fetchone()[0]:
            return
        for pragma in ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000", "BEGIN"):
            connection.execute(pragma)
        report(f"{artifacts:,} artifacts")
        _add_artifacts(connection, artifacts)
        report(f"{artifacts * USES_PER_ARTIFACT:,} uses of components")
        _add_uses(connection, artifacts)
        report(f"{ADVISORIES:,} advisories")
        _add_advisories(connection)
        connection.execute("COMMIT")
    finally:
        connection.close()


async def _open(data: Path) -> None:
    async with open_registry(Settings(data=str(data))):
        """The schema is there now."""


def _add_artifacts(connection: sqlite3.Connection, artifacts: int) -> None:
    numbers = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {artifacts})"
    connection.execute("INSERT INTO namespace (id, name, public, rules, revision) VALUES (1, 'bench', 0, '{}', 1)")
    connection.execute("INSERT INTO channel (id, namespace_id, name, rank) VALUES (1, 1, 'prod', 0)")
    for statement in (
        f"""INSERT INTO package (id, namespace_id, format, name, revision, hosted)
            SELECT i, {_NAMESPACE}, 'oci', 'service-' || i, 1, 1 FROM n WHERE i <= {artifacts // _PACKAGE_SIZE}""",
        "INSERT INTO blob (id, digest, size, state) SELECT i, 'sha256:' || printf('%064x', i), 500, 'present' FROM n",
        "INSERT INTO artifact (blob_id, media_type) SELECT i, 'application/vnd.oci.image.manifest.v1+json' FROM n",
        f"""INSERT INTO membership (package_id, blob_id, role, from_position)
            SELECT (i - 1) / {_PACKAGE_SIZE} + 1, i, 'artifact', i FROM n""",
        f"""INSERT INTO reference (package_id, kind, name, blob_id, sealed, from_position)
            SELECT (i - 1) / {_PACKAGE_SIZE} + 1, 'version', '1.' || ((i - 1) % {_PACKAGE_SIZE}), i, 1, i FROM n""",
    ):
        connection.execute(statement.replace("INSERT INTO", f"{numbers} INSERT INTO", 1))


def _add_uses(connection: sqlite3.Connection, artifacts: int) -> None:
    count = PACKAGES * VERSIONS
    components = [
        (number + 1, "pypi", "", f"package-{number // VERSIONS}", f"1.{number % VERSIONS}", "")
        for number in range(count)
    ]
    connection.executemany("INSERT INTO component VALUES (?, ?, ?, ?, ?, ?)", components)
    connection.execute("INSERT INTO component_subject SELECT id, type, name, '', version FROM component")
    connection.execute("DROP INDEX component_use_blob_idx")
    connection.executemany(
        f"""INSERT INTO component_use (component_id, blob_id, package_id, relation)
            VALUES (?1, ?2, (?2 - 1) / {_PACKAGE_SIZE} + 1, 'contained')""",
        _uses(artifacts, count),
    )
    connection.execute("CREATE INDEX component_use_blob_idx ON component_use (blob_id, package_id)")


def _uses(artifacts: int, components: int) -> Iterator[tuple[int, int]]:
    """Some components are in very many artifacts, the others share the rest evenly; in the order of their table."""
    share = artifacts // _POPULAR_SHARE
    each = max(1, (artifacts * USES_PER_ARTIFACT - POPULAR * share) // (components - POPULAR))
    for component in range(1, components + 1):
        uses = share if component <= POPULAR else each
        step = max(1, artifacts // max(1, uses))
        begin = component * 7919 % artifacts
        yield from sorted({(component, (begin + number * step) % artifacts + 1) for number in range(uses)})


def _add_advisories(connection: sqlite3.Connection) -> None:
    rule = Rule("pep440", (Interval(None, "1.2", repaired=True),)).encode()
    connection.execute("INSERT INTO advisory_source (id, name, imported_at) VALUES (1, 'bench', ?)", (_TIME,))
    connection.executemany(
        """INSERT INTO advisory
               (id, change, name, source_id, modified, level, summary, aliases, upstream, hash, content)
           VALUES (?1, ?1, ?2, 1, ?3, 'high', 'It leaks.', ?4, '[]', x'00', x'00')""",
        ((number, f"BENCH-{number}", _TIME, f'["CVE-2026-{number}"]') for number in range(1, ADVISORIES + 1)),
    )
    connection.execute("UPDATE advisory_feed SET change = ?", (ADVISORIES,))
    connection.executemany(
        "INSERT INTO advisory_name (name, advisory_id) VALUES (?, ?)",
        sorted(
            (name, number) for number in range(1, ADVISORIES + 1) for name in (f"BENCH-{number}", f"CVE-2026-{number}")
        ),
    )
    connection.executemany(
        "INSERT INTO affected (ecosystem, name, advisory_id, release, rule) VALUES ('pypi', ?, ?, '', ?)",
        ((f"package-{number % NAMES}", number, rule) for number in range(1, ADVISORIES + 1)),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.advisories", description="Make such a catalog.")
    parser.add_argument("--artifacts", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    fill(options.data, options.artifacts, print)
