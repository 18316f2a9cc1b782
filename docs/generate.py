"""Write the reference pages from the code that they are about: ``python docs/generate.py``.

A test runs this and compares, so a page cannot be out of date.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import msgspec

from entrepot.formats import discover
from entrepot.model import errors, events
from entrepot.model.access import Action, Role
from entrepot.policy.bounds import LONGEST_EXPRESSION
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.facts import FACTS, LONGEST_LIST, LONGEST_TEXT
from entrepot.settings import Settings
from entrepot.wire.errors import PROBLEMS
from entrepot.wire.metrics import Metrics

PAGES: Final = Path(__file__).parent / "reference"
_NOTICE: Final = "<!-- Made by docs/generate.py from the code; do not edit. -->\n"


def settings() -> str:
    """Every setting: its option, its variable, its default."""
    fields = msgspec.inspect.type_info(Settings)
    rows = "".join(
        f"| `{field.name}` | `ENTREPOT_{field.name.upper()}` | {_default(field.default)} | {_description(field)} |\n"
        for field in fields.fields  # type: ignore[attr-defined]
    )
    return f"""# Settings

Each setting is an option of `entrepot serve` (where it has one), an environment variable, or a key of `entrepot.toml`; the first of these that says something wins.
The file is the one that `ENTREPOT_CONFIG` names, else `entrepot.toml` in the working directory.
`entrepot config check` says what is in force, `entrepot config schema` prints the file's JSON Schema.

| key | variable | default | meaning |
|---|---|---|---|
{rows}"""


def _default(value: object) -> str:
    match value:
        case "" | ():
            return ""
        case _:
            return f"`{msgspec.json.encode(value).decode()}`"


def _description(field: msgspec.inspect.Field) -> str:
    found: list[str] = []
    info: object = field.type
    while isinstance(info, msgspec.inspect.Metadata):
        found.append((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    return "; ".join(text for text in found if text)


def error_matrix() -> str:
    """What each error is in each protocol."""
    tables = {"files, API": PROBLEMS} | {
        format_.title: format_.surface.errors for format_ in discover() if format_.surface.errors is not PROBLEMS
    }
    rows = "".join(
        f"| `{cls.__name__}` | {(cls.__doc__ or '').partition(chr(10))[0]} | "
        + " | ".join(f"{(row := _row(table, cls)).status} `{row.code}`" for table in tables.values())
        + " |\n"
        for cls in _descendants(errors.RegistryError)
    )
    columns = " | ".join(tables)
    return f"""# Errors

One error, and what each protocol calls it.
OCI answers in the form of its specification, everything else by RFC 9457 (`application/problem+json`); both carry the request id that the log has.

| error | meaning | {columns} |
|---|---|{"---|" * len(tables)}
{rows}"""


def _row(table: object, cls: type[errors.RegistryError]) -> object:
    rows = table.rows  # type: ignore[attr-defined]
    return next(rows[base] for base in cls.__mro__ if base in rows)


def _descendants(cls: type[errors.RegistryError]) -> Iterator[type[errors.RegistryError]]:
    """Those of the model: whoever runs this may have others."""
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _descendants(child)


def event_list() -> str:
    """Every event of the journal."""
    sections = "".join(
        f"## `{cls.__struct_config__.tag}`\n\n{(cls.__doc__ or '').strip()}\n\n"
        + "".join(f"- `{name}`\n" for name in cls.__struct_fields__)
        + "\n"
        for cls in get_args(events.AnyEvent)
    )
    return f"""# Events

What the journal is made of: `entrepot journal`, `GET /api/v1/journal`.
Types are CloudEvents names; a field is added, never renamed or taken away.
Each entry also has its position, its time, who did it, and a hash over the entry before it.

{sections}"""


def routes() -> str:
    """Every address that the server answers at."""
    listed = subprocess.run(  # noqa: S603 (our own command)
        [Path(sys.executable).with_name("entrepot"), "routes", "--output", "json"],
        check=True,
        capture_output=True,
    ).stdout
    rows = "".join(
        f"| {row['surface']} | {row['method']} | `{row['path']}` | `{row['operation']}` |\n"
        for row in msgspec.json.decode(listed)
    )
    return f"""# Routes

What `entrepot routes` lists. GET answers HEAD too.
The operation is the label of metrics and of the log.

