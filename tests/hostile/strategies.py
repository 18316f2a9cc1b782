"""What a fuzzer sends: things that are nearly right, and things that are not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote_from_bytes

import msgspec
from hypothesis import strategies as st

from entrepot.api.docs import SUBJECTS
from entrepot.api.endpoint import PARTS, Endpoint
from tests.formats.npm.packages import publication
from tests.hostile import world
from tests.hostile.exchange import Header, Request
from tests.hostile.world import CONTENT, LARGE, MANIFEST, PACKAGE, PUBLIC, SMALL, digest_of

SESSION = b"{session}"
"""Stands for the path of an upload that is open; whoever sends the request puts it in."""


_TRAVERSALS = ["..", "../..", "....//", "..\\..", "/etc/passwd", "//", ".", "", "a//b", "../../catalog.sqlite"]
_ODD_NAMES = [
    "acme",
    "ACME/Api",
    "acme.prod/team/api",
    "acme..prod/x",
    "acme.nosuch/x",
    "acme.prod.x/y",
    "library",
    "nosuch/thing",
    "acme/generic/tool",
    "acme/generic/x--54ool",
    "acme/generic/x--",
    "acme/generic/--zz",
    "acme/generic/x--c3",
    "acme/pypi/requests",
    "acme/oci/team/api",
    "acme/_oci/ext",
    "acme/blobs/uploads",
    "acme/manifests/manifests/tags/list",
    "acme/" + "a" * 255,
    "acme/" + "a/" * 100 + "a",
    "a" * 300,
    "acme/\x00",
    "acme/a\nb",
    "acme/ünïcode",
    "acme/\U0001f4a9",
    "acme/a b",
    "acme/a%2fb",
    "acme/-a",
    "acme/a-",
    "acme/a__b",
    "acme/a___b",
    "acme/a..b",
    "acme/a--b",
    "xn--acme/api",
]


_TEXT: Final = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="abz019._-/:@+% ", max_size=20),
    st.sampled_from([*_TRAVERSALS, "a" * 129, "a" * 300, "a" * 3000]),
)


def _mostly(usual: list[str], *others: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Three times out of four something that is there."""
    return st.tuples(st.integers(0, 3), st.sampled_from(usual), st.one_of(others)).map(
        lambda drawn: drawn[1] if drawn[0] else drawn[2]
    )


NAMES: Final = _mostly([PACKAGE, PACKAGE, PUBLIC, "acme/new"], st.sampled_from(_ODD_NAMES), _TEXT)
"""Names of packages: some of them real."""

_REAL_DIGESTS: Final = [digest_of(content) for content in CONTENT]

DIGESTS: Final = _mostly(
    _REAL_DIGESTS,
    st.sampled_from(
        [
            "sha256:",
            "sha256:" + "A" * 64,
            "sha256:" + "0" * 63,
            "sha256:" + "0" * 65,
            "sha256:" + "g" * 64,
            "sha256:" + "\u0663" * 64,
            "sha512:" + "0" * 128,
            "sha512:" + "0" * 64,
            "sha384:" + "0" * 96,
            "md5:" + "0" * 32,
            "sha256+b64:" + "0" * 64,
            "SHA256:" + "0" * 64,
            "sha256:sha256:" + "0" * 64,
            ":" + "0" * 64,
            "sha256:" + "0" * 64,
            digest_of(LARGE, "sha512"),
            _REAL_DIGESTS[0] + "\n",
            _REAL_DIGESTS[0] + " ",
            "sha256:../" + "0" * 61,
        ]
    ),
    _TEXT,
)
"""Digests: of what is there, of what is not, and what only looks like one."""

REFERENCES: Final = _mostly(
    ["1.0", "latest", "index", "new", "2.0", "v1.2.3-rc1", *_REAL_DIGESTS[2:]],
    st.sampled_from(["a" * 128, "a" * 129, ".", "..", "-a", "a+b", "a b", "sha256-" + "0" * 64]),
    DIGESTS,
)
"""Tags and digests."""

