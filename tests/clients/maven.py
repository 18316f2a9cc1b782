"""Maven, in the release lines that people run, where nothing of the machine's own configuration reaches it.

The plugins that a build needs come from where this machine's Maven gets them, once, into a folder of the tools' cache;
each test begins with a copy of that as its local repository, in which nothing is of the registry that is tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.clients.programs import Done, Shell, program
from tests.clients.server import Account, Registry
from tools.golang import cache

NEW = "3.9.11"
"""The release that comes as an artifact of its own; the other one is Debian's."""
_DEPLOY = "3.1.4"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_PLUGINS = {
    "maven-resources-plugin": "3.3.1",
    "maven-compiler-plugin": "3.13.0",
    "maven-surefire-plugin": "3.2.5",
    "maven-jar-plugin": "3.4.2",
    "maven-source-plugin": "3.3.1",
    "maven-install-plugin": "3.1.4",
    "maven-deploy-plugin": _DEPLOY,
}
RESOLVES = f"org.apache.maven.plugins:maven-jar-plugin:{_PLUGINS['maven-jar-plugin']}:jar"
"""The goal that gets a project's dependencies and does least beside."""
_FETCH_SECONDS = 480

QUICK = "-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
"""For Java programs that run for a moment."""


def find_maven(line: str) -> str:
    """The ``mvn`` of a release line; skips the test where there is none."""
    old = program("mvn")
    if line == "3.8":
        return old
    home = cache() / f"maven-{NEW}"
    if not home.exists():
        _install(old, home)
    return str(home / "bin" / "mvn")


def _install(old: str, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home.parent) as folder:
        place = Path(folder)
        local = f"-Dmaven.repo.local={place / 'repository'}"
        _fetch(
            old, local, _COPY, f"-Dartifact=org.apache.maven:apache-maven:{NEW}:zip:bin", f"-DoutputDirectory={place}"
        )
        shutil.unpack_archive(place / f"apache-maven-{NEW}-bin.zip", place)
        unpacked = place / f"apache-maven-{NEW}"
        (unpacked / "bin" / "mvn").chmod(0o755)
        _move(unpacked, home)


def seed() -> Path:
    """A local repository with the plugins of `library`, and nothing else."""
    ready = cache() / f"maven-plugins-{_DEPLOY}"
    if not ready.exists():
        ready.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=ready.parent) as folder:
            place = Path(folder)
            project = library(place / "project", f"file://{place}/deployed", "1.0", artifact="seed")
            for line in ("3.8", "3.9"):
                _fetch(find_maven(line), f"-Dmaven.repo.local={place / 'repository'}", "-f", str(project), "deploy")
            shutil.rmtree(place / "repository" / "org" / "acme")
            _move(place / "repository", ready)
    return ready