| surface | method | path | operation |
|---|---|---|---|
{rows}"""


def roles() -> str:
    """What each role may do."""
    head = " | ".join(f"`{action}`" for action in Action)
    rows = "".join(
        f"| **{role}** | " + " | ".join("✓" if action in role.actions else "" for action in Action) + " |\n"
        for role in Role
    )
    return f"""# Roles and actions

A grant gives a principal a role in a namespace (or everywhere), for the packages that a pattern names.
A token's scope narrows it: `entrepot token create NAME --role … --namespace … [--package …] [--action …]`.

| | {head} |
|---|{"---|" * len(Action)}
{rows}
`publish` adds content, makes new tags and versions, and moves the tags that the namespace lets move.
`overwrite` moves the others; no right moves a version.
`promote` lets artifacts into channels where the policies allow it, `approve` approves what somebody else wants to promote, `block` blocks, quarantines and lets go.
`govern` sets a namespace's rules, channels, policies and upstreams and grants roles in it; `administer` makes namespaces and principals, clears, and lets upstreams be at private addresses.
"""


def metrics() -> str:
    """Every metric of a scrape."""
    totals = dict.fromkeys(("blobs", "bytes", "damaged", "artifacts", "packages", "namespaces", "unrepaired"), 0)
    text = Metrics().render(totals, {}, datetime.now(UTC))
    found: dict[str, str] = {}
    for line in text.decode().splitlines():
        if line.startswith("# HELP ") and not line.partition(" ")[2].split()[1].endswith("_created"):
            _, _, name, meaning = line.split(" ", 3)
            found[name] = meaning
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in found.items())
    return f"""# Metrics

What Prometheus gets at `/metrics`, added up over all workers.
Labels: `namespace` (of as many as the setting `metered_namespaces` says, the largest), `follower` (who reads the journal: `transparency`, `verify` and so on), `format` (`oci`, `generic`, `api`, `health`, `other`), `operation` (see [routes](routes.md)), `outcome` (`ok`, `client_error`, `server_error`), `code` (see [errors](errors.md)).
No label takes a value that a client chooses.

| metric | meaning |
|---|---|
{rows}
Alarm on `entrepot_storage_damaged > 0` and on `entrepot_storage_unrepaired > 0` ([bit rot](../runbooks/bit-rot.md); [rules](../howto/integrity.md)), on `min_over_time(entrepot_follower_behind[5m]) > 0` ([a follower that waits](../runbooks/key-store.md)) and on the rate of `entrepot_requests_total{{outcome="server_error"}}`.
"""


def policy_facts() -> str:
    """All that a policy can ask."""
    rows = "".join(
        f"| `{fact.name}` | `{fact.kind}` | {fact.meaning} | {'at once' if fact.at_once else 'once it is examined'} |\n"
        for fact in FACTS
    )
    defaults = "".join(
        f"| `{each.name}` | `{each.condition.replace('||', chr(92) + '|' + chr(92) + '|')}` | {each.description} |\n"
        for each in DEFAULTS
    )
    return f"""# What policies can ask

The facts of an artifact, for conditions in [CEL](https://github.com/google/cel-spec): `entrepot policy facts` lists them too.
A fact that nobody knows yet has no value, and whatever asks for it is refused with "is not known yet".
Lists have at most {LONGEST_LIST} elements, texts {LONGEST_TEXT} characters; an expression has at most {LONGEST_EXPRESSION}.

| fact | type | meaning | known |
|---|---|---|---|
{rows}
## Defaults

These hold for promotion into every channel but the first, until a namespace sets a policy of the same name (`--mode off` turns one off).

| policy | condition | why not |
|---|---|---|
{defaults}"""


REFERENCE: Final[dict[str, Callable[[], str]]] = {
    "policy-facts.md": policy_facts,
    "settings.md": settings,
    "errors.md": error_matrix,
    "events.md": event_list,
    "routes.md": routes,
    "roles.md": roles,
    "metrics.md": metrics,
}


def main() -> None:
    """Write them all."""
    PAGES.mkdir(exist_ok=True)
    for name, make in REFERENCE.items():
        PAGES.joinpath(name).write_text(_NOTICE + make(), encoding="utf-8")


if __name__ == "__main__":
    main()