_QUERY_VALUES: Final = st.one_of(
    st.sampled_from(
        ["0", "1", "-1", "2", "1001", "1e3", "9" * 20, "9" * 19, "9" * 18, "\u0663", "0x10", " 1", "", "9" * 5000]
    ),
    st.sampled_from(["sha256", "sha512", "md5", "true", "no", "application/x.note", "repository:acme/team/api:pull"]),
    DIGESTS,
    NAMES,
)

_QUERY_NAMES: Final = st.sampled_from(
    [
        "digest",
        "mount",
        "from",
        "n",
        "last",
        "tag",
        "artifactType",
        "digest-algorithm",
        "ns",
        "scope",
        "service",
        "limit",
        "after",
        "offset",
        "text",
        "key",
        "sealed",
        "format",
        "_state",
        "",
    ]
)

_BROKEN: Final = st.sampled_from(
    [b"%", b"%zz", b"%f", b"%c3", b"%ff%fe", b"%00", b"%0a", b"%2e%2e%2f", b"%ed%a0%80", b"\xff", b"%u0041"]
)


def _usual(text: str) -> bytes:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="/:@+._-~").encode()


def _strict(text: str) -> bytes:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe=":").encode()


def _every_byte(text: str) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in text.encode("utf-8", "surrogatepass"))


def _twice(text: str) -> bytes:
    return quote_from_bytes(_strict(text), safe="").encode()


_ESCAPES: Final = st.sampled_from([_usual, _usual, _usual, _strict, _every_byte, _twice])
"""Ways to write text in a URL."""


