"""Advisories as an administrator has them: commands and a server."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.cli.installation import Installation, install


def record(id: str, **more: object) -> str:
    affected = {"package": {"ecosystem": "PyPI", "name": "acme-cli"}, "versions": ["1.0"]}
    return json.dumps({"id": id, "modified": "2026-01-01T00:00:00Z", "affected": [affected], **more}, indent=1)


def test_advisories_come_from_a_zip_a_folder_and_a_file(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "CLI-1.json").write_text(record("CLI-1"))
    (folder / "CLI-2.json").write_text(record("CLI-2", aliases=["CVE-2026-77"]))
    with zipfile.ZipFile(tmp_path / "All_Of.zip", "w") as archive:
        archive.writestr("CLI-3.json", record("CLI-3"))
    scores = tmp_path / "epss.csv"
    scores.write_text("cve,epss,percentile\nCVE-2026-77,0.5,0.9\n")

    of_folder = installation.must("advisories", "import", folder, "--source", "cli", "-o", "json").json
    of_zip = installation.must("advisories", "import", tmp_path / "All_Of.zip", "-o", "json").json
    again = installation.must("advisories", "import", folder, "--source", "cli")
    installation.must("advisories", "import", scores, "--exploitation")
    status = installation.must("advisories", "status")
    known = installation.must("impact", "CVE-2026-77", "-o", "json").json
    unknown = installation.run("impact", "CVE-2026-404")
    installation.must("advisories", "remove", "all-of")
    left = installation.must("advisories", "status", "-o", "json").json

    assert (of_folder["records"], of_folder["changed"]) == (2, 2)
    assert (of_zip["source"], of_zip["changed"]) == ("all-of", 1)
    assert "changed" in again.out
    assert "cli" in status.out
    assert (known["names"], known["hits"]) == (["CLI-2", "CVE-2026-77"], [])
    assert unknown.code == 1
    assert "CVE-2026-404" in unknown.err
    assert [each["name"] for each in left] == ["cli"]


def test_advisories_come_from_another_registry_and_go_into_a_file(installation: Installation, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(record("FAR-1", aliases=["CVE-2026-88"]))
    packed = tmp_path / "all.zip"
    with install(tmp_path / "central") as central:
        central.must("advisories", "import", known, "--source", "pypi")
        secret = {"ENTREPOT_SOURCE_TOKEN": central.token}
        refused = installation.run("advisories", "import", central.url, "--source", "central", "--private")
        first = installation.must(
            "advisories", "import", central.url, "--source", "central", "--private", "-o", "json", variables=secret
        ).json
        known.write_text(record("FAR-1", withdrawn="2026-02-01T00:00:00Z"))
        central.must("advisories", "import", known, "--source", "pypi")
        second = installation.must("advisories", "refresh", "central", "-o", "json").json
        third = installation.must("advisories", "refresh", "central", "-o", "json").json
        central.must("advisories", "export", packed)
        secret_is_told = central.token in installation.must("advisories", "status", "-o", "json").out
    status = installation.must("advisories", "status", "-o", "json").json
    (source,) = [each for each in status if each["name"] == "central"]
    installation.must("advisories", "remove", "central")

    assert refused.code != 0
    assert "token" in refused.err
    assert (first["records"], first["changed"]) == (1, 1)
    assert (second["records"], second["changed"], second["withdrawn"]) == (1, 1, 1)
    assert (third["records"], third["changed"]) == (0, 0)
    assert [(each["name"], each["advisories"]) for each in source["origins"]] == [("pypi", 1)]
    assert not secret_is_told
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["FAR-1.json"]
        assert json.loads(archive.read("FAR-1.json")) == json.loads(known.read_text())


def test_what_nobody_looked_into_is_not_said_to_be_clean(
    installation: Installation, namespace: str, dist: Path
) -> None:
    installation.must("push", dist, f"{namespace}/acme:1.0")

    scanned = installation.must("scan", f"{namespace}/acme:1.0")
    as_json = installation.must("scan", f"{namespace}/acme:1.0", "-o", "json").json

    assert as_json["findings"] == []
    if not as_json["components"]:
        assert "says nothing" in scanned.err
