"""The servers that are measured, all driven the same way."""

from bench.subjects.distribution import Distribution
from bench.subjects.entrepot import Entrepot
from bench.subjects.nginx import Nginx
from bench.subjects.pypi import Pypiron, Pypiserver, PythonIndex
from bench.subjects.subject import ImageStore, Registry, Subject
from bench.subjects.zot import Zot

__all__ = [
    "Distribution",
    "Entrepot",
    "ImageStore",
    "Nginx",
    "Pypiron",
    "Pypiserver",
    "PythonIndex",
    "Registry",
    "Subject",
    "Zot",
]