def _written(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Paths of a shape; each ``{}`` is one of *parts*."""
    texts = [text.encode() for text in template.split("{}")]

    def write(drawn: tuple[Any, ...]) -> bytes:
        escape, *values = drawn
        return b"".join(text + value for text, value in zip(texts, [*map(escape, values), b""], strict=True))

    return st.tuples(_ESCAPES, *parts).map(write)


_VIEWS: Final = _mostly(
    ["acme", "open", "acme", "acme.prod"], st.sampled_from(["nosuch", "acme.nosuch", "a.b.c"]), _TEXT
)
_TOOLS: Final = _mostly(["tool", "Tool"], st.just("a" * 129), _TEXT)
_FILES: Final = _mostly(
    ["a", "bin/linux/tool"],
    st.sampled_from(["a/../b", "e\u0301", "\u202e", "a" * 1025, "a//b", ".", "-", "~/x", "a/"]),
    _TEXT,
)

_PAIRS: Final = st.tuples(_QUERY_NAMES, _ESCAPES, _QUERY_VALUES).map(
    lambda drawn: drawn[0].encode() + b"=" + drawn[1](drawn[2])
)
QUERIES: Final = st.lists(st.one_of(_PAIRS, _PAIRS, _PAIRS, _BROKEN), max_size=3).map(b"&".join)
"""Query strings."""


# --- headers ---


_RANGES = [
    b"bytes=0-0",
    b"bytes=0-",
    b"bytes=-1",
    b"bytes=-0",
    b"bytes=5-1",
    b"bytes=-99999999999999999999",
    b"bytes=9999999999999999999-",
    b"bytes=0-9999999999999999999",
    b"bytes=0-1,3-4",
    b"bytes=a-b",
    b"bytes=--1",
    b"lines=1-2",
    b"bytes",
    b"bytes=",
    b"bytes=-",
    b"bytes=1-2-3",
    b"bytes=0-0;x",
]
_CHUNKS = [
    b"0-0",
    b"0-99",
    b"100-0",
    b"-1-5",
    b"0-",
    b"bytes 0-99/100",
    b"bytes 0-99/*",
    b"9999999999999999999-9999999999999999999",
    b"99999999999999999999-0",
    b"1000-1009",
    b"a-b",
    b"",
]
_TYPES = [
    MANIFEST,
    world.INDEX,
    MANIFEST + b"; charset=utf-8",
    b"application/octet-stream",
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"text/html",
    b"",
    b";",
    b"/",
    b"a" * 5000,
    b"application/vnd.docker.distribution.manifest.v2+json",
    b"application/vnd.docker.distribution.manifest.v1+prettyjws",
]


_ETAGS: Final = [b"*", b'"x"', b'W/"x"', b'"', b",", *(f'"{digest}"'.encode() for digest in _REAL_DIGESTS)]
_CHECKSUM: Final = base64.b64encode(b"x" * 32)
HEADER_TEXT: Final = st.binary(max_size=40).map(
    lambda found: found.translate(None, bytes([*range(9), *range(10, 32), 127])).strip()
)
_FIELDS: Final[dict[bytes, st.SearchStrategy[bytes]]] = {
    b"range": st.sampled_from(_RANGES),
    b"if-range": st.sampled_from(_ETAGS),
    b"content-range": st.sampled_from(_CHUNKS),
    b"content-type": st.sampled_from(_TYPES),
    b"accept": st.sampled_from([b"*/*", b"text/html", MANIFEST, b";q=a", b"," * 100]),
    b"if-none-match": st.sampled_from(_ETAGS),
    b"if-match": st.sampled_from(_ETAGS),
    b"if-modified-since": st.sampled_from([b"x", b"Sun, 06 Nov 1994 08:49:37 GMT", b"0"]),
    b"host": st.sampled_from([b"", b"a b", b"[::1", b"x" * 300, b"evil.example/\\@", b"localhost:99999", b"\xff"]),
    b"x-forwarded-for": st.sampled_from([b"1.2.3.4", b"," * 50, b"\xff"]),
    b"x-forwarded-proto": st.sampled_from([b"https", b"javascript", b"\xff"]),
    b"digest": st.sampled_from([b"sha-256=" + _CHECKSUM, b"sha-256=", b"md5=x", b"=", b",,"]),
    b"content-digest": st.sampled_from([b"sha-256=:" + _CHECKSUM + b":", b"sha-256=:!:", b"sha-256=1", b"(", b";"]),
    b"repr-digest": st.sampled_from([b"sha-256=:" + _CHECKSUM + b":", b"x"]),
    b"x-checksum-sha256": st.sampled_from([b"0" * 64, b"z" * 64, b"", b"\xff"]),
    b"x-checksum-md5": st.sampled_from([b"0" * 32, b"x"]),
    b"x-checksum-sha1": st.sampled_from([b"0" * 40, b"x"]),
    b"expect": st.just(b"100-continue"),
    b"cookie": st.just(b"a=b"),
    b"upload-offset": st.sampled_from([b"0", b"-1", b"9" * 30]),
    b"x-odd": HEADER_TEXT,
}

HEADERS: Final[st.SearchStrategy[tuple[Header, ...]]] = st.lists(
    st.one_of([st.tuples(st.just(name), values) for name, values in _FIELDS.items()]),
    max_size=4,
    unique_by=lambda field: field[0],
).map(tuple)
"""Header fields, each at most once: the server refuses or joins the others before anybody looks."""


# --- bodies ---


class Verbatim(str):
    """JSON text to be put in as it is."""

    __slots__ = ()


class Pairs(list[tuple[str, object]]):
    """An object whose names may repeat."""


def write_json(value: object) -> str:
    """JSON, and what resembles it."""
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{write_json(member)}" for key, member in value) + "}"
    if isinstance(value, dict):
        return write_json(Pairs(value.items()))
    if isinstance(value, list):
        return "[" + ",".join(write_json(member) for member in value) + "]"
    return json.dumps(value)


ODD_VALUES: list[object] = [
    None,
    True,
    0,
    -1,
    2,
    2.0,
    1.5,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    "",
    "2",
    "x" * 300,
    "\x00",
    "\U0001f4a9",
    "sha256:" + "0" * 64,
    "sha512:" + "0" * 128,
    "sha256:zz",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"": ""},
    {"a": None},
    {"a": {"b": 1}},
    {"digest": "sha256:" + "0" * 64},
    {"digest": "sha256:" + "0" * 64, "size": 0},
    {"digest": "sha256:" + "0" * 64, "size": -1, "mediaType": "a/b"},
    {"digest": "sha256:" + "0" * 64, "size": 2**63, "mediaType": "a/b"},
    {"org.opencontainers.image.revision": "x" * 5000, "\x00": "\x00", "\ud800".encode("utf-8", "replace").decode(): ""},
    Verbatim("NaN"),
    Verbatim("Infinity"),
    Verbatim("1e400"),
    Verbatim("1" * 5000),
    Verbatim("-0"),
    Verbatim("01"),
    Verbatim('"\\ud800"'),
    Verbatim('"\\udc00\\ud800"'),
    Verbatim('"\\u0000"'),
    Verbatim('{"\\ud800":"\\ud800"}'),
    Verbatim("'a'"),
    Verbatim(""),
    Verbatim("[" * 500 + "]" * 500),
    Verbatim('{"a":' * 500 + "1" + "}" * 500),
    Verbatim('"\x01"'),
]


_DESCRIPTORS: Final = [world.descriptor(SMALL, "a/b"), world.descriptor(LARGE, "a/b")]
_OUTER: Final = (
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "unknown",
)
_INNER: Final = ("digest", "size", "mediaType", "annotations", "artifactType", "data", "urls", "platform")
_ODD_DESCRIPTORS: Final = st.tuples(
    st.sampled_from(_DESCRIPTORS), st.sampled_from(_INNER), st.sampled_from(ODD_VALUES)
).map(lambda drawn: {**drawn[0], drawn[1]: drawn[2]})

Change = Callable[[Pairs], Pairs]


def _add(name: str, value: object) -> Change:
    return lambda document: Pairs([*document, (name, value)])


def _replace(name: str, value: object) -> Change:
    return lambda document: Pairs([(key, value if key == name else old) for key, old in document])


def _drop(name: str) -> Change:
    return lambda document: Pairs([(key, old) for key, old in document if key != name])


_CHANGES: Final[st.SearchStrategy[Change]] = st.one_of(
    st.builds(_add, st.sampled_from(_OUTER), st.sampled_from(ODD_VALUES)),
    st.builds(_replace, st.sampled_from(_OUTER), st.sampled_from(ODD_VALUES)),
    st.builds(_drop, st.sampled_from(_OUTER)),
    st.builds(_replace, st.sampled_from(["config", "subject"]), _ODD_DESCRIPTORS),
    st.builds(_add, st.sampled_from(["config", "subject"]), _ODD_DESCRIPTORS),
    st.builds(_replace, st.just("layers"), _ODD_DESCRIPTORS.map(lambda odd: [odd, *_DESCRIPTORS])),
    st.builds(_add, st.just("manifests"), _ODD_DESCRIPTORS.map(lambda odd: [odd])),
    st.builds(_replace, st.just("layers"), st.integers(0, 300).map(lambda count: _DESCRIPTORS[:1] * count)),
)


def _apply(number: int, changes: list[Change], spoil: tuple[int, bytes] | None) -> bytes:
    document = Pairs(world.manifest(annotations={"number": str(number)}).items())
    for change in changes:
        document = change(document)
    text = write_json(document).encode("utf-8", "surrogatepass")
    if spoil is None:
        return text
    at = spoil[0] % len(text)
    return text[:at] + spoil[1] + text[at:]


MANIFESTS: Final = st.builds(
    _apply,
    st.integers(0, 50),
    st.lists(_CHANGES, max_size=3),
    st.one_of(st.none(), st.none(), st.none(), st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4))),
)
"""Manifests and indexes with up to three things wrong."""

BODIES: Final = st.one_of(
    st.just(b""),
    st.sampled_from(CONTENT),
    MANIFESTS,
    st.binary(max_size=100),
    st.sampled_from(
        [
            b"grant_type=password&username=a&password=b&service=s&scope=repository:acme/team/api:pull",
            b"grant_type=refresh_token&refresh_token=%ff%00",
            b"grant_type=password&password=ent_adm_" + b"x" * 36,
            b"grant_type=",
            b"&" * 500,
            b"a=b&" * 200,
            b"\xff=\xfe",
        ]
    ),
    st.sampled_from(ODD_VALUES).map(lambda value: write_json(value).encode("utf-8", "surrogatepass")),
)
"""What may be in a request."""


def _cut_up(body: bytes, places: list[int]) -> tuple[bytes, ...]:
    cuts = sorted(place % (len(body) + 1) for place in places)
    return tuple(body[start:end] for start, end in pairwise([0, *cuts, len(body)])) if body else ()


# --- whole requests ---


def _shape(
    methods: str,
    path: st.SearchStrategy[bytes],
    *,
    query: st.SearchStrategy[bytes] = st.just(b""),  # noqa: B008 (a value, never changed)
    fields: st.SearchStrategy[tuple[Header, ...]] = st.just(()),  # noqa: B008
    body: st.SearchStrategy[bytes] = st.just(b""),  # noqa: B008
) -> st.SearchStrategy[tuple[Any, ...]]:
    """A kind of request that some route takes: its methods, where, and what goes with it."""
    return st.tuples(st.sampled_from(methods.split()), path, query, fields, body)


def _pairs(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.tuples(_ESCAPES, values).map(lambda drawn: name.encode() + b"=" + drawn[0](drawn[1]))


_MANIFEST_TYPES: Final = st.sampled_from(_TYPES).map(lambda kind: ((b"content-type", kind),))
_DIGEST_OF_BODY: Final = b"{digest}"
"""Stands for the digest of the request's own body; whoever sends the request puts it in."""
_UPLOAD_QUERIES: Final = st.one_of(
    st.just(b"digest=" + _DIGEST_OF_BODY),
    _pairs("digest", DIGESTS),
    st.tuples(_pairs("mount", DIGESTS), _pairs("from", NAMES)).map(b"&".join),
    _pairs("mount", DIGESTS),
    _pairs("digest-algorithm", st.sampled_from(["sha256", "sha512", "md5", ""])),
    st.just(b""),
)
_FORM: Final = st.just(((b"content-type", b"application/x-www-form-urlencoded"),))
_FILE_FIELDS: Final = st.sampled_from(
    [
        (),
        ((b"content-type", b"text/html"),),
        ((b"entrepot-annotations", b"commit=abc"),),
        ((b"entrepot-annotations", b"\xff" * 100),),
        ((b"content-encoding", b"gzip"),),
        ((b"if-none-match", b"*"),),
    ]
)

OCI: Final = [
    _shape("GET HEAD DELETE", _written("/v2/{}/manifests/{}", NAMES, REFERENCES)),
    _shape("PUT", _written("/v2/{}/manifests/{}", NAMES, REFERENCES), fields=_MANIFEST_TYPES, body=MANIFESTS),
    _shape(
        "PUT",
        _written("/v2/{}/manifests/{}", NAMES, DIGESTS),
        query=st.lists(_pairs("tag", REFERENCES), max_size=4).map(b"&".join),
        fields=_MANIFEST_TYPES,
        body=st.sampled_from(CONTENT),
    ),
    _shape("GET HEAD DELETE", _written("/v2/{}/blobs/{}", NAMES, DIGESTS)),
    _shape("POST", _written("/v2/{}/blobs/uploads/", NAMES), query=_UPLOAD_QUERIES, body=st.sampled_from(CONTENT)),
    _shape("GET PATCH PUT DELETE", _written("/v2/{}/blobs/uploads/{}", NAMES, _TEXT), query=_UPLOAD_QUERIES),
    _shape("GET DELETE", st.just(SESSION)),
    _shape("PATCH PUT", st.just(SESSION), query=_UPLOAD_QUERIES, body=BODIES),
    _shape("GET", _written("/v2/{}/tags/list", NAMES), query=QUERIES),
    _shape("GET", _written("/v2/{}/referrers/{}", NAMES, DIGESTS), query=QUERIES),
    _shape("GET", st.sampled_from([b"/v2/_catalog", b"/v2/", b"/v2", b"/v2/_oci/ext/discover"]), query=QUERIES),
    _shape("GET", _written("/v2/{}/_oci/ext/discover", NAMES)),
    _shape("GET POST PUT", _written("/v2/{}", _TEXT)),
    _shape("GET", st.just(b"/token"), query=QUERIES),
    _shape("POST", st.just(b"/token"), fields=_FORM, body=BODIES),
]

FILES: Final = [
    _shape("GET HEAD", _written("/files/{}/{}/{}/{}", _VIEWS, _TOOLS, REFERENCES, _FILES)),
    _shape("PUT", _written("/files/{}/{}/{}/{}", _VIEWS, _TOOLS, REFERENCES, _FILES), fields=_FILE_FIELDS, body=BODIES),
    _shape(
        "GET PUT PATCH DELETE",
        _written("/files/{}/{}/{}/{}", _VIEWS, _TOOLS, REFERENCES, _FILES),
        query=_pairs("upload", _TEXT),
        body=BODIES,
    ),
    _shape("POST", _written("/files/{}/{}/{}/{}", _VIEWS, _TOOLS, REFERENCES, _FILES), query=st.just(b"upload")),
    _shape(
        "GET POST DELETE",
        _written("/files/{}/{}/{}", _VIEWS, _TOOLS, REFERENCES),
        query=st.sampled_from([b"", b"seal", b"yank", b"unyank", b"seal&yank"]),
        body=BODIES,
    ),
    _shape("GET", _written("/files/{}/{}", _VIEWS, _TOOLS), query=QUERIES),
    _shape("GET", _written("/files/{}", _VIEWS), query=QUERIES),
]

_MODULES: Final = _mostly(
    ["tool", "@acme/tool", "other"],
    st.sampled_from(
        ["@acme", "@/tool", "tool/", "-", "node_modules", "T\u00f6\u00f6l", "a" * 215, "@a/@b/c", ".x", "@acme/-"]
    ),
    _TEXT,
)
_MODULE_VERSIONS: Final = _mostly(
    ["1.0.0", "latest", "next"],
    st.sampled_from(
        ["1.0", "v1.0.0", "1.0.0+a", "1.0.0-rc.1", "9" * 200 + ".0.0", "^1.0.0", "-rev", "sha256-" + "0" * 64]
    ),
    _TEXT,
)
_TARBALLS: Final = _mostly(
    ["tool-1.0.0.tgz", "@acme/tool-1.0.0.tgz"], st.sampled_from(["tool-.tgz", ".tgz", "tool-1.0.0.tgz/-rev/1-0"]), _TEXT
)
_IDENTITIES: Final = st.sampled_from(
    [("tool", "1.0.0"), ("@acme/tool", "1.0.0"), ("tool", "1.0.0-rc.1"), ("other", "2.0.0")]
)
_PUBLICATION_KEYS: Final = st.sampled_from(["name", "versions", "dist-tags", "_attachments", "_rev", "unknown"])


def _publication(identity: tuple[str, str], odd: tuple[str, object] | None) -> tuple[Any, ...]:
    """What ``npm publish`` sends, perhaps with one thing wrong, where it sends it."""
    document: dict[str, object] = dict(publication(*identity))
    if odd is not None:
        document[odd[0]] = odd[1]
    body = write_json(document).encode("utf-8", "surrogatepass")
    return "PUT", b"/npm/acme/" + _strict(identity[0]), b"", (), body


_PUBLICATIONS: Final = st.builds(
    _publication, _IDENTITIES, st.one_of(st.none(), st.tuples(_PUBLICATION_KEYS, st.sampled_from(ODD_VALUES)))
)

NPM: Final = [
    _PUBLICATIONS,
    _PUBLICATIONS,
    _shape(
        "GET HEAD",
        _written("/npm/{}/{}", _VIEWS, _MODULES),
        query=st.one_of(st.just(b"write=true"), QUERIES),
        fields=st.sampled_from([(), ((b"accept", b"application/vnd.npm.install-v1+json"),)]),
    ),
    _shape("PUT", _written("/npm/{}/{}", _VIEWS, _MODULES), body=BODIES),
    _shape("GET HEAD", _written("/npm/{}/{}/{}", _VIEWS, _MODULES, _MODULE_VERSIONS)),
    _shape("GET HEAD", _written("/npm/{}/{}/-/{}", _VIEWS, _MODULES, _TARBALLS)),
    _shape("PUT DELETE", _written("/npm/{}/{}/-rev/{}", _VIEWS, _MODULES, _TEXT), body=BODIES),
    _shape("DELETE", _written("/npm/{}/{}/-/{}/-rev/{}", _VIEWS, _MODULES, _TARBALLS, _TEXT)),
    _shape("GET", _written("/npm/{}/-/package/{}/dist-tags", _VIEWS, _MODULES)),
    _shape(
        "PUT POST DELETE",
        _written("/npm/{}/-/package/{}/dist-tags/{}", _VIEWS, _MODULES, _MODULE_VERSIONS),
        body=st.one_of(st.just(b'"1.0.0"'), BODIES),
    ),
    _shape(
        "GET POST",
        _written(
            "/npm/{}/-/package/{}/{}", _VIEWS, _MODULES, st.sampled_from(["access", "visibility", "collaborators"])
        ),
        body=BODIES,
    ),
    _shape("GET", _written("/npm/{}/-/v1/search", _VIEWS), query=QUERIES),
    _shape("GET", _written("/npm/{}/-/npm/v1/attestations/{}@{}", _VIEWS, _MODULES, _MODULE_VERSIONS)),
    _shape(
        "POST",
        _written(
            "/npm/{}/-/npm/v1/security/{}", _VIEWS, st.sampled_from(["advisories/bulk", "audits", "audits/quick"])
        ),
        body=BODIES,
    ),
    _shape("PUT", _written("/npm/{}/-/user/org.couchdb.user:{}", _VIEWS, _TEXT), body=BODIES),
    _shape(
        "GET POST", _written("/npm/{}/-/npm/v1/{}", _VIEWS, st.sampled_from(["keys", "user", "tokens"])), body=BODIES
    ),
    _shape(
        "DELETE", _written("/npm/{}/-/{}/{}", _VIEWS, st.sampled_from(["user/token", "npm/v1/tokens/token"]), _TEXT)
    ),
    _shape("GET POST", _written("/npm/{}/-/{}", _VIEWS, st.sampled_from(["ping", "whoami", "v1/login"])), body=BODIES),
]

ELSEWHERE: Final = [
    _shape("GET HEAD POST", _written("/{}", _TEXT), query=QUERIES),
    _shape("GET", st.sampled_from([b"/livez", b"/readyz", b"/startupz", b"/healthz", b"/metrics", b"/", b"//v2/"])),
]

_NOTE: Final = (
    b"registry.example.com/log\n3\n"
    + b"A" * 43
    + b"=\n\n"
    + "\u2014 registry.example.com/log ".encode()
    + b"A" * 92
    + b"\n"
)
LOG: Final = [
    _shape("GET", st.sampled_from([b"/log/checkpoint", b"/log/tile/0/000.p/1", b"/log/tile/entries/000.p/2"])),
    _shape("GET", _written("/log/tile/{}", _mostly(["0/000", "entries/x001/000", "63/000.p/255"], _TEXT))),
    _shape(
        "POST",
        st.just(b"/log/add-checkpoint"),
        body=st.sampled_from([b"old 0\n\n" + _NOTE, b"old 2\n" + b"A" * 43 + b"=\n\n" + _NOTE, _NOTE, b"old 0\n\n"])
        | st.binary(max_size=300),
    ),
]
"""The transparency log and the witness."""

_PARTS: Final[dict[str, st.SearchStrategy[str]]] = {
    "namespace": _VIEWS,
    "view": _VIEWS,
    "format": _mostly(["oci", "generic", "oci"], _TEXT),
    "package": _mostly(["team/api", "tool", "team/api"], _TEXT),
    "name": REFERENCES,
    "version": REFERENCES,
    "digest": DIGESTS,
    "artifact": REFERENCES,
    "channel": _mostly(["dev", "staging", "prod"], _TEXT),
    "principal": _mostly(["somebody", "nobody"], _TEXT),
    "upstream": _mostly(["public"], _TEXT),
    "token": st.one_of(st.just("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"), _TEXT),
}
_PLAUSIBLE: Final = [
    "acme",
    "acme.prod",
    "open",
    "other",
    "oci",
    "generic",
    "team/api",
    "tool",
    "reader",
    "publisher",
    "administrator",
    "user",
    "robot",
    "somebody",
    "*",
    "1h",
    "2030-01-01T00:00:00Z",
    "prod",
    ["dev", "prod"],
    ["*"],
    *_REAL_DIGESTS,
]
_JSON_VALUES: Final = st.one_of(st.sampled_from(_PLAUSIBLE), st.sampled_from(_PLAUSIBLE), st.sampled_from(ODD_VALUES))


def _documents(fields: list[str]) -> st.SearchStrategy[bytes]:
    """JSON objects with some of *fields*, each right or wrong."""
    return st.lists(st.tuples(st.sampled_from(fields), _JSON_VALUES), max_size=4).map(
        lambda members: write_json(Pairs(members)).encode("utf-8", "surrogatepass")
    )


def _part(name: str) -> st.SearchStrategy[str]:
    """What may stand in a path; of what has no values of its own here, mostly what its description shows."""
    known = _PARTS.get(name)
    return _mostly(msgspec.json.schema(PARTS[name])["examples"], _TEXT) if known is None else known


def _endpoint(endpoint: Endpoint) -> st.SearchStrategy[tuple[Any, ...]]:
    names = list(endpoint.query.__struct_fields__) if endpoint.query is not None else []
    query = (
        st.lists(st.one_of([_pairs(name, _QUERY_VALUES) for name in names]), max_size=3).map(b"&".join)
        if names
        else st.just(b"")
    )
    path = re.sub(r"\{\w+\}", "{}", endpoint.path)
    body = _documents(list(endpoint.body.__struct_encode_fields__)) if endpoint.body is not None else st.just(b"")
    return _shape(endpoint.method, _written(path, *map(_part, endpoint.parts)), query=query, body=body)


API: Final = [_endpoint(endpoint) for subject in SUBJECTS for endpoint in subject.endpoints]
"""Every operation of the management API, from its own declaration."""

_ALL_METHODS: Final = [
    "GET",
    "HEAD",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "MKCOL",
    "PURGE",
    "QUERY",
]
_SOMETIMES: Final = st.integers(0, 15)


def requests(
    shapes: list[st.SearchStrategy[tuple[Any, ...]]], authorization: bytes | None
) -> st.SearchStrategy[Request]:
    """Whole requests of some shapes, with these credentials; now and then with a part that belongs elsewhere."""
    credentials = () if authorization is None else ((b"authorization", authorization),)

    def build(
        shape: tuple[Any, ...],
        extra: tuple[Header, ...],
        places: list[int],
        odd: tuple[int, str, bytes, bytes],
        chunked: int,
        cut: int,
    ) -> Request:
        method, path, query, fields, body = shape
        which, other_method, other_query, broken = odd
        if which == 0:
            method = other_method
        if which in (1, 2):
            query = other_query
        if which == 3:
            path += broken
        named = {name for name, _ in fields}
        extra = tuple(field for field in extra if field[0] not in named)
        host = () if any(name == b"host" for name, _ in extra) else ((b"host", b"registry.example.com"),)
        target = path + (b"?" + query if query else b"")
        target = target.replace(_DIGEST_OF_BODY, digest_of(body).encode())
        return Request(
            method,
            target,
            (*host, *credentials, *fields, *extra),
            _cut_up(body, places),
            chunked=chunked < 3,
            cut=cut == 7,
        )

    odd = st.tuples(_SOMETIMES, st.sampled_from(_ALL_METHODS), QUERIES, _BROKEN)
    return st.builds(
        build, st.one_of(shapes), HEADERS, st.lists(st.integers(0, 2000), max_size=3), odd, _SOMETIMES, _SOMETIMES
    )
