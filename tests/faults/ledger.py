"""What a client was promised, kept where no server can lose it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Key = tuple[str, ...]
"""What a reader may ask for: ``("blob" or "manifest", package, digest)``, ``("tag", package, tag)``,
``("file", package, version, path)``."""

Value = str | bool | None
"""What is there: the digest of a tag or a file, or None; whether there is such a blob or manifest."""


class Broken(AssertionError):
    """The server does not keep its word."""


@dataclass(slots=True)
class Ledger:
    """The promises made to one client, who does one thing after another.

    Of the last thing that it did before its connection was cut it knows nothing: that may have happened or not, but
    not by half.
    """

    known: dict[Key, Value] = field(default_factory=dict)
    pending: dict[Key, Value] = field(default_factory=dict)
    acknowledged: int = 0

    def begin(self, changes: Mapping[Key, Value]) -> None:
        """Something is about to be asked for that would change this."""
        assert not self.pending
        self.pending = dict(changes)

    def done(self) -> None:
        """It was acknowledged."""
        self.known.update(self.pending)
        self.pending = {}
        self.acknowledged += 1

    def refused(self) -> None:
        """It was refused, so nothing has changed."""
        self.pending = {}

    def verify(self, read: Callable[[Key], Value]) -> int:
        """Compare everything with what *read* finds, and settle what was pending; how much was compared.

        Raises `Broken`.
        """
        for key, expected in self.known.items():
            if key not in self.pending and (found := read(key)) != expected:
                raise Broken(f"{key} is {found}, and was promised to be {expected}")
        self.settle(read)
        return len(self.known)

    def settle(self, read: Callable[[Key], Value]) -> None:
        """Find out what became of what was pending. Raises `Broken`."""
        now = {key: read(key) for key in self.pending}
        before = {key: self.known.get(key, nothing(key)) for key in self.pending}
        if now not in (before, self.pending):
            raise Broken(f"done by half: {now} is neither {before} nor {self.pending}")
        self.known.update(now)
        self.pending = {}


def nothing(key: Key) -> Value:
    """What is found where nothing was ever put."""
    return None if key[0] in ("tag", "file") else False
