"""The law of growth (I4), as a model: whatever is asked in whatever order, files only accumulate."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.formats.generic.served import Answer, Served, serve

VERSIONS = st.sampled_from(["1", "2"])
PATHS = st.sampled_from(["a", "b", "a/b", "c/d"])
CONTENTS = st.sampled_from([b"", b"one", b"two" * 100, b"three" * 100])


class Version:
    """What a version must be."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sealed = False
        self.yanked = False
        self.deleted: dict[str, bytes] | None = None
        """What it was when it was deleted, if it is."""

    def add(self, path: str, content: bytes) -> int:
        """The status of an attempt; it counts when it is a success."""
        if self.deleted is not None:
            if self.deleted != {path: content}:
                return 409
            # What was said of it before holds again.
            self.files, self.deleted = {path: content}, None
            return 201
        if path in self.files:
            return 200 if self.files[path] == content else 409
        nested = any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in self.files)
        if self.sealed or nested:
            return 409
        self.files[path] = content
        return 201

    @property
    def exists(self) -> bool:
        return bool(self.files) and self.deleted is None


class Growth(RuleBasedStateMachine):
    """Requests at a package with two versions, beside `Version`, which says what they must do."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.context = serve(Path(self.folder.name), blob_folder=BLOBS)
        self.served: Served = self.runner.run(self.context.__aenter__())
        self.versions = {"1": Version(), "2": Version()}

    def teardown(self) -> None:
        assert self.runner.run(self.served.violations()) == []
        assert self.runner.run(self.served.staged()) == []
        self.runner.run(self.context.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()

    def ask(self, method: str, target: str, body: bytes = b"") -> Answer:
        return self.runner.run(self.served.ask(method, f"/files/acme/tool/{target}", by="maintainer", body=body))

    @initialize(path=PATHS, content=CONTENTS)
    def begin(self, path: str, content: bytes) -> None:
        self.put("1", path, content)

    @rule(version=VERSIONS, path=PATHS, content=CONTENTS)
    def put(self, version: str, path: str, content: bytes) -> None:
        expected = self.versions[version].add(path, content)

        assert self.ask("PUT", f"{version}/{path}", content).status == expected

    @rule(version=VERSIONS, path=PATHS, content=CONTENTS.filter(bool))
    def put_in_pieces(self, version: str, path: str, content: bytes) -> None:
        location = self.ask("POST", f"{version}/{path}?upload").headers["location"]
        session = location.removeprefix("http://registry.example.com/files/acme/tool/")
        self.ask("PATCH", session, content)
        expected = self.versions[version].add(path, content)

        assert self.ask("PUT", session).status == expected
        self.ask("DELETE", session)

    @rule(version=VERSIONS)
    def seal(self, version: str) -> None:
        model = self.versions[version]
        expected = 204 if model.exists else 404

        assert self.ask("POST", f"{version}/?seal").status == expected
        model.sealed = model.sealed or model.exists

    @rule(version=VERSIONS, verb=st.sampled_from(["yank", "unyank"]))
    def yank(self, version: str, verb: str) -> None:
        model = self.versions[version]

        assert self.ask("POST", f"{version}/?{verb}").status == (204 if model.exists else 404)
        if model.exists:
            model.yanked = verb == "yank"

    @rule(version=VERSIONS)
    def delete(self, version: str) -> None:
        model = self.versions[version]

        assert self.ask("DELETE", f"{version}/").status == (204 if model.exists else 404)
        if model.exists:
            model.deleted = model.files

    @invariant()
    def everything_is_as_it_was_acknowledged(self) -> None:
        for name, model in self.versions.items():
            listed = self.ask("GET", f"{name}/")
            assert listed.status == (200 if model.exists else 404)
            if not model.exists:
                continue
            assert [file["path"] for file in listed.json["files"]] == sorted(model.files)
            assert listed.json["sealed"] == model.sealed
            assert (listed.json["yanked"] is not None) == model.yanked
            for path, content in model.files.items():
                assert self.ask("GET", f"{name}/{path}").body == content


BLOBS = Path(tempfile.mkdtemp(prefix="entrepot-growth-"))
atexit.register(shutil.rmtree, BLOBS, ignore_errors=True)

Growth.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestGrowth = Growth.TestCase
