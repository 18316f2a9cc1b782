"""The index files of Cargo and Go, beside nginx, which serves the same bytes as files."""

from __future__ import annotations

from collections.abc import Sequence

from bench.load import Requests, read
from bench.packages import Crate, Module
from bench.scale import Scale
from bench.session import NGINX, Group, Session, ask
from bench.subjects import Entrepot

_BARS = {NGINX: 0.5}
_MODULE = "example.com/measured"


def works(scale: Scale) -> Sequence[str]:
    return [_crate_index(scale), _version_list(scale), _version_info(scale)]


def _crate_index(scale: Scale) -> str:
    return f"Cargo index of a crate of {scale.index_versions:,} versions"


def _version_list(scale: Scale) -> str:
    return f"Go list of {scale.index_versions:,} versions"


def _version_info(scale: Scale) -> str:
    return f"Go info of one of {scale.index_versions:,} versions"


def run(session: Session, wanted: Sequence[str]) -> None:
    with session.entrepot() as ours, session.static() as static:
        [entrepot] = ours
        for work, target in _targets(session.scale, entrepot, wanted).items():
            requests = {entrepot.name: Requests(target, entrepot.headers(""))}
            content = read(entrepot, requests[entrepot.name])
            for server in static:
                server.store_file(target, content)
                requests[server.name] = Requests(target, {})
            ask(session, work, [entrepot, *static], requests, _BARS)


def _targets(scale: Scale, entrepot: Entrepot, wanted: Sequence[str]) -> dict[str, str]:
    """Fill the registry with what is wanted: where each work's file is."""
    targets = {}
    count = scale.index_versions
    if (work := _crate_index(scale)) in wanted:
        targets[work] = [entrepot.store_crate(Crate("measured", f"1.0.{number}")) for number in range(count)][-1]
    if {_version_list(scale), _version_info(scale)} & set(wanted):
        modules = [Module(_MODULE, f"v1.0.{number}") for number in range(count)]
        place = [entrepot.store_module(module) for module in modules][-1]
        targets[_version_list(scale)] = f"{place}/list"
        targets[_version_info(scale)] = f"{place}/{modules[count // 2].version}.info"
    return {work: target for work, target in targets.items() if work in wanted}


GROUP = Group(works, run)
