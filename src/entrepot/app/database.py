"""What a database says of itself, to whoever looks at an installation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from entrepot.drivers.catalog.postgresql import migrate
from entrepot.drivers.catalog.postgresql.connecting import connected, translated

_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What it must be set to, so that it does not lose what it has acknowledged when the power goes."""
_ALSO_WAIT: Final = frozenset({"local", "remote_write", "remote_apply"})
"""For the disk of the database itself, whatever they wait for beside it."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What is to be known of a database before it is relied on."""

    version: str
    major: int
    schema: int
    """The number of its schema; 0 where there is none."""
    expected_schema: int
    """The one that this program is written for."""
    careless: tuple[str, ...]
    """The settings by which it may lose what it has acknowledged."""
    ahead_seconds: float
    """By how much its clock is ahead of ours."""
    free_connections: int
    encrypted: bool
    here: bool
    """Whether what is said to it does not leave this machine."""


def look_at_database(address: str) -> DatabaseFacts:
    """Ask the database at *address*. Raises `Unavailable`, `Invalid`."""
    with translated(), connected(address) as connection:

        def setting(name: str) -> str:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            return "" if row is None else str(row[0])

        said = {name: setting(name) for name in _DURABLE}
        used, encrypted, here, now = connection.execute(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), FALSE),"
            " inet_server_addr() IS NOT DISTINCT FROM inet_client_addr(), clock_timestamp()"
        ).fetchone() or (0, False, False, datetime.now(UTC))
        ahead = (now - datetime.now(UTC)).total_seconds()
        version = setting("server_version")
        return DatabaseFacts(
            version=version,
            major=int(setting("server_version_num")) // 10_000,
            schema=migrate.version_of(connection)[0],
            expected_schema=migrate.latest(),
            careless=tuple(
                f"{name} = {value}"
                for name, value in said.items()
                if value != _DURABLE[name] and value not in _ALSO_WAIT
            ),
            ahead_seconds=ahead,
            free_connections=int(setting("max_connections"))
            - int(setting("superuser_reserved_connections"))
            - int(used),
            encrypted=bool(encrypted),
            here=bool(here),
        )
