"""What artifacts hold, put into the catalog as reading an SBOM would."""

from __future__ import annotations

from entrepot.drivers.catalog.components import columns
from entrepot.drivers.catalog.session import Session
from entrepot.model.digest import Digest
from entrepot.model.names import PackageId
from entrepot.model.purl import Purl
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import World, package

_ADD = """INSERT INTO component (type, namespace, name, version, qualifiers)
          VALUES (:type, :namespace, :name, :version, :qualifiers) ON CONFLICT DO NOTHING"""
_USE = """INSERT INTO component_use (component_id, blob_id, package_id, relation)
          SELECT id, :blob, :package, 'contained' FROM component
           WHERE (type, namespace, name, version, qualifiers) = (:type, :namespace, :name, :version, :qualifiers)"""


_API = package("acme/team/api")


async def hold(world: World, digest: Digest, *purls: str, within: PackageId = _API) -> None:
    """Let an artifact of a package hold these packages."""

    def change(transaction: Transaction) -> None:
        assert isinstance(transaction, Session)
        for purl in purls:
            row = columns(Purl.parse(purl))
            transaction.run(_ADD, **row)
            place = {"blob": transaction.blob_id(digest), "package": transaction.package_id(within)}
            transaction.run(_USE, **place, **row)

    await world.catalog.write(change)