def _fetch(maven: str, *words: str) -> None:
    """Run Maven with the machine's configuration; skip the test when it cannot get what it needs."""
    command = ["nice", maven, "--batch-mode", "--no-transfer-progress", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    if done.returncode:
        message = f"{' '.join(command)}\n{done.stdout[-2000:]}"
        if os.environ.get("ENTREPOT_TEST_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)


def _move(made: Path, place: Path) -> None:
    """Others may make the same at the same time; whoever is first has made it."""
    try:
        made.rename(place)
    except OSError:
        if not place.exists():
            raise


def library(
    folder: Path, url: str, version: str, *, artifact: str = "lib", says: str = "hello", more: str = ""
) -> Path:
    """A project of one class, which is deployed with its sources to *url*; *more* are further elements of its POM."""
    source = folder / "src" / "main" / "java" / "org" / "acme" / "Lib.java"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(f'package org.acme;\npublic class Lib {{ public static final String SAYS = "{says}"; }}\n')
    attach = "<executions><execution><goals><goal>jar-no-fork</goal></goals></execution></executions>"
    return _project(
        folder,
        artifact,
        version,
        _destinations(url) + more,
        plugins={"maven-source-plugin": attach},
    )


def parent(folder: Path, url: str, version: str) -> Path:
    """A project that is a POM and nothing else, which is deployed to *url*."""
    folder.mkdir(parents=True, exist_ok=True)
    return _project(folder, "parent", version, f"<packaging>pom</packaging>{_destinations(url)}", plugins={})


def consumer(folder: Path, url: str, version: str, *, artifact: str = "lib", snapshots: str = "always") -> Path:
    """A project that cannot be compiled without the library, which it gets from *url* and nowhere else."""
    source = folder / "src" / "main" / "java" / "org" / "acme" / "App.java"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("package org.acme;\npublic class App { String said = Lib.SAYS; }\n")
    off = "<releases><enabled>false</enabled></releases>"
    return _project(
        folder,
        "app",
        "1.0",
        "<repositories><repository><id>acme</id>"
        f"<url>{url}</url><releases><checksumPolicy>fail</checksumPolicy></releases>"
        f"<snapshots><updatePolicy>{snapshots}</updatePolicy><checksumPolicy>fail</checksumPolicy></snapshots>"
        f"</repository><repository><id>central</id><url>{url}</url>{off}</repository></repositories>"
        "<dependencies><dependency><groupId>org.acme</groupId>"
        f"<artifactId>{artifact}</artifactId><version>{version}</version></dependency></dependencies>",
        plugins={},
    )


def _destinations(url: str) -> str:
    said = "".join(f"<{kind}><id>acme</id><url>{url}</url></{kind}>" for kind in ("repository", "snapshotRepository"))
    return f"<distributionManagement>{said}</distributionManagement>"


def _project(folder: Path, artifact: str, version: str, more: str, *, plugins: dict[str, str]) -> Path:
    named = "".join(
        f"<plugin><artifactId>{name}</artifactId><version>{pinned}</version>{plugins.get(name, '')}</plugin>"
        for name, pinned in _PLUGINS.items()
    )
    path = folder / "pom.xml"
    path.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>org.acme</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        "<properties><maven.compiler.release>17</maven.compiler.release>"
        "<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>"
        f"{more}<build><plugins>{named}</plugins></build></project>"
    )
    return path


_DESCRIPTOR = """<plugin><name>Greets</name><groupId>org.acme</groupId><artifactId>greet-maven-plugin</artifactId>
<version>1.0</version><goalPrefix>hello</goalPrefix><mojos><mojo><goal>world</goal>
<implementation>org.acme.Hello</implementation><language>java</language>
<instantiationStrategy>per-lookup</instantiationStrategy><description>Greets</description><requiresProject>false</requiresProject>
<parameters/></mojo></mojos></plugin>"""
_HELLO = """package org.acme;
public class Hello extends org.apache.maven.plugin.AbstractMojo {
  public void execute() { getLog().info("hello from " + getClass().getName()); }
}"""


def build_plugin(shell: Shell) -> dict[str, bytes]:
    """A plugin with the goal ``hello:world``: ``org.acme:greet-maven-plugin:1.0``, by the ends of its files' names."""
    classes = shell.home / "classes"
    (classes / "META-INF" / "maven").mkdir(parents=True)
    (classes / "META-INF" / "maven" / "plugin.xml").write_text(_DESCRIPTOR)
    (shell.home / "Hello.java").write_text(_HELLO)
    libraries = os.pathsep.join(str(path) for path in Path(find_maven("3.9")).parents[1].joinpath("lib").glob("*.jar"))
    shell.run("javac", "-d", classes, "-cp", libraries, "Hello.java")
    shell.run("jar", "--create", "--date", "2026-01-01T00:00:00Z", "--file", "plugin.jar", "-C", classes, ".")
    said = (
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId>"
        "<artifactId>greet-maven-plugin</artifactId><version>1.0</version><packaging>maven-plugin</packaging></project>"
    )
    return {"jar": (shell.home / "plugin.jar").read_bytes(), "pom": said.encode()}


def plugin_user(folder: Path, url: str) -> Path:
    """A project that gets its plugins from *url*."""
    path = folder / "pom.xml"
    path.write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId><artifactId>app</artifactId>"
        "<version>1.0</version><packaging>pom</packaging><pluginRepositories><pluginRepository><id>acme</id>"
        f"<url>{url}</url></pluginRepository></pluginRepositories></project>"
    )
    return path


@dataclass(frozen=True, slots=True)
class Maven:
    """Maven with a local repository of its own, and somebody's credentials for the server ``acme``."""

    command: str
    shell: Shell
    local: Path
    settings: Path

    @classmethod
    def start(
        cls, line: str, shell: Shell, account: Account | None, name: str = "first", *, mirror: str | None = None
    ) -> Maven:
        """Begin in a clean place; several of one test are told apart by *name*.

        With a *mirror* everything comes from there, the plugins too.
        """
        local = shell.home / f"local-{name}"
        if mirror is None:
            shutil.copytree(seed(), local)
        settings = shell.home / f"settings-{name}.xml"
        server = (
            ""
            if account is None
            else f"<servers><server><id>acme</id><username>{account.user}</username>"
            f"<password>{account.password}</password></server></servers>"
        )
        if mirror is not None:
            server += f"<mirrors><mirror><id>acme</id><mirrorOf>*</mirrorOf><url>{mirror}</url></mirror></mirrors>"
        settings.write_text(
            f"<settings>{server}<pluginGroups><pluginGroup>org.acme</pluginGroup></pluginGroups></settings>"
        )
        return cls(find_maven(line), shell, local, settings)

    def run(self, *words: str | Path) -> Done:
        """Run Maven; it must succeed."""
        return self.shell.run(*self._line(words), environment=self._environment())

    def refuse(self, *words: str | Path) -> Done:
        """Run Maven; it must fail."""
        return self.shell.refuse(*self._line(words), environment=self._environment())

    def attempt(self, *words: str | Path) -> Done:
        """Run Maven, whatever becomes of it."""
        return self.shell.attempt(*self._line(words), environment=self._environment())

    def _line(self, words: tuple[str | Path, ...]) -> tuple[str | Path, ...]:
        options = ("--batch-mode", "--no-transfer-progress", "--settings", self.settings)
        return self.command, *options, f"-Dmaven.repo.local={self.local}", *words

    def _environment(self) -> dict[str, str]:
        # Java takes the home of the account, not of the environment.
        return {"MAVEN_OPTS": f"-Duser.home={self.shell.home} {QUICK}"}

    def resolved(self, artifact: str, version: str, file: str) -> bytes:
        """A file as it came to the local repository."""
        return (self.local / "org" / "acme" / artifact / version / file).read_bytes()


def repository(registry: Registry, view: str = "acme") -> str:
    """Where a view's repository is."""
    return f"{registry.url}/maven/{view}"
