"""Connections to PostgreSQL, and what its failures mean in the registry's words: the one place that sets them up."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import errors
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader, NumericLoader
from psycopg.types.string import StrDumper, TextBinaryLoader, TextLoader

from entrepot.drivers.catalog.postgresql.hanging import Grip, answered_within, found_out
from entrepot.model.errors import Corrupt, Invalid, StorageFull, StorageReadOnly, TooLarge, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS: Final = 15.0
"""So long questions and changes wait for a database that is away: a restart, or going over to a standby, takes less."""
_CONNECT_SECONDS: Final = 3
_SETTING_SECONDS: Final = 3.0
_STATEMENT_MILLISECONDS: Final = 300_000
"""Longer than any page takes: what runs so long was forgotten. Checks read whole tables."""
_DEAD_MILLISECONDS: Final = 10_000
"""After which a connection whose other end says nothing more is a failed one."""
_LETS_GO: Final = "SET idle_in_transaction_session_timeout = '5s'"
"""All writers of all nodes wait for one that was stopped, or cut off, in the middle of a change: not for long."""


class _WholeText(NumericLoader):
    """Sums of integers are integers again."""

    def load(self, data: Any) -> Any:
        return int(super().load(data))


class _WholeBinary(NumericBinaryLoader):
    """Likewise."""

    def load(self, data: Any) -> Any:
        return int(super().load(data))


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    # A parameter has one type, however small its value: statements are prepared by the types of their parameters.
    adapters.register_dumper(int, Int8BinaryDumper)
    adapters.register_dumper(str, StrDumper)
    adapters.register_loader("numeric", _WholeText)
    adapters.register_loader("numeric", _WholeBinary)
    # Documents are read by who asked for them.
    adapters.register_loader("json", TextLoader)
    adapters.register_loader("json", TextBinaryLoader)
    return adapters


_ADAPTERS: Final = _adapters()
_PARAMETERS: Final[dict[str, Any]] = {
    "autocommit": True,
    "connect_timeout": _CONNECT_SECONDS,
    "client_encoding": "utf8",
    "application_name": "entrepot",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": _DEAD_MILLISECONDS,
    "prepare_threshold": 1,
}


def connect(address: str, hold: Callable[[psycopg.Connection], object] | None = None) -> psycopg.Connection:
    """A connection that writes; given to *hold* before anything is asked on it. Raises `psycopg.Error`."""
    connection = psycopg.connect(address, context=_Context(), **_PARAMETERS)
    if hold is not None:
        hold(connection)
    connection.execute(_LETS_GO)
    return connection


@contextmanager
def connected(address: str) -> Iterator[psycopg.Connection]:
    """The same for as long as the block lasts, in which nobody waits for a database that says nothing.

    Raises `psycopg.Error`.
    """
    with closing(_Held(address)) as held, found_out(held, lambda: is_there(address)):
        yield held.connect()


class _Held:
    """A connection that others can end."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._grip: Grip | None = None
        self._connection: psycopg.Connection | None = None

    def connect(self) -> psycopg.Connection:
        """Make it. Raises `psycopg.Error`."""
        return connect(self._address, self._hold)

    def _hold(self, connection: psycopg.Connection) -> None:
        self._connection, self._grip = connection, Grip(connection)

    def end(self) -> None:
        """Break it, from any thread."""
        if self._grip is not None:
            self._grip.end()

    def close(self) -> None:
        """Let go of it, if it was made."""
        if self._grip is not None and self._connection is not None:
            self._grip.close()
            self._connection.close()


async def connect_holding(address: str) -> psycopg.AsyncConnection:
    """A connection that says from time to time that somebody is there. Raises `psycopg.Error`."""
    # What is lost of this in a crash of the database was only said too early.
    return await _connect(address, f"{_LETS_GO}; SET synchronous_commit = off")


async def connect_reading(address: str) -> psycopg.AsyncConnection:
    """A connection that only reads. Raises `psycopg.Error`."""
    # To compile a statement takes longer than the pages of any of ours.
    return await _connect(
        address,
        f"SET default_transaction_read_only = on; SET statement_timeout = {_STATEMENT_MILLISECONDS}; SET jit = off",
    )


async def _connect(address: str, settings: str) -> psycopg.AsyncConnection:
    connection = await psycopg.AsyncConnection.connect(address, context=_Context(), **_PARAMETERS)
    try:
        with answered_within(_SETTING_SECONDS, connection):
            await connection.execute(settings.encode())
    except BaseException:
        await connection.close()
        raise
    return connection


async def is_there(address: str) -> bool:
    """Whether the database answers somebody who comes anew, be it with a refusal."""
    try:
        await (await connect_reading(address)).close()
    except psycopg.Error as error:
        return error.sqlstate is not None
    except OSError:
        return False
    return True


class _Context:
    """How values become what the database knows, and back."""

    adapters = _ADAPTERS
    connection = None


PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError, errors.IdleInTransactionSessionTimeout)
"""What may be otherwise when the same is tried again; the next function knows the exceptions."""

OF_THE_CHANGE: Final = (
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.ProgrammingError,
    errors.ProgramLimitExceeded,
)
"""What is wrong with one change alone; anything else the database fails with is wrong with the commit."""

_LASTING: Final = (
    errors.ProgramLimitExceeded,
    errors.DiskFull,
    errors.QueryCanceled,
    errors.InsufficientPrivilege,
    errors.UndefinedFile,
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
    errors.InvalidCatalogName,
)


def may_pass(error: Exception) -> bool:
    """Whether it is worth while to try again soon."""
    return isinstance(error, PASSING) and not isinstance(error, _LASTING)


def said(error: BaseException) -> BaseException:
    """The same failure in our words, when it is the database's."""
    match error:
        case errors.DiskFull():
            ours: Exception = StorageFull("catalog")
        case errors.ReadOnlySqlTransaction():
            ours = StorageReadOnly("catalog")
        case errors.DataCorrupted() | errors.IndexCorrupted():
            ours = Corrupt("catalog")
        case errors.ProgramLimitExceeded():
            ours = TooLarge("a name or value")
        case errors.CharacterNotInRepertoire() | errors.UntranslatableCharacter():
            ours = Invalid("text with a NUL character")
        case psycopg.DataError() if "NUL" in str(error):
            ours = Invalid("text with a NUL character")
        case psycopg.OperationalError() | psycopg.InterfaceError() | errors.IdleInTransactionSessionTimeout():
            ours = Unavailable("catalog")
        case _:
            return error
    ours.__cause__ = error
    return ours


@contextmanager
def translated() -> Iterator[None]:
    """Say a failure of the database in our words. Raises `StorageFull`, `StorageReadOnly`, `Unavailable`, `Corrupt`."""
    try:
        yield
    except psycopg.Error as error:
        if (ours := said(error)) is not error:
            raise ours from error
        raise
