"""The policies of namespaces: an area of the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import CHANGE, identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.names import ChannelName, FormatName, NamespaceName, PackagePattern
from entrepot.model.policy import Door, Mode, Policy
from entrepot.model.position import Position
from entrepot.ports.policies import Entered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId

PROMOTIONS: Final = load("promotions")


class _Content(msgspec.Struct, omit_defaults=True):
    """What a policy says, as it is stored."""

    door: Door
    condition: str
    mode: Mode = Mode.ENFORCE
    channels: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    packages: str = "*"
    message: str | None = None
    description: str = ""


class SqlPolicies:
    """Implements `entrepot.ports.policies.Policies`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list(self, namespace: NamespaceName, *, history: bool = False) -> Sequence[Policy]:
        """A namespace's own policies by name; with *history* also what they were before."""
        found = await self._questions.all(PROMOTIONS.list_policies, namespace=namespace, history=history)
        return [_policy(row) for row in found]

    async def list_entered(
        self, namespace: NamespaceName, *, after: Entered | None = None, limit: int
    ) -> Sequence[Entered]:
        """A page of what is asked about in a namespace, by format and package, the oldest first."""
        place = ("", "", 0, 0) if after is None else (*after.package.path.split("/", 1), after.position, after.row)
        names = ("format", "package", "position", "row")
        found = await self._questions.all(
            PROMOTIONS.list_entered, namespace=namespace, limit=limit, **dict(zip(names, place, strict=True))
        )
        return [_entered(row) for row in found]

    async def list_recent(self, namespace: NamespaceName, *, since: datetime, limit: int) -> Sequence[Entered]:
        """What came into a namespace since then, the newest first."""
        found = await self._questions.all(
            PROMOTIONS.list_recent, namespace=namespace, since=rows.time_text(since), limit=limit
        )
        return [_entered(row) for row in found]

    async def find_doubts(self, package: PackageId, digest: Digest, channel: ChannelName | None) -> tuple[str, ...]:
        """Which policies that do not enforce said no last when they were asked who may read an artifact."""
        where = identity(package) | {"digest": str(digest), "channel": channel or ""}
        row = await self._questions.one(PROMOTIONS.find_doubts, **where)
        return () if row is None else tuple(msgspec.json.decode(row[0]))


class SqlPolicyChanges:
    """Implements `entrepot.ports.policies.PolicyChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, namespace: NamespaceName) -> Sequence[Policy]:
        """A namespace's own policies by name."""
        found = self._session.all(PROMOTIONS.list_policies, namespace=namespace, history=False)
        return [_policy(row) for row in found]

    def set(self, policy: Policy, actor: str) -> Policy | None:
        """Set a policy of a namespace, and return it with its version; None when it is so already."""
        if policy.namespace is None:
            message = "a policy that came with the program is nobody's to set"
            raise RuntimeError(message)
        namespace = self._session.namespace_id(policy.namespace)
        last = self._session.one(PROMOTIONS.last_policy, namespace=namespace, name=policy.name)
        content = msgspec.json.encode(_content(policy)).decode()
        if last is not None and last[2] is None and last[1] == content:
            return None
        version = 1 if last is None else last[0] + 1
        self._end(namespace, policy.name)
        self._session.run(
            PROMOTIONS.add_policy,
            namespace=namespace,
            name=policy.name,
            version=version,
            content=content,
            actor=actor,
            position=self._session.position,
        )
        self._session.run(CHANGE.touch_namespace, namespace=namespace, position=self._session.position)
        return replace(policy, version=version, actor=actor, from_position=self._session.position)

    def remove(self, namespace: NamespaceName, name: str) -> bool:
        """Take a policy away; False when there is none."""
        return self._end(self._session.namespace_id(namespace), name)

    def doubt(self, package: PackageId, digest: Digest, channel: ChannelName | None, policies: Sequence[str]) -> bool:
        """Remember which policies that do not enforce say no; False when they did already."""
        where = {
            "package": self._session.package_id(package),
            "blob": self._session.blob_id(digest),
            "channel": channel or "",
        }
        if not policies:
            return self._session.run(PROMOTIONS.forget_doubts, **where) > 0
        return self._session.run(PROMOTIONS.keep_doubts, **where, policies=rows.json_list(policies)) > 0

    def _end(self, namespace: int, name: str) -> bool:
        position = self._session.position
        if not self._session.run(PROMOTIONS.end_policy, namespace=namespace, name=name, position=position):
            return False
        self._session.run(CHANGE.touch_namespace, namespace=namespace, position=position)
        return True


def _content(policy: Policy) -> _Content:
    return _Content(
        door=policy.door,
        condition=policy.condition,
        mode=policy.mode,
        channels=policy.channels,
        formats=policy.formats,
        packages=str(policy.packages),
        message=policy.message,
        description=policy.description,
    )


def _entered(row: tuple[Any, ...]) -> Entered:
    namespace, format_, name, digest, position, at, number = row
    package = rows.package_id(namespace, format_, name)
    return Entered(package, Digest.parse(digest), Position(position), rows.parse_time(at), number)


def _policy(row: tuple[Any, ...]) -> Policy:
    namespace, name, version, text, actor, start, end, at = row
    content = msgspec.json.decode(text, type=_Content)
    return Policy(
        name=name,
        door=content.door,
        condition=content.condition,
        namespace=NamespaceName(namespace),
        mode=content.mode,
        channels=tuple(ChannelName(each) for each in content.channels),
        formats=tuple(FormatName(each) for each in content.formats),
        packages=PackagePattern(content.packages),
        message=content.message,
        description=content.description,
        version=version,
        actor=actor,
        from_position=Position(start),
        until_position=None if end is None else Position(end),
        at=None if at is None else rows.parse_time(at),
    )
