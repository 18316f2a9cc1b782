from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.generic.metadata import KIND, compose, config_of
from entrepot.formats.generic.rules import MediaType, parse_path
from entrepot.formats.generic.versions import FileAddition, _Memory, read_contents
from entrepot.model.artifact import IMAGE_MANIFEST, Artifact
from entrepot.model.contents import CREATED, Contents, File, FilePath
from entrepot.model.digest import Digest
from entrepot.model.errors import NameTaken, VersionExists
from entrepot.model.names import PackageName, ReferenceName
from entrepot.operations.grow import Stored
from entrepot.operations.upload import StoredBlob

PACKAGE, VERSION = PackageName("tool"), ReferenceName("1.0")

PATHS = st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2}){0,2}", fullmatch=True).map(parse_path)
FILES = st.lists(
    st.tuples(PATHS, st.binary(max_size=4), st.sampled_from(["text/plain", "application/json"])),
    unique_by=lambda file: file[0],
    max_size=6,
)
TIMES = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2025-12-31T23:59:59Z"])


def file(path: str, content: bytes = b"content", media_type: str = "application/octet-stream") -> File:
    return File(parse_path(path), media_type, Digest.of(content), len(content))


def grown(additions: list[tuple[FilePath, bytes, str]], annotations: list[dict[str, str]]) -> Artifact:
    """The version after *additions*, each as a request of its own would bring it."""
    artifact: Artifact | None = None
    for (path, content, media_type), said in zip(additions, annotations, strict=True):
        addition = FileAddition(PACKAGE, VERSION, path, MediaType(media_type), said)
        blob = StoredBlob(Digest.of(content), len(content), content)
        before = None if artifact is None else Stored(artifact.digest, artifact.content)
        artifact = addition.grow(before, blob).artifact
    assert artifact is not None
    return artifact


