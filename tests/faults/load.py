"""Clients that push, move and delete all at once until the server is gone, and then hold it to its word."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults.ledger import Broken, Key, Ledger, Value
from tests.faults.line import MANIFEST, Cut, Line, Reply, digest_of, manifest_of

_CREATED = 201
_ACCEPTED = 202
_REFUSED = (403, 409)
_NO_ROOM = 507


class Bell:
    """Rings when the clients together have been promised so many things."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._changed = threading.Condition()
        self._over = False

    def count(self) -> None:
        """One more promise."""
        with self._changed:
            self._left -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Nobody will count any more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait(self, seconds: float = 60.0) -> None:
        """Until it rings."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._left <= 0 or self._over, seconds), (
                "the clients get nothing done"
            )


@dataclass(slots=True)
class Session:
    """An upload that is under way."""

    path: str
    content: bytes
    sent: int = 0
    """Bytes of which the server said that it has them."""
    finishing: bool = False
    """Whether the last request was the one that completes it."""


@dataclass(slots=True)
class Client:
    """Somebody who works in a package of their own."""

    package: str
    rng: random.Random
    contents: dict[str, bytes]
    """Everything that anybody ever pushed, by digest."""
    neighbours: list[tuple[str, str]]
    """Blobs of others, as package and digest, that may be mounted."""
    largest: int = 1_500_000
    tolerated: frozenset[int] = frozenset()
    """Answers above 499 that are no surprise. After all but 507 nobody knows whether what was asked for was done."""
    ledger: Ledger = field(default_factory=Ledger)
    session: Session | None = None
    lost_sessions: int = 0
    tolerated_answers: int = 0
    surprises: list[str] = field(default_factory=list)
    _versions: int = 0

    # --- at work ---

    def work(self, line: Line, go_on: Callable[[], bool], count: Callable[[], None]) -> None:
        """Do one thing after another while *go_on* says so, until the connection is cut."""
        try:
            while go_on():
                before = self.ledger.acknowledged
                self.step(line)
                if self.ledger.acknowledged > before:
                    count()
        except Cut:
            pass
        except AssertionError as error:
            self.surprises.append(str(error))

    def step(self, line: Line) -> None:
        """Do one thing."""
        steps = {
            self._push_image: 5,
            self._push_blob: 4,
            self._push_in_one_request: 2,
            self._push_stream: 2,
            self._push_a_chunk: 5,
            self._mount: 2,
            self._move_tag: 3,
            self._put_file: 3,
            self._overwrite_version: 1,
            self._delete_tag: 1,
            self._delete_manifest: 1,
            self._delete_blob: 1,
        }
        [chosen] = self.rng.choices(list(steps), list(steps.values()))
        chosen(line)

    def _settle(self, reply: Reply, *good: int) -> bool:
        """Whether the answer is a promise; a refusal must be one that was to be expected."""
        if reply.status in good:
            self.ledger.done()
            return True
        self._tolerate(reply)
        self.ledger.refused()
        if reply.status in self.tolerated:
            self.tolerated_answers += 1
        elif reply.status not in _REFUSED:
            self.surprises.append(f"{reply.status} {reply.body[:300]!r}")
        return False

    def _tolerate(self, reply: Reply) -> None:
        """Take an answer that says nothing for one that never came. Raises `Cut`."""
        if reply.status in self.tolerated and reply.status != _NO_ROOM:
            self.tolerated_answers += 1
            raise Cut(f"{reply.status} {reply.body[:300]!r}")

    def _some_bytes(self) -> bytes:
        """A blob: mostly small, sometimes about as large as fits the catalog, sometimes large."""
        size = self.rng.choice(
            [self.rng.randint(1, 4_000), self.rng.randint(60_000, 70_000), self.rng.randint(1, self.largest)]
        )
        content = self.rng.randbytes(size)
        self.contents[digest_of(content)] = content
        return content

    def _push_blob(self, line: Line, content: bytes | None = None) -> bytes | None:
        content = content if content is not None else self._some_bytes()
        algorithm = "sha512" if self.rng.random() < 0.1 else "sha256"
        digest = digest_of(content, algorithm)
        self.contents[digest] = content
        begun = line.ask("POST", f"/v2/{self.package}/blobs/uploads/")
        if not self._begun(begun):
            return None
        self.ledger.begin({("blob", self.package, digest): True})
        done = self._settle(line.ask("PUT", f"{begun.location}?digest={digest}", content), _CREATED)
        if done and algorithm == "sha256":
            self.neighbours.append((self.package, digest))
        return content if done and algorithm == "sha256" else None

    def _begun(self, reply: Reply) -> bool:
        if reply.status == _ACCEPTED:
            return True
        if reply.status in self.tolerated:
            self.tolerated_answers += 1
        else:
            self.surprises.append(f"no upload begun: {reply.status} {reply.body[:300]!r}")
        return False

    def _push_in_one_request(self, line: Line) -> None:
        content = self._some_bytes()
        digest = digest_of(content)
        self.ledger.begin({("blob", self.package, digest): True})
        self._settle(line.ask("POST", f"/v2/{self.package}/blobs/uploads/?digest={digest}", content), _CREATED)

    def _push_stream(self, line: Line) -> None:
        content = self._some_bytes()
        digest = digest_of(content)
        begun = line.ask("POST", f"/v2/{self.package}/blobs/uploads/")
        if not self._begun(begun):
            return
        self.ledger.begin({("blob", self.package, digest): True})
        self._settle(line.ask("PUT", f"{begun.location}?digest={digest}", _pieces(content)), _CREATED)

    def _push_a_chunk(self, line: Line) -> None:
        """Go on with the upload that is under way, or begin one."""
        session = self.session
        if session is None:
            begun = line.ask("POST", f"/v2/{self.package}/blobs/uploads/")
            if self._begun(begun):
                self.session = Session(begun.location, self.rng.randbytes(self.rng.randint(5_000, self.largest)))
            return
        size = self.rng.randint(1_000, max(1_001, self.largest // 4))
        chunk = session.content[session.sent : session.sent + size]
        digest = digest_of(session.content)
        if session.sent + len(chunk) < len(session.content):
            where = {"Content-Range": f"{session.sent}-{session.sent + len(chunk) - 1}"}
            reply = line.ask("PATCH", session.path, chunk, where)
            if reply.status == _ACCEPTED:
                session.sent += len(chunk)
                session.path = reply.location
                assert reply.received == session.sent, f"{session.sent} bytes were sent, {reply.headers['range']} came"
            else:
                self._settle(reply)
                self._resume(line)
            return
        self.contents[digest] = session.content
        self.ledger.begin({("blob", self.package, digest): True})
        session.finishing = True
        reply = line.ask("PUT", f"{session.path}?digest={digest}", chunk)
        if self._settle(reply, _CREATED):
            self.session = None
        else:
            self._resume(line)

    def _push_image(self, line: Line) -> None:
        blobs = [self._push_blob(line, self.rng.randbytes(self.rng.randint(10, 3_000)))]
        blobs += [self._push_blob(line) for _ in range(self.rng.randint(1, 2))]
        pushed = [blob for blob in blobs if blob is not None]
        if not pushed:
            return
        manifest = manifest_of(pushed[0], *pushed[1:], annotations={"number": str(self.rng.random())})
        self._versions += 1
        tag = self.rng.choice(["latest", "main", f"1.{self._versions}.0"])
        self._publish(line, tag, manifest)

    def _publish(self, line: Line, tag: str, manifest: bytes) -> bool:
        digest = digest_of(manifest)
        self.contents[digest] = manifest
        self.ledger.begin({("manifest", self.package, digest): True, ("tag", self.package, tag): digest})
        reply = line.ask("PUT", f"/v2/{self.package}/manifests/{tag}", manifest, {"Content-Type": MANIFEST})
        if reply.status == 400:  # a blob of it was deleted, or never came
            assert b"MANIFEST_BLOB_UNKNOWN" in reply.body, reply.body
            self.ledger.refused()
            return False
        return self._settle(reply, _CREATED)

    def _mount(self, line: Line) -> None:
        if not self.neighbours:
            return
        source, digest = self.rng.choice(self.neighbours)
        self.ledger.begin({("blob", self.package, digest): True})
        reply = line.ask("POST", f"/v2/{self.package}/blobs/uploads/?mount={digest}&from={source}")
        if reply.status == _ACCEPTED:  # it was deleted there
            self.ledger.refused()
        else:
            self._settle(reply, _CREATED)

    def _move_tag(self, line: Line) -> None:
        manifests = self._present("manifest")
        if manifests:
            _, _, digest = self.rng.choice(manifests)
            self._publish(line, self.rng.choice(["latest", "main", "edge"]), self.contents[digest])

    def _overwrite_version(self, line: Line) -> None:
        versions = [
            key for key, value in self.ledger.known.items() if key[0] == "tag" and key[2][0].isdigit() and value
        ]
        others = self._present("manifest")
        if not versions or not others:
            return
        key, other = self.rng.choice(versions), self.rng.choice(others)[2]
        if self.ledger.known[key] == other:
            return
        path = f"/v2/{self.package}/manifests/{key[2]}"
        reply = line.ask("PUT", path, self.contents[other], {"Content-Type": MANIFEST})
        assert reply.status in {*_REFUSED, 400, *self.tolerated}, f"a version was overwritten: {reply.status}"

    def _delete_tag(self, line: Line) -> None:
        tags = [key for key, value in self.ledger.known.items() if key[0] == "tag" and value is not None]
        if tags:
            key = self.rng.choice(tags)
            self.ledger.begin({key: None})
            self._settle(line.ask("DELETE", f"/v2/{self.package}/manifests/{key[2]}"), _ACCEPTED)

    def _delete_manifest(self, line: Line) -> None:
        manifests = self._present("manifest")
        if manifests:
            key = self.rng.choice(manifests)
            tags = [tag for tag, value in self.ledger.known.items() if tag[0] == "tag" and value == key[2]]
            self.ledger.begin({key: False, **dict.fromkeys(tags)})
            self._settle(line.ask("DELETE", f"/v2/{self.package}/manifests/{key[2]}"), _ACCEPTED)

    def _delete_blob(self, line: Line) -> None:
        blobs = self._present("blob")
        if blobs:
            key = self.rng.choice(blobs)
            self.ledger.begin({key: False})
            self._settle(line.ask("DELETE", f"/v2/{self.package}/blobs/{key[2]}"), _ACCEPTED)

    def _put_file(self, line: Line) -> None:
        namespace, _, package = self.package.partition("/")
        content = self._some_bytes()
        version, path = f"{self.rng.randint(1, 30)}.0", f"bin/{self.rng.randint(1, 1_000_000)}"
        key = ("file", f"{namespace}/{package}", version, path)
        if key in self.ledger.known:
            return
        self.ledger.begin({key: digest_of(content)})
        self._settle(line.ask("PUT", f"/files/{namespace}/{package}/{version}/{path}", content), _CREATED, 200)

    def _present(self, kind: str) -> list[Key]:
        return [key for key, value in self.ledger.known.items() if key[0] == kind and value is True]

    # --- afterwards ---

    def verify(self, line: Line) -> int:
        """Hold the server to everything that it promised; how much that was.

        Raises `Broken`.
        """
        compared = self.ledger.verify(lambda key: self.read(line, key))
        self._resume(line)
        return compared

    def settle(self, line: Line) -> None:
        """Find out what became of the last thing that was asked for. Raises `Broken`."""
        self.ledger.settle(lambda key: self.read(line, key))
        self._resume(line)

    def read(self, line: Line, key: Key) -> Value:
        """What is there, byte for byte. Raises `Broken`."""
        kind, package, *rest = key
        path = {
            "blob": f"/v2/{package}/blobs/{rest[0]}",
            "manifest": f"/v2/{package}/manifests/{rest[0]}",
            "tag": f"/v2/{package}/manifests/{rest[0]}",
            "file": f"/files/{package}/{'/'.join(rest)}",
        }[kind]
        reply = line.ask("GET", path)
        if reply.status == 404:
            return None if kind in ("tag", "file") else False
        self._tolerate(reply)
        if reply.status != 200:
            raise Broken(f"GET {path}: {reply.status} {reply.body[:300]!r}")
        digest = digest_of(reply.body)
        if kind in ("tag", "file"):
            return digest
        if reply.body != self.contents[rest[0]]:
            raise Broken(f"GET {path}: {len(reply.body)} bytes that are not those that were pushed")
        return True

    def _resume(self, line: Line) -> None:
        """Ask how far the upload under way has come: no less than was said before."""
        session = self.session
        if session is None:
            return
        reply = line.ask("GET", session.path)
        self._tolerate(reply)
        if reply.status == 404 and session.finishing:
            # It was completed, or its bytes were taken over and the promise was never made.
            digest = digest_of(session.content)
            self.lost_sessions += self.read(line, ("blob", self.package, digest)) is not True
            self.session = None
        elif reply.status != 204:
            raise Broken(f"an upload of {session.sent} bytes is gone: {reply.status} {reply.body[:300]!r}")
        else:
            received = reply.received
            if session.finishing and received == 0:
                # Its bytes were taken over, and the promise was never made: it begins anew.
                session.sent = 0
                self.lost_sessions += 1
            if not session.sent <= received <= len(session.content):
                raise Broken(f"an upload has {received} bytes, and had {session.sent} of {len(session.content)}")
            session.sent, session.path, session.finishing = received, reply.location, False


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]
