"""``python -m bench``: measure Entrepot beside its peers, print a table and keep the figures as JSON."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import machine
from bench.results import Report
from bench.scale import FULL, QUICK
from bench.session import Session, say
from bench.works import GROUPS

_OUTPUT = Path(__file__).with_name("results.json")


def main(arguments: list[str] | None = None) -> int:
    """Run the works that are asked for. A missed bar is reported, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition(": ")[2] if __doc__ else "")
    parser.add_argument(
        "--only", metavar="PATTERN", default="", help="only works whose name matches, e.g. 'manifest|blob GET'"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, one round: under a minute, figures mean nothing"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, default=_OUTPUT, help="where the JSON goes (%(default)s)"
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, default=1, help="worker processes of Entrepot (%(default)s)"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the works and stop")
    parser.add_argument("--catalogs", metavar="DIR", type=Path, help="catalogs filled before, as DIR/1000000; copied")
    options = parser.parse_args(arguments)

    scale = QUICK if options.quick else FULL
    pattern = re.compile(options.only, re.IGNORECASE)
    chosen = [(group, [work for work in group.works(scale) if pattern.search(work)]) for group in GROUPS]
    if options.list:
        print("\n".join(work for _, works in chosen for work in works))
        return 0
    if not any(works for _, works in chosen):
        parser.error(f"no work matches {options.only!r}; --list names them")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers and files go, too
    report = Report({**machine.describe(), "load_average": machine.load_average()}, options.quick)
    with TemporaryDirectory(prefix="bench-", dir=os.environ.get("TMPDIR")) as home:
        session = Session(Path(home), scale, report, options.workers, len(os.sched_getaffinity(0)), options.catalogs)
        for group, works in chosen:
            if works:
                group.run(session, works)
                report.write(options.output)
    print(report.table())
    say(f"wrote {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
