"""The Python SDK: push, pull and manage, with the guarantees of the command line.

    from entrepot.client import Client

    with Client("https://registry.example.com", token) as registry:
        registry.push(["dist/"], "acme/pkg:1.0")
        registry.pull("acme.prod/pkg:1.0", into="downloads")

It imports nothing of the server but the model's nouns.
"""

from entrepot.client.address import Address
from entrepot.client.client import Client, Transferred
from entrepot.client.errors import (
    Busy,
    ClientError,
    Conflict,
    Denied,
    FileChanged,
    Interrupted,
    LocalFailure,
    Misuse,
    NoServer,
    NotFound,
    NotLoggedIn,
    Refused,
    ServerFailed,
    Unintelligible,
    Unreachable,
    WrongContent,
)
from entrepot.client.retry import Retry
from entrepot.client.transfer import Progress

__all__ = [
    "Address",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "Denied",
    "FileChanged",
    "Interrupted",
    "LocalFailure",
    "Misuse",
    "NoServer",
    "NotFound",
    "NotLoggedIn",
    "Progress",
    "Refused",
    "Retry",
    "ServerFailed",
    "Transferred",
    "Unintelligible",
    "Unreachable",
    "WrongContent",
]
