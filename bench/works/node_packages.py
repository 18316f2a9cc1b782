"""Node packages: the packument that every installation asks for first, whole and abbreviated."""

from __future__ import annotations

from collections.abc import Sequence

from bench.load import Requests, read
from bench.packages import Tarball
from bench.scale import Scale
from bench.session import ENTREPOT, NGINX, VERDACCIO, Group, Session, ask, say
from bench.subjects.npm import ABBREVIATED, FULL

_FORMS = {"full": FULL, "abbreviated": ABBREVIATED}
_BARS = {VERDACCIO: 50.0, NGINX: 0.5}
_NAME = "measured"


def works(scale: Scale) -> Sequence[str]:
    return [_packument(scale, form) for form in _FORMS]


def _packument(scale: Scale, form: str) -> str:
    return f"packument of {scale.index_versions:,} versions, {form}"


def run(session: Session, wanted: Sequence[str]) -> None:
    """nginx serves the very packument that we do, as a file."""
    tarballs = [Tarball.of(_NAME, f"1.0.{number}") for number in range(session.scale.index_versions)]
    with session.node_registries(ENTREPOT, VERDACCIO) as registries, session.static() as static:
        for registry in registries:
            say(f"packuments: filling {registry.name}")
            registry.store_tarballs(tarballs)
        for form, media_type in _FORMS.items():
            if (work := _packument(session.scale, form)) not in wanted:
                continue
            requests = {
                registry.name: Requests(registry.packument(_NAME), registry.headers("") | {"Accept": media_type})
                for registry in registries
            }
            packument = read(next(each for each in registries if each.name == ENTREPOT), requests[ENTREPOT])
            for server in static:
                server.store_file(f"/npm/{_NAME}-{form}.json", packument)
                requests[server.name] = Requests(f"/npm/{_NAME}-{form}.json", {})
            ask(session, work, [*registries, *static], requests, _BARS)


GROUP = Group(works, run)
