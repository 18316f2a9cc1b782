"""What is done before any worker starts, once for all of them."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

import structlog

from entrepot.app.blobs import look_at_blobs
from entrepot.app.parts import open_registry
from entrepot.model.errors import RegistryError
from entrepot.operations.follow import introduce
from entrepot.operations.log import sign_again
from entrepot.operations.signers import establish_own_signer
from entrepot.operations.token import create_first_token
from entrepot.wire.logs import configure_logs

if TYPE_CHECKING:
    from entrepot.model.access import TokenSecret
    from entrepot.settings import Settings

ADMIN_TOKEN_FILE: Final = "admin-token"  # noqa: S105 (a file's name)

_log = structlog.stdlib.get_logger("entrepot.app")


def prepare(settings: Settings) -> None:
    """Make the data directory and, when it is new, the administrator's token; let the registry's key be known.

    Raises what opening the registry raises.
    """
    configure_logs(settings.log_format, settings.log_level)
    asyncio.run(_prepare(settings))


async def _prepare(settings: Settings) -> None:
    path = settings.data_path / ADMIN_TOKEN_FILE

    def keep(secret: TokenSecret) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{secret.text}\n")
            file.flush()
            os.fsync(file.fileno())
        # The folder too: now it has all that the registry consists of.
        folder = os.open(settings.data_path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    async with open_registry(settings) as registry:
        await look_at_blobs(registry.blobs)
        secret = await create_first_token(registry, keep)
        if settings.followers:
            await introduce(registry)
        await establish_own_signer(registry)
        try:
            await sign_again(registry)
        except RegistryError as error:
            # Nothing else has to wait for a key that is away, or for a log that has to be repaired.
            _log.error("the log's checkpoint is still signed as it was before", reason=str(error))
    if secret is not None:
        print(f"administrator token, shown once (also in {path}):\n{secret.text}", file=sys.stderr, flush=True)
