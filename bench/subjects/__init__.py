"""The servers that are measured, all driven the same way."""

from bench.subjects.distribution import Distribution
from bench.subjects.entrepot import Entrepot, Nodes
from bench.subjects.nginx import Nginx
from bench.subjects.npm import NodeRegistry, Verdaccio
from bench.subjects.pypi import Devpi, Pypiron, Pypiserver, PythonIndex
from bench.subjects.subject import ImageStore, Registry, Subject
from bench.subjects.zot import Zot

__all__ = [
    "Devpi",
    "Distribution",
    "Entrepot",
    "ImageStore",
    "Nginx",
    "NodeRegistry",
    "Nodes",
    "Pypiron",
    "Pypiserver",
    "PythonIndex",
    "Registry",
    "Subject",
    "Verdaccio",
    "Zot",
]
