"""Object stores: which driver an address asks for, and what each of them is wrapped in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from entrepot.drivers.blobs.hedging import HedgedObjects
from entrepot.drivers.blobs.retrying import RetryingObjects
from entrepot.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from entrepot.drivers.blobs.objects import Objects


def open_objects(address: str) -> Objects:
    """The object store at an address. Raises `Invalid` when it is none, or needs an extra that is not installed."""
    extra, connect = _DRIVERS[urlsplit(address).scheme]
    try:
        objects = connect(address)
    except ModuleNotFoundError as error:
        expected = f"the extra: pip install 'entrepot[{extra}]'"
        raise Invalid("blobs", expected=expected, actual=f"no {error.name}") from error
    return RetryingObjects(HedgedObjects(objects))


def _connect_s3(address: str) -> Objects:
    from entrepot.drivers.blobs.s3 import S3Address, S3Objects, connect  # noqa: PLC0415 (its extra may be missing)

    bucket = S3Address.parse(address)
    return S3Objects(bucket, connect(bucket))


def _connect_azure(address: str) -> Objects:
    from entrepot.drivers.blobs.azure import AzureAddress, AzureObjects, connect  # noqa: PLC0415 (likewise)

    container = AzureAddress.parse(address)
    return AzureObjects(container, connect(container))


_DRIVERS: Final[Mapping[str, tuple[str, Callable[[str], Objects]]]] = {
    "s3": ("s3", _connect_s3),
    "gs": ("s3", _connect_s3),
    "azure": ("azure", _connect_azure),
}
"""For each scheme of `entrepot.settings.OBJECT_STORAGE` the extra that it needs, and how to get there."""