def test_the_manifest_is_this() -> None:
    contents = Contents().with_file(file("b.txt", b"second", "text/plain")).with_file(file("a/é", b"first"))
    contents = contents.with_annotations({"org.opencontainers.image.revision": "abc"})

    artifact = compose(PACKAGE, VERSION, contents)

    assert config_of(PACKAGE, VERSION) == b'{"format":"generic","package":"tool","version":"1.0"}'
    assert artifact.content.decode() == (
        '{"annotations":{"org.opencontainers.image.revision":"abc"},'
        '"artifactType":"application/vnd.entrepot.generic.v1",'
        '"config":{"digest":"sha256:6824733a135f477d48cf0fefa7ab50676a75caa9864511b65684481a058463cf",'
        '"mediaType":"application/vnd.entrepot.generic.config.v1+json","size":53},'
        '"layers":[{"annotations":{"org.opencontainers.image.title":"a/é"},'
        '"digest":"sha256:a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",'
        '"mediaType":"application/octet-stream","size":5},'
        '{"annotations":{"org.opencontainers.image.title":"b.txt"},'
        '"digest":"sha256:16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4",'
        '"mediaType":"text/plain","size":6}],'
        '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    )


def test_a_version_without_annotations_has_no_annotations_in_its_manifest() -> None:
    artifact = compose(PACKAGE, VERSION, Contents().with_file(file("a")))

    assert b'{"artifactType"' in artifact.content
    assert artifact.annotations == {}


@given(FILES, st.randoms(use_true_random=False), st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12")))
def test_the_order_in_which_files_came_does_not_show(
    files: list[tuple[FilePath, bytes, str]], chance: object, annotations: dict[str, str]
) -> None:
    contents, shuffled = Contents(), list(files)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    try:
        for path, content, media_type in files:
            contents = contents.with_file(file(path, content, media_type))
    except NameTaken:
        return
    again = Contents().with_annotations(annotations)
    for path, content, media_type in shuffled:
        again = again.with_file(file(path, content, media_type))

    assert compose(PACKAGE, VERSION, again) == compose(PACKAGE, VERSION, contents.with_annotations(annotations))


@given(st.lists(TIMES, min_size=3, max_size=3))
def test_neither_does_the_order_of_what_was_said_with_them(times: list[str]) -> None:
    files = [(parse_path(name), name.encode(), "text/plain") for name in "abc"]
    said = [
        {CREATED: time, "same": "value", f"of-{path}": "it"} for (path, _, _), time in zip(files, times, strict=True)
    ]

    digests = {grown([files[i] for i in order], [said[i] for i in order]).digest for order in permutations(range(3))}

    assert len(digests) == 1


@given(FILES)
def test_what_was_composed_is_read_back(files: list[tuple[FilePath, bytes, str]]) -> None:
    contents = Contents()
    for path, content, media_type in files:
        try:
            contents = contents.with_file(file(path, content, media_type))
        except NameTaken:
            return

    artifact = compose(PACKAGE, VERSION, contents)

    assert Contents.read(artifact.content, KIND) == contents
    assert read_contents(artifact.digest, artifact.content) == contents


def test_an_artifact_of_another_type_holds_no_files() -> None:
    artifact = compose(PACKAGE, VERSION, Contents().with_file(file("a")))
    foreign = artifact.content.replace(KIND.artifact_type.encode(), b"application/vnd.example")

    assert Contents.read(foreign, KIND) is None
    with pytest.raises(VersionExists):
        FileAddition(PACKAGE, VERSION, parse_path("a"), MediaType("text/plain"), {}).find(
            Stored(Digest.of(foreign), foreign)
        )


def test_what_is_remembered_is_bounded_by_files() -> None:
    memory = _Memory(files=10)
    versions = {Digest.of(b"%d" % number): Contents().with_file(file("a")).with_file(file("b")) for number in range(5)}
    large = Contents()
    for number in range(20):
        large = large.with_file(file(f"{number}"))

    for digest, contents in versions.items():
        memory.put(digest, contents)
        memory.put(digest, contents)
    known = [digest for digest in versions if memory.get(digest) is not None]
    memory.put(Digest.of(b"large"), large)

    assert known == list(versions)[-3:]
    assert memory.get(Digest.of(b"large")) == large
    assert all(memory.get(digest) is None for digest in versions)


def test_the_layers_are_links_that_keep_their_files_in_the_package() -> None:
    artifact = compose(PACKAGE, VERSION, Contents().with_file(file("a")).with_file(file("b", b"b")))

    assert artifact == Artifact.parse(artifact.content, IMAGE_MANIFEST)
    assert [link.required for link in artifact.links] == [True, True, True]


def test_the_same_file_again_is_no_change() -> None:
    contents = Contents().with_file(file("a", media_type="text/plain"))

    assert contents.with_file(file("a", media_type="text/html")) == contents


def test_other_bytes_under_a_path_are_refused() -> None:
    with pytest.raises(VersionExists):
        Contents().with_file(file("a", b"one")).with_file(file("a", b"other"))


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d"), ("a/b/c/d", "a/b")])
def test_a_path_is_not_a_file_and_a_folder(first: str, second: str) -> None:
    with pytest.raises(NameTaken):
        Contents().with_file(file(first)).with_file(file(second))


@pytest.mark.parametrize(("first", "second"), [("a", "ab"), ("a/b", "a.b"), ("a/b", "ab/a"), ("a/b", "a/bc")])
def test_a_common_beginning_is_no_folder(first: str, second: str) -> None:
    assert len(Contents().with_file(file(first)).with_file(file(second)).files) == 2


def test_annotations_are_added_and_not_changed() -> None:
    contents = Contents().with_annotations({"a": "1"}).with_annotations({"b": "2"}).with_annotations({"a": "1"})

    assert contents.annotations == {"a": "1", "b": "2"}
    with pytest.raises(VersionExists):
        contents.with_annotations({"a": "2"})


def test_of_several_times_of_creation_the_earliest_stays() -> None:
    late, early = "2026-01-01T00:00:00Z", "2026-01-01T00:30:00+01:00"

    assert Contents().with_annotations({CREATED: late}).with_annotations({CREATED: early}).annotations == {
        CREATED: early
    }
    assert Contents().with_annotations({CREATED: early}).with_annotations({CREATED: late}).annotations == {
        CREATED: early
    }


@pytest.mark.parametrize("other", ["yesterday", "", "2026-01-01T00:00:00"])
def test_times_that_cannot_be_compared_are_different_values(other: str) -> None:
    with pytest.raises(VersionExists):
        Contents().with_annotations({CREATED: "2026-01-01T00:00:00Z"}).with_annotations({CREATED: other})
