"""Everything that can go wrong for a client, each error with what to do next.

``str(error)`` says what is wrong; `ClientError.hint` says what to do.
Answers of the server become `Refused` and its kinds, with the fields that the server sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClientError(Exception):
    """Something did not work."""

    def __init__(
        self, message: str, *, hint: str | None = None, transient: bool = False, after: float | None = None
    ) -> None:
        super().__init__(message)
        self.hint = hint
        """What to do next; None when there is nothing to advise."""
        self.transient = transient
        """Whether the same request may well succeed a little later."""
        self.after = after
        """How many seconds the server asks to wait first."""


class Misuse(ClientError):
    """What was asked makes no sense, and nothing was sent."""


class NoServer(Misuse):
    """Nobody said which registry is meant."""


class Unreachable(ClientError):
    """No connection to the registry could be made; nothing was sent."""


class Interrupted(ClientError):
    """The connection broke before the answer was complete."""


class Unintelligible(ClientError):
    """The answer is not one that Entrepot gives."""


class WrongContent(ClientError):
    """The bytes are not those that were asked for; nothing was kept of them."""


class FileChanged(ClientError):
    """A file changed while it was being sent."""


class LocalFailure(ClientError):
    """A file or directory of this machine cannot be read or written."""


class Refused(ClientError):
    """The registry answered that it does not do this."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        request_id: str | None = None,
        fields: Mapping[str, object] | None = None,
        hint: str | None = None,
        transient: bool = False,
        after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, transient=transient, after=after)
        self.status = status
        self.code = code
        """The protocol's own word: ``version-exists`` (problem+json), ``MANIFEST_UNKNOWN`` (OCI)."""
        self.request_id = request_id
        """What the server's log calls the request."""
        self.fields = fields or {}
        """The whole answer, as far as it was JSON."""


class NotLoggedIn(Refused):
    """Credentials are needed, or those that were sent are not valid."""


class Denied(Refused):
    """The credentials are good, and do not allow this."""


class NotFound(Refused):
    """There is no such thing, or it is not for you to know."""


class Conflict(Refused):
    """The registry's present state does not allow this."""


class Busy(Refused):
    """The registry cannot do this just now."""


class ServerFailed(Refused):
    """The registry failed; this is not the client's fault."""


_KINDS: Final[Mapping[int, type[Refused]]] = {
    401: NotLoggedIn,
    403: Denied,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    429: Busy,
    502: Busy,
    503: Busy,
    504: Busy,
}
_SERVER_FAILED: Final = 500
_PASSING: Final = frozenset({(409, "upload-busy"), (409, "BLOB_UPLOAD_INVALID")})
"""A request that broke is still being ended; soon the upload can go on."""
_LASTING: Final = frozenset({"upstream-unavailable", "upstream-invalid"})
"""The registry has tried again itself, and will not for a while."""

_LOG_IN: Final = "Log in with `entrepot login URL`, or set ENTREPOT_TOKEN."
_BY_CODE: Final[Mapping[str, str]] = {
    "version-exists": "A version never changes: push under a new one.",
    "version-sealed": "A sealed version takes no more files: push under a new version.",
    "tag-immutable": "Let the name move with `entrepot namespace set NAMESPACE --movable NAME`, or push under another.",
    "read-only": "A channel's view is read-only: push to the namespace, then open a clearance.",
    "protected": "Take away first what needs it: close its clearance, or delete what contains it.",
    "namespace-unknown": "See `entrepot ls` for those you may read; `entrepot namespace create` makes one.",
    "package-unknown": "See `entrepot ls NAMESPACE` for the packages that you may read.",
    "reference-unknown": "See `entrepot ls NAMESPACE/PACKAGE` for its tags and versions.",
    "artifact-unknown": "See `entrepot ls NAMESPACE/PACKAGE` for its tags and versions.",
    "channel-unknown": "See `entrepot channel list NAMESPACE`.",
    "upstream-unknown": "See `entrepot upstream list NAMESPACE`; `entrepot upstream add` makes one.",
    "upstream-unavailable": "Try again later; `entrepot upstream test NAMESPACE NAME` says what is wrong with it.",
    "upstream-invalid": "Nothing was kept of it; `entrepot upstream test NAMESPACE NAME` asks it again.",
    "token-unknown": "See `entrepot token list` for the tokens' ids.",
    "grant-unknown": "See `entrepot grant list`.",
    "principal-unknown": "See `entrepot principal list`; `entrepot principal create` makes one.",
    "storage-full": "The registry's disk is full: its administrator has to make room.",
    "storage-read-only": "The registry's disk does not accept writes: its administrator has to look at it.",
    "quota-exceeded": "Delete what is no longer needed, or ask for a larger quota.",
    "policy-denied": "`entrepot why REFERENCE` says what stands in its way, and `entrepot policy list NAMESPACE` who asks.",
    "quarantined": "`entrepot why REFERENCE` says what it waits for.",
    "corrupt": "The stored content is damaged: tell the registry's administrator, who can run `entrepot scrub`.",
    "MANIFEST_UNKNOWN": "See `entrepot ls NAMESPACE/PACKAGE` for its tags and versions.",
    "NAME_UNKNOWN": "See `entrepot ls NAMESPACE` for the packages that you may read.",
}
_BY_STATUS: Final[Mapping[int, str]] = {
    401: _LOG_IN,
    403: "Ask whoever governs the namespace for a role that allows it; `entrepot whoami` shows yours.",
    404: "Check the spelling; what you may not read looks like what is not there (`entrepot whoami`).",
    413: "It is larger than this registry accepts.",
    429: "Wait a little and try again.",
    502: "Whatever stands before the registry cannot reach it; try again later.",
    503: "Try again later.",
    504: "Whatever stands before the registry cannot reach it; try again later.",
}


def refusal(
    status: int, code: str, message: str, *, request_id: str | None, fields: Mapping[str, object], after: float | None
) -> Refused:
    """The error for an answer that is one."""
    kind = _KINDS.get(status) or (ServerFailed if status >= _SERVER_FAILED else Refused)
    hint = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if hint is None and kind is ServerFailed:
        named = f" and name the request {request_id}" if request_id else ""
        hint = f"This is the registry's fault: tell its administrator{named}."
    return kind(
        message,
        status=status,
        code=code,
        request_id=request_id,
        fields=fields,
        hint=hint,
        transient=(kind is Busy and code not in _LASTING) or (status, code) in _PASSING,
        after=after,
    )
