"""What shapes of every topic are made of: pages of lists, reasons, and what went wrong."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import MAX_TEXT, Reason

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """Some of a list, and where it goes on."""

    items: list[T]
    next: Annotated[str | None, Meta(description="What to send as `after` for the rest.", examples=[None])]


class PageQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list is asked for."""

    after: Annotated[str, Meta(description="`next` of the page before.", max_length=MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Problem(Struct, frozen=True):
    """Why a request was refused (RFC 9457)."""

    type: Annotated[str, Meta(examples=["about:blank"])]
    title: Annotated[str, Meta(description="What the code stands for.", examples=["The name is not well formed."])]
    status: Annotated[int, Meta(description="The status of the answer.", examples=[400])]
    detail: Annotated[str, Meta(examples=["The name is not well formed: Acme (expected a namespace: lower-case …)"])]
    code: Annotated[str, Meta(description="For programs; it never changes.", examples=["invalid-name"])]
    request_id: Annotated[str, Meta(description="To find the request in the log.", examples=["5e1f0c9a"])]
    expected: Annotated[str, Meta(description="What would have been right.")] | UnsetType = UNSET
    actual: Annotated[str, Meta(description="What there was instead.")] | UnsetType = UNSET


class Because(Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done."""

    reason: Reason = ""
