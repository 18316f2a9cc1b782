"""Bundles of an installation, for commands: its operator may read and publish everything."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from entrepot.app.parts import open_registry
from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.errors import Conflict, InvalidBundle, InvalidKey
from entrepot.model.names import PrincipalName
from entrepot.operations.export import ExportedBundle, Wanted, WantedPurl, WantedSearch, export
from entrepot.operations.import_bundle import Imported, import_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from entrepot.model.names import NamespaceName
    from entrepot.settings import Settings
    from entrepot.trust.keys import PublicKey

_OPERATOR: Final = Caller(
    Principal(PrincipalName("operator"), PrincipalKind.USER), Rights(((Allowance(Role.ADMINISTRATOR),),))
)


async def export_bundle(
    settings: Settings, wanted: Sequence[Wanted | WantedPurl | WantedSearch], path: Path, *, overwrite: bool = False
) -> ExportedBundle:
    """Write a bundle to a file, durably, whole or not at all, and in the place of another only to *overwrite* it.

    Raises `Conflict` when something is there, and what `export` raises.
    """
    if not overwrite:
        _require_nothing_at(path)
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with open(part, "xb") as file:  # noqa: ASYNC230, PTH123 - nothing else waits, here or below
        try:
            async with open_registry(settings) as registry:
                made = await export(registry, _OPERATOR, wanted, file)
            file.flush()
            os.fsync(file.fileno())
            if not overwrite:
                # What is carried by hand has file systems without links: who came in this moment is replaced.
                _require_nothing_at(path)
            os.replace(part, path)  # noqa: PTH105 - as above
        except BaseException:
            os.unlink(part)  # noqa: PTH108 - as above
            raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)
    return made


def _require_nothing_at(path: Path) -> None:
    if path.exists():
        raise Conflict(f"{path} is there already: take another name, or overwrite it")


async def import_file(
    settings: Settings, path: Path, keys: Sequence[PublicKey], into: NamespaceName | None, *, dry_run: bool = False
) -> Imported:
    """Publish what a bundle brings, or only verify it; without *keys* this registry must have sealed it itself.

    Raises what `import_bundle` raises.
    """
    async with open_registry(settings) as registry:
        if not keys and registry.signing is None:
            raise InvalidKey("bundle", expected="the key that sealed it")
        own = [] if registry.signing is None else [registry.signing.public_key]
        with open(path, "rb") as file:  # noqa: ASYNC230, PTH123 - nothing else waits
            if not file.seekable():
                raise InvalidBundle(
                    path, expected="a file, which is read twice: nothing comes in before all is verified"
                )
            return await import_bundle(registry, _OPERATOR, file, keys or own, into=into, dry_run=dry_run)
