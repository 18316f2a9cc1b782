"""``entrepot backup`` and ``entrepot recover``: all that an installation is, somewhere else, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from entrepot.app import backups
from entrepot.cli import Failure
from entrepot.cli.duration import Duration, print_duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.cli.settings import config_option, data_option, find_installation, load_settings
from entrepot.model.errors import RegistryError
from entrepot.operations.backup import find_backup, list_backups
from entrepot.operations.prune_backups import Keep
from entrepot.trust.keys import PublicKey

if TYPE_CHECKING:
    from entrepot.app.drill import Drilled
    from entrepot.trust.backup import SealedBackup

T = TypeVar("T")


class _Backup(click.Group):
    """A group whose words may also be a place: then a backup is made there."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let what is no command of the group be one of the command that makes backups."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args.insert(0, "make")
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup, as commands show it."""

    position: int
    at: datetime
    digest: str
    blobs: int
    size: int
    missing: int
    keys: bool
    version: str
    signer: str

    @classmethod
    def of(cls, found: SealedBackup) -> Backup:
        """What of a manifest people want to know."""
        manifest = found.manifest
        return cls(
            position=manifest.position,
            at=manifest.at,
            digest=str(found.digest),
            blobs=manifest.blobs,
            size=manifest.blobs_size + manifest.catalog.size,
            missing=len(manifest.missing),
            keys=manifest.keys is not None,
            version=manifest.version,
            signer=found.key.fingerprint,
        )


_COLUMNS: Final[Columns[Backup]] = {
    "POSITION": lambda it: it.position,
    "AT": lambda it: it.at,
    "BLOBS": lambda it: it.blobs,
    "BYTES": lambda it: it.size,
    "MISSING": lambda it: it.missing,
    "KEYS": lambda it: it.keys,
    "DIGEST": lambda it: it.digest,
}

_target = click.argument("target")
_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    envvar="ENTREPOT_BACKUP_PASSPHRASE_FILE",
    help="File of the passphrase that the private keys are encrypted with.",
)
_key_option = click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="PEM file of the registry's public key: no other's backups are believed.",
)
_at_option = click.option("--at", type=click.IntRange(0), metavar="POSITION", help="Not the last one, but that.")


@click.group(cls=_Backup)
def backup() -> None:
    """Copy an installation elsewhere, and look at such copies.

    `entrepot backup TARGET` makes one.
    """


@backup.command()
@_target
@_passphrase_option
@data_option
@config_option
@output_option
def make(target: str, passphrase_file: Path | None, data: str | None, config: Path | None, output: Output) -> None:
    """Copy all that is here to TARGET, a folder or an address as ENTREPOT_BLOBS has it, while the server goes on.

    A second backup in the same place copies only what is new. Without a passphrase the private keys are not in it.
    """
    settings = find_installation(config, data)
    made = _done(backups.back_up(settings, target, passphrase=_read_passphrase(passphrase_file)))
    manifest = made.backup.manifest
    if output == "json":
        show_json({"backup": Backup.of(made.backup), "new_blobs": made.new_blobs, "new_size": made.new_size})
    else:
        click.echo(f"position {manifest.position} is in {target}: {manifest.blobs} blobs, {manifest.blobs_size} bytes")
        click.echo(f"new: {made.new_blobs} blobs, {made.new_size} bytes with the catalog")
    if manifest.keys is None:
        click.echo(
            f"the private keys are not in it: keep those of {settings.data_path} elsewhere, or give a passphrase",
            err=True,
        )
    if manifest.missing:
        digests = ", ".join(each.digest for each in manifest.missing[:3])
        raise Failure(
            f"{len(manifest.missing)} blobs have no sound bytes and are not in it: {digests} …",
            "Run `entrepot scrub`, and push or restore them again. Everything else is saved.",
        )


@backup.command(name="list")
@_target
@_key_option
@output_option
def list_(target: str, key: Path | None, output: Output) -> None:
    """List the backups in TARGET, the earliest first."""

    async def find() -> list[Backup]:
        async with backups.open_backups(target) as store:
            return [Backup.of(found) async for _, found in list_backups(store, _read_key(key))]

    show_list(_done(find()), _COLUMNS, output)


@backup.command()
@_target
@click.option("--keep-last", type=click.IntRange(1), metavar="N", help="Keep the last N.")
@click.option("--keep-within", type=Duration(), metavar="TIME", help="Keep those of so long ago and since: 30d, 12w.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and let it be.")
@_key_option
@output_option
def prune(
    target: str,
    *,
    keep_last: int | None,
    keep_within: timedelta | None,
    dry_run: bool,
    key: Path | None,
    output: Output,
) -> None:
    """Remove old backups from TARGET, and what no other needs.

    A backup stays that either option keeps, and the last one always does. Nothing goes when what is to be kept cannot be
    read. Interrupted, it goes on when it is run again.
    """
    if keep_last is None and keep_within is None:
        raise click.UsageError("Say what is to be kept: --keep-last, --keep-within or both.")
    keep = Keep(last=keep_last or 0, within=keep_within)
    done = _done(backups.prune(target, keep, key=_read_key(key), dry_run=dry_run))
    document = {
        "kept": [Backup.of(each) for each in done.kept],
        "removed": [Backup.of(each) for each in done.removed],
        "blobs": done.blobs,
        "size": done.size,
        "dry_run": dry_run,
    }
    would = "would go" if dry_run else "gone"
    message = f"{would}: {len(done.removed)} backups, and {done.size} bytes that no other needs; {len(done.kept)} stay"
    show_done(message, document, output)


@backup.command()
@_target
@_at_option
@_key_option
@click.option("--boot", is_flag=True, help="Make a throw-away installation of it, start it and look at it.")
@click.option("--samples", type=click.IntRange(0, 100_000), default=100, help="Blobs that are asked for at random.")
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where there is room for that; by default, where temporary files go.",
)
@_passphrase_option
@output_option
def verify(
    target: str,
    *,
    at: int | None,
    key: Path | None,
    boot: bool,
    samples: int,
    scratch: Path | None,
    passphrase_file: Path | None,
    output: Output,
) -> None:
    """Read a backup again, and compare every digest.

    With --boot it becomes a server on loopback: its invariants are checked, its log is read from the beginning and held
    against the signed checkpoint, random blobs are fetched and proved, and what would be lost and how long it takes is
    said. The exit code is 1 when anything is wrong.
    """
    passphrase = _read_passphrase(passphrase_file)

    async def read() -> backups.VerifiedBackup:
        async with backups.open_backups(target) as store:
            return await backups.verify(store, await find_backup(store, at, _read_key(key)))

    async def try_out() -> Drilled:
        from entrepot.app.drill import drill

        async with backups.open_backups(target) as store:
            found = await find_backup(store, at, _read_key(key))
            return await drill(store, found, passphrase=passphrase, samples=samples, scratch=scratch)

    if boot:
        _show_drilled(_done(try_out()), output)
    else:
        _show_verified(_done(read()), output)


def _show_drilled(drilled: Drilled, output: Output) -> None:
    found = Backup.of(drilled.recovered.backup)
    problems = [
        *(f"{each}: lost" for each in drilled.recovered.blobs.lost),
        *(f"{each.invariant}: {each.problem}" for each in drilled.violations),
        *drilled.problems,
    ]
    age = datetime.now(UTC) - found.at
    if output == "json":
        show_json(
            {
                "backup": found,
                "problems": problems,
                "entries": drilled.entries,
                "blobs": drilled.blobs,
                "proofs": drilled.proofs,
                "recovery_point": found.at,
                "recovery_point_age_seconds": age.total_seconds(),
                "recovery_seconds": drilled.seconds,
            }
        )
    else:
        click.echo(f"position {found.position} of {found.at:%Y-%m-%d %H:%M:%SZ}, signed by {found.signer}")
        for problem in problems:
            click.echo(problem)
        click.echo(
            f"checked: all invariants, {drilled.entries} entries of the log, {drilled.blobs} random blobs, "
            f"{drilled.proofs} proofs"
        )
        click.echo(f"recovery point: {print_duration(int(age.total_seconds()))} ago")
        click.echo(f"recovery time: {drilled.seconds:.1f} s")
    if problems:
        raise Failure(f"{len(problems)} problems", "Make another backup; earlier ones may still be whole.")


def _show_verified(verified: backups.VerifiedBackup, output: Output) -> None:
    found = Backup.of(verified.backup)
    if output == "json":
        show_json({"backup": found, "problems": verified.problems, "seconds": verified.seconds})
    else:
        click.echo(f"position {found.position} of {found.at:%Y-%m-%d %H:%M:%SZ}, signed by {found.signer}")
        for problem in verified.problems:
            click.echo(problem)
        if not verified.problems:
            click.echo(f"whole: {found.blobs} blobs, {found.size} bytes, read in {verified.seconds:.1f} s")
    if verified.problems:
        raise Failure(f"{len(verified.problems)} problems", "Make another backup; earlier ones may still be whole.")


@click.command()
@click.argument("source", metavar="BACKUP")
@_at_option
@_key_option
@_passphrase_option
@click.option("--new-keys", is_flag=True, help="Go on with other keys: nobody who knows the log's will believe it.")
@click.option(
    "--seen",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The last checkpoint of the log that somebody has: refuse to go back behind it under the log's name.",
)
@data_option
@config_option
@output_option
def recover(
    source: str,
    *,
    at: int | None,
    key: Path | None,
    passphrase_file: Path | None,
    new_keys: bool,
    seen: Path | None,
    data: str | None,
    config: Path | None,
    output: Output,
) -> None:
    """Make an installation of a backup, where nothing is yet: a data directory, and what database and blobs name.

    Interrupted, it goes on when it is run again. The journal goes on from the backup's position, and says so.
    """
    settings = load_settings(config, {"data": data})
    checkpoint = None if seen is None else seen.read_bytes()

    async def bring_back() -> backups.Recovered:
        async with backups.open_backups(source) as store:
            found = await find_backup(store, at, _read_key(key))
            return await backups.recover(
                settings,
                store,
                found,
                passphrase=_read_passphrase(passphrase_file),
                new_keys=new_keys,
                seen=checkpoint,
            )

    done = _done(bring_back())
    manifest, found = done.backup.manifest, Backup.of(done.backup)
    message = f"{settings.data_path} is what it was at position {found.position}, on {found.at:%Y-%m-%d %H:%M:%SZ}"
    document = {"backup": found, "lost": done.blobs.lost, "mended": len(done.blobs.mended), "seconds": done.seconds}
    show_done(f"{message}: {done.blobs.count} blobs, {done.blobs.size} bytes", document, output)
    if manifest.log is not None and manifest.log.origin != done.log_origin:
        click.echo(f"the log was {manifest.log.origin} and is {done.log_origin} by these settings", err=True)
    if done.blobs.lost:
        raise Failure(
            f"{len(done.blobs.lost)} blobs have no sound bytes in the backup: {done.blobs.lost[0]} …",
            "They are marked as damaged: push them again. Everything else is back.",
        )


def _done(work: Coroutine[Any, Any, T]) -> T:
    """Do it, and let a failure of the installation be said in a line. Raises `Failure`."""
    try:
        return asyncio.run(work)
    except (RegistryError, RuntimeError) as error:
        raise Failure(str(error), None if error.__cause__ is None else str(error.__cause__)) from error


def _read_passphrase(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes().strip()


def _read_key(path: Path | None) -> PublicKey | None:
    return None if path is None else PublicKey.parse(path.read_bytes())
