"""What an installation can be told: one frozen, typed, documented object.

Each setting is an option of ``entrepot serve``, an environment variable ``ENTREPOT_<NAME>``, or a key of
``entrepot.toml``; the first of these that says something wins.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX: Final = "ENTREPOT_"
OBJECT_STORAGE: Final = ("s3://", "gs://", "azure://")
"""How the address of an object store begins; a cold tier or a replica at any other is a directory."""

_POSTGRESQL: Final = ("postgresql://", "postgres://")
FILE: Final = "entrepot.toml"
_LISTS: Final = ("replica_blobs", "replicas", "trusted_proxies", "log_witnessed", "log_witnesses")

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Size = Annotated[int, msgspec.Meta(ge=1, description="bytes")]
_Seconds = Annotated[float, msgspec.Meta(gt=0, description="seconds")]


class SettingsError(ValueError):
    """A setting is not what it must be."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings, with their defaults. Sizes are bytes, times seconds."""

    listen: Annotated[str, msgspec.Meta(description="HOST:PORT to listen on; localhost is 127.0.0.1 and ::1")] = (
        "localhost:8080"
    )
    data: Annotated[str, msgspec.Meta(description="directory of the catalog, the blobs and the first token")] = "data"
    database: Annotated[
        str,
        msgspec.Meta(
            description="where the catalog is: postgresql://USER@HOST/NAME; empty means SQLite in the data directory"
        ),
    ] = ""
    blobs: Annotated[
        str,
        msgspec.Meta(
            description="where blobs are: s3://BUCKET/PREFIX?endpoint=URL, gs://BUCKET/PREFIX or "
            "azure://CONTAINER/PREFIX?account=NAME for object storage; empty means files in the data directory"
        ),
    ] = ""
    blob_redirects: Annotated[
        bool,
        msgspec.Meta(description="whether who downloads is sent to the object storage, with an address signed for it"),
    ] = False
    blob_redirect_seconds: Annotated[
        int, msgspec.Meta(ge=10, le=7 * 24 * 3600, description="for which such an address is good")
    ] = 300
    workers: Annotated[_Count, msgspec.Meta(description="processes that answer requests")] = 1
    followers: Annotated[
        bool, msgspec.Meta(description="whether this server also does what follows from changes, beside its workers")
    ] = True
    public_url: Annotated[
        str, msgspec.Meta(description="how clients call this registry, such as https://registry.example.com")
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], msgspec.Meta(description="addresses whose X-Forwarded-For and -Proto are believed")
    ] = ()
    tls_certificate: Annotated[
        str, msgspec.Meta(description="PEM file of the certificate chain; empty: plain HTTP")
    ] = ""
    tls_private_key: Annotated[str, msgspec.Meta(description="PEM file of its private key")] = ""

    signing_key: Annotated[
        str,
        msgspec.Meta(
            description="the key that statements of the registry are signed with: file:PATH of a PEM file, or the "
            "address of a key store (awskms:, gcpkms:, azurekms:, hv:, hsm:); empty means signing-key.pem in the data "
            "directory, made at the first start"
        ),
    ] = ""
    signing_public_key: Annotated[
        str, msgspec.Meta(description="PEM file of the public key, where the key is in a key store")
    ] = ""
    signing_pin: Annotated[
        str, msgspec.Meta(description="file with the PIN of the hardware module, for keys at hsm: addresses")
    ] = ""

    manifest_size: Annotated[_Size, msgspec.Meta(description="largest manifest")] = 4 * 1024 * 1024
    blob_size: Annotated[_Size, msgspec.Meta(description="largest blob")] = 1024**4
    inline_size: Annotated[int, msgspec.Meta(ge=0, le=1024**2, description="blobs up to this live in the catalog")] = (
        64 * 1024
    )
    upload_lease: Annotated[_Seconds, msgspec.Meta(description="how long an upload may rest")] = 24 * 3600.0
    collection_delay: Annotated[
        _Seconds,
        msgspec.Meta(description="how long bytes that no package has are kept, should somebody bring them again"),
    ] = 7 * 24 * 3600.0
    scrub_period: Annotated[
        float,
        msgspec.Meta(ge=0, description="seconds in which every blob is read again once and compared; 0: never"),
    ] = 30 * 24 * 3600.0
    scrub_rate: Annotated[_Size, msgspec.Meta(description="read a second for that at most")] = 50 * 1024 * 1024
    storage_price: Annotated[
        float,
        msgspec.Meta(ge=0, description="what a GiB costs in a month, in whatever currency; 0: plans say no costs"),
    ] = 0.0
    cold_blobs: Annotated[
        str,
        msgspec.Meta(
            description="where what is old and not in use goes by the rules of tiers: a directory, or object storage "
            "as for blobs; empty: everything stays in one place"
        ),
    ] = ""
    cold_storage_price: Annotated[
        float, msgspec.Meta(ge=0, description="what a GiB costs there in a month, in the currency of storage_price")
    ] = 0.0
    metered_namespaces: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            le=1_000,
            description="how many namespaces, the largest, have metrics of their own; whoever may scrape learns their "
            "names",
        ),
    ] = 0
    replica_blobs: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="copies of blobs that others make (a bucket that is replicated, a directory that is synchronised), "
            "each a directory or object storage as for blobs: only read, to repair what is damaged"
        ),
    ] = ()
    replicas: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="other registries that have the same content under the same names, asked for what is damaged here: "
            "for each its address, and perhaps a space and the file with a token for it"
        ),
    ] = ()
    concurrency: Annotated[
        _Count, msgspec.Meta(description="requests that a worker answers at once, slow clients not counted")
    ] = 1_000
    connections: Annotated[_Count, msgspec.Meta(description="connections that a worker holds")] = 10_000
    head_size: Annotated[_Size, msgspec.Meta(description="all header lines of a request together")] = 64 * 1024
    head_seconds: Annotated[_Seconds, msgspec.Meta(description="to receive a request's header")] = 30.0
    body_idle_seconds: Annotated[_Seconds, msgspec.Meta(description="between two pieces of a request's body")] = 60.0
    drain_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            description="when told to stop: how long to answer everything still, with /readyz saying no, so that "
            "balancers look elsewhere first",
        ),
    ] = 0.0
    graceful_seconds: Annotated[_Seconds, msgspec.Meta(description="for running transfers when told to stop")] = 30.0
    front_cache_size: Annotated[int, msgspec.Meta(ge=0, description="bytes of ready-made answers; 0: none")] = (
        32 * 1024 * 1024
    )
    login_failures: Annotated[_Count, msgspec.Meta(description="failed logins a minute from one address")] = 30

    found_tokens: Annotated[
        str,
        msgspec.Meta(
            pattern="^(revoke|flag)$",
            description="what becomes of a token of this registry that is found in what was published: revoke, or flag, "
            "which leaves it working and says so",
        ),
    ] = "revoke"

    log_origin: Annotated[
        str,
        msgspec.Meta(description="the transparency log's name; empty: public_url (else listen) and /log, no scheme"),
    ] = ""
    log_key: Annotated[
        str,
        msgspec.Meta(
            description="the ECDSA P-256 key that the log's checkpoints are signed with, as for signing_key; empty means "
            "the one in log_keys, where the Ed25519 key is in any case"
        ),
    ] = ""
    log_keys: Annotated[
        str,
        msgspec.Meta(
            description="PEM file of the log's own keys, the same on all nodes; empty: log-keys.pem in the data directory"
        ),
    ] = ""
    log_public_key: Annotated[
        str, msgspec.Meta(description="PEM file of the public key, where the log's key is in a key store")
    ] = ""
    log_readers: Annotated[
        str,
        msgspec.Meta(
            pattern="^(auditors|hashes|everybody)$",
            description="who may read the log: auditors of the registry; or everybody, its hashes alone or all of it",
        ),
    ] = "auditors"
    log_witnessed: Annotated[
        tuple[str, ...], msgspec.Meta(description="verifier keys of other logs whose checkpoints are signed here")
    ] = ()
    log_witnesses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="who is asked to sign this log's checkpoints: for each its verifier key, a space and its "
            "address, such as https://other.example.com/log"
        ),
    ] = ()
    log_format: Annotated[str, msgspec.Meta(pattern="^(json|console|auto)$", description="json, console or auto")] = (
        "auto"
    )
    log_level: Annotated[
        str, msgspec.Meta(pattern="^(debug|info|warning|error)$", description="least to be logged")
    ] = "info"
    access_log: Annotated[bool, msgspec.Meta(description="a line for each request")] = True

    @property
    def data_path(self) -> Path:
        """The data directory."""
        return Path(self.data).absolute()


