from __future__ import annotations

import sys

import pytest

from entrepot.app.object_storage import open_objects
from entrepot.model.errors import Invalid
from entrepot.settings import OBJECT_STORAGE


@pytest.mark.parametrize(
    ("library", "scheme", "extra"), [("botocore", "s3", "s3"), ("botocore", "gs", "s3"), ("azure", "azure", "azure")]
)
def test_what_needs_an_extra_says_which(library: str, scheme: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [library, *(name for name in sys.modules if name.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, name, None)  # As if it were not installed.
    monkeypatch.delitem(sys.modules, f"entrepot.drivers.blobs.{extra}", raising=False)

    with pytest.raises(Invalid) as refused:
        open_objects(f"{scheme}://goods")

    assert f"entrepot[{extra}]" in str(refused.value.expected)


@pytest.mark.parametrize("beginning", OBJECT_STORAGE)
def test_every_kind_of_address_that_the_settings_know_has_a_driver(beginning: str) -> None:
    with pytest.raises(Invalid, match="address"):
        open_objects(beginning)
