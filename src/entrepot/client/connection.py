"""One registry, one credential: every request goes through here.

The rules, each kept in one place:

1. The token is sent to the registry's own origin (scheme, host and port) and nowhere else, whatever a redirect or a
   ``Location`` says.
2. What may be repeated harmlessly is repeated (`Retry`); anything else only when no connection was made at all.
3. An answer that is an error is raised as one, with the server's own words and the request's id.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import httpx

from entrepot import __version__
from entrepot.client.decode import UnexpectedShape, read
from entrepot.client.errors import (
    ClientError,
    Interrupted,
    NotFound,
    Refused,
    Unintelligible,
    Unreachable,
    refusal,
)
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest

if TYPE_CHECKING:
    from entrepot.client.credentials import Login
    from entrepot.client.retry import Retry

T = TypeVar("T")

_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 5
_MAX_ANSWER: Final = 64 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
_FIRST_ERROR: Final = 400

Body = bytes | Iterable[bytes] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer that is not an error."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: str

    def read(self, shape: type[T]) -> T:
        """The JSON that it is. Raises `Unintelligible`."""
        found: T = self._read(shape, self._document())
        return found

    def page(self, shape: type[T]) -> tuple[tuple[T, ...], str | None]:
        """A page of a list, and where the next one begins. Raises `Unintelligible`."""
        document = self._document()
        if not isinstance(document, dict):
            document = {}
        cursor = document.get("next")
        return self._read(tuple[shape, ...], document.get("items")), None if cursor is None else str(cursor)  # type: ignore[valid-type]

    def _document(self) -> object:
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise self._strange(f"that is no JSON: {error}") from error

    def _read(self, shape: Any, document: object) -> Any:
        try:
            return read(shape, document)
        except UnexpectedShape as error:
            raise self._strange(str(error)) from error

    def _strange(self, why: str) -> Unintelligible:
        return Unintelligible(
            f"{self.url} did not answer what Entrepot answers: {why}",
            hint="Check the address, and that client and server have about the same version (`entrepot version`).",
        )

    @property
    def location(self) -> str:
        """Where at this registry to go on. Raises `Unintelligible`.

        A registry behind a proxy may call itself by another name; we stay with the one that we were given.
        """
        try:
            return httpx.URL(self.url).join(self.headers["Location"]).raw_path.decode("ascii")
        except (KeyError, httpx.InvalidURL):
            raise Unintelligible(f"{self.url} does not say where to go on") from None

    def digest_in(self, name: str) -> Digest:
        """The digest that a header says, also as an entity tag. Raises `Unintelligible`."""
        try:
            return Digest.parse(self.headers.get(name, "").removeprefix("W/").strip('"'))
        except InvalidDigest as error:
            raise Unintelligible(f"{self.url} does not say the digest in {name}") from error


@dataclass(frozen=True, slots=True)
class Connection:
    """Sends requests to one registry; may be used by several threads at once."""

    login: Login
    retry: Retry
    http: httpx.Client

    @classmethod
    def open(cls, login: Login, retry: Retry, *, timeout_seconds: float) -> Connection:
        """Prepare to talk to a registry; nothing is sent yet."""
        http = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            headers={"User-Agent": f"entrepot/{__version__}"},
            follow_redirects=False,
        )
        return cls(login, retry, http)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        document: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send a request and read the whole answer, again if need be; *document* goes as JSON.

        *repeatable* says whether doing it twice is harmless; by default that depends on the method.
        A repeated DELETE that finds nothing did its work the first time.

        Raises `Refused`, `Unreachable`, `Interrupted`, `Unintelligible`.
        """
        repeatable = method in _REPEATABLE if repeatable is None else repeatable
        sent = {**(headers or {})}
        if document is not None:
            content = json.dumps(document).encode()
            sent["Content-Type"] = "application/json"
        broken = False

        def once(_: int) -> Answer:
            nonlocal broken
            try:
                return self.once(method, path, query=query, content=content, headers=sent)
            except NotFound as error:
                if method == "DELETE" and broken:
                    return Answer(204, httpx.Headers(), b"", path)
                raise error from None
            except ClientError as error:
                broken = broken or isinstance(error, Interrupted)
                if not isinstance(error, Unreachable):
                    error.transient = error.transient and repeatable
                raise

        return self.retry.run(once)

    def once(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        content: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the whole answer. Raises like `call`."""
        with self.stream(method, path, query=query, content=content, headers=headers) as response:
            return _read_whole(response)

    def pages(self, path: str, shape: type[T], *, query: Mapping[str, str | int] | None = None) -> Iterator[T]:
        """All items of a list, a page at a time. Raises like `call`."""
        asked = dict(query or {})
        while True:
            items, cursor = self.call("GET", path, query=asked).page(shape)
            yield from items
            if cursor is None:
                return
            if cursor == asked.get("after"):
                raise Unintelligible(f"{path} lists the same page again and again")
            asked["after"] = cursor

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        content: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Send a request once and give its answer while it is still coming.

        GET and HEAD follow redirects. Raises like `call`, also when the connection breaks inside of the block.
        """
        url = httpx.URL(self.login.url).join(path)
        if query:
            url = url.copy_merge_params(query)
        try:
            for _ in range(_MAX_REDIRECTS):
                response = self.http.send(self._request(method, url, content, headers), stream=True)
                try:
                    target = self._redirect(method, response)
                    if target is None:
                        if response.status_code >= _FIRST_ERROR:
                            raise self._refusal(response)
                        yield response
                        return
                    url = target
                finally:
                    response.close()
        except httpx.RequestError as error:
            raise self._broken(url, error) from error
        raise Unintelligible(f"{url} redirects again and again")

    def _request(self, method: str, url: httpx.URL, content: Body, headers: Mapping[str, str] | None) -> httpx.Request:
        # Bytes are verified by their digest, so they must come as they are stored.
        fields = {"Accept-Encoding": "identity"} | dict(headers or {})
        if self.login.token is not None and self.is_own(url):
            fields["Authorization"] = f"Bearer {self.login.token}"
        return self.http.build_request(method, url, content=content, headers=fields)

    def is_own(self, url: httpx.URL | str) -> bool:
        """Whether *url* is at the registry itself, so that the token may go there."""
        asked, own = httpx.URL(url), httpx.URL(self.login.url)
        return (asked.scheme, asked.host, asked.port) == (own.scheme, own.host, own.port)

    def _redirect(self, method: str, response: httpx.Response) -> httpx.URL | None:
        """Where to ask instead. Raises `Unintelligible`."""
        if response.status_code not in _REDIRECTS:
            return None
        try:
            target = response.url.join(response.headers["Location"])
        except (KeyError, httpx.InvalidURL) as error:
            raise Unintelligible(f"{response.url} redirects to no address") from error
        if method not in ("GET", "HEAD"):
            raise Unintelligible(
                f"{response.url} redirects to {target}, where a {method} is not sent",
                hint=f"If you trust it, use that address: `entrepot login {target.scheme}://{target.netloc.decode()}`.",
            )
        return target

    def _refusal(self, response: httpx.Response) -> Refused:
        answer = _read_whole(response)
        code, message, fields = _explain(response, answer.content)
        error = refusal(
            response.status_code,
            code,
            message,
            request_id=_request_id(response, fields),
            fields=fields,
            after=_retry_after(response),
        )
        if response.status_code in (401, 403) and not self.is_own(response.url):
            error.hint = (
                f"{self.login.url} redirects to {response.url.scheme}://{response.url.netloc.decode()}, which is not "
                "told the token; if you trust it, log in there."
            )
        return error

    def _broken(self, url: httpx.URL, error: httpx.RequestError) -> ClientError:
        where = f"{url.scheme}://{url.netloc.decode()}"
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.ConnectError) and isinstance(_root(error), ssl.SSLError):
            return Unreachable(
                f"{where} cannot be trusted: {reason}",
                hint="If its certificate is your own authority's, name the authority's file in SSL_CERT_FILE.",
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return Unreachable(
                f"{where} cannot be reached: {reason}",
                hint=f"Check the address, and that the server runs: `entrepot doctor {where}`.",
                transient=True,
            )
        return Interrupted(
            f"the connection to {where} broke: {reason}",
            hint="Try again; what was transferred so far is kept.",
            transient=not isinstance(error, httpx.UnsupportedProtocol),
        )


def escape(text: str) -> str:
    """*text* as part of a path; slashes stay."""
    return quote(text, safe="/@:+~!$&'()*,;=-._")


def _read_whole(response: httpx.Response) -> Answer:
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > _MAX_ANSWER:
            raise Unintelligible(f"{response.url} answers more than {_MAX_ANSWER} bytes")
        pieces.append(piece)
    return Answer(response.status_code, response.headers, b"".join(pieces), str(response.url))


def _explain(response: httpx.Response, content: bytes) -> tuple[str, str, dict[str, Any]]:
    """The code, the message and the fields of an error's answer: problem+json (RFC 9457), OCI, or neither."""
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    fields: dict[str, Any] = document if isinstance(document, dict) else {}
    match fields:
        case {"errors": [{"code": str(code), **error}, *_]}:
            return code, str(error.get("message") or code), fields
        case {"title": str(title)}:
            return str(fields.get("code", "")), str(fields.get("detail") or title), fields
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return "", f"{response.request.method} {response.url} was answered {status}", fields


def _request_id(response: httpx.Response, fields: Mapping[str, object]) -> str | None:
    match fields:
        case {"request_id": str(named)} | {"errors": [{"detail": {"request_id": str(named)}}, *_]}:
            return named
    header: str | None = response.headers.get("X-Request-Id")
    return header


def _retry_after(response: httpx.Response) -> float | None:
    """The seconds that the server asks to wait (RFC 9110, 10.2.3): a number, or a date by the server's own clock."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
        now = parsedate_to_datetime(response.headers["Date"]) if "Date" in response.headers else datetime.now(UTC)
        return max(0.0, (then - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