def load(
    options: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """Put the settings together: *options* first, then *environ*, then the TOML *file*, then the defaults.

    The file is *file*, else ``ENTREPOT_CONFIG``, else ``entrepot.toml`` where it is there.

    Raises `SettingsError`.
    """
    values = {**_from_file(file, environ), **_from_environment(environ), **(options or {})}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    if bool(settings.tls_certificate) != bool(settings.tls_private_key):
        raise SettingsError("tls_certificate and tls_private_key go together")
    if settings.database and not settings.database.startswith(_POSTGRESQL):
        raise SettingsError("database: expected postgresql://USER@HOST/NAME, or nothing for SQLite")
    if settings.blobs and not settings.blobs.startswith(OBJECT_STORAGE):
        raise SettingsError(
            "blobs: expected s3://BUCKET/PREFIX?endpoint=URL, gs://BUCKET/PREFIX or "
            "azure://CONTAINER/PREFIX?account=NAME, or nothing for files"
        )
    if settings.cold_blobs and settings.cold_blobs == settings.blobs:
        raise SettingsError("cold_blobs: expected another place than blobs")
    return settings


def schema() -> dict[str, Any]:
    """The JSON Schema of ``entrepot.toml``."""
    return msgspec.json.schema(Settings)


def _from_file(file: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    named = file or (Path(environ[f"{_PREFIX}CONFIG"]) if f"{_PREFIX}CONFIG" in environ else None)
    path = named or Path(FILE)
    if named is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in Settings.__struct_fields__:
        text = environ.get(f"{_PREFIX}{name.upper()}")
        if text is not None:
            found[name] = [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
    return found
