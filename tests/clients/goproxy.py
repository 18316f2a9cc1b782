"""goproxy, another module proxy, in front of git repositories and of a checksum database: real peers, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.peer import listening, running
from tests.clients.programs import Shell, program

SUMDB = "sum.example.com"

# The go command's own checksum database, with a key that is made when it starts.
_DATABASE = """
package main

import (
	"crypto/rand"
	"fmt"
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	signer, verifier, err := note.GenerateKey(rand.Reader, os.Args[1])
	check(err)
	content, err := os.ReadFile(os.Args[2])
	check(err)
	sums := map[string]string{}
	for _, line := range strings.SplitAfter(string(content), "\\n") {
		if words := strings.Fields(line); len(words) == 3 {
			sums[words[0]+"@"+strings.TrimSuffix(words[1], "/go.mod")] += line
		}
	}
	database := sumdb.NewTestServer(signer, func(path, version string) ([]byte, error) {
		if found := sums[path+"@"+version]; found != "" {
			return []byte(found), nil
		}
		return nil, os.ErrNotExist
	})
	for name := range sums {
		path, version, _ := strings.Cut(name, "@")
		_, err := database.Lookup(context.Background(), module.Version{Path: path, Version: version})
		check(err)
	}
	server := sumdb.NewServer(database)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr(), verifier)
	check(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Println(r.URL.Path)
		server.ServeHTTP(w, r)
	})))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
"""


@dataclass(frozen=True, slots=True)
class Repositories:
    """Modules as their authors have them: one git repository for each, which git finds at an address of example.com."""

    shell: Shell
    root: Path

    def module(self, name: str) -> str:
        """What the module in the repository *name* is called."""
        return f"example.com/{name}.git"

    def commit(self, name: str, *tags: str, files: Mapping[str, str] | None = None, needs: str = "") -> str:
        """Commit to a repository, which is made when it is new, and tag that; return the commit."""
        folder = self.root / name
        if not folder.exists():
            folder.mkdir(parents=True)
            self._git(name, "init", "-q", "-b", "main")
            self.shell.run("git", "config", "--global", f"url.file://{folder}.insteadOf", f"https://example.com/{name}")
        module = f"module {self.module(name)}\n\ngo 1.20\n{needs}"
        for path, content in {"go.mod": module, **(files or {})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        self._git(name, "add", ".")
        self._git(name, "commit", "-q", "-m", "a change")
        for tag in tags:
            self._git(name, "tag", tag)
        return self._git(name, "rev-parse", "HEAD").strip()

    def _git(self, name: str, *command: str) -> str:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.com")
        return self.shell.run("git", "-C", self.root / name, *who, *command).output

    def environment(self) -> dict[str, str]:
        """What the go command needs to get modules from them alone."""
        return {
            **self.shell.variables(),
            "GOPROXY": "direct",
            "GOSUMDB": "off",
            "GOVCS": "*:all",
            "GOENV": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "GOPATH": str(self.root / "gopath"),
            "GOCACHE": str(self.root / "gocache"),
            "TMPDIR": str(self.shell.home),
        }

    def download(self, name: str, version: str) -> dict[str, str]:
        """What the go command gets without any proxy: paths of files, and both hashes for go.sum."""
        done = self.shell.run(
            *(program("go"), "mod", "download", "-json", f"{self.module(name)}@{version}"),
            environment=self.environment(),
        )
        found: dict[str, str] = json.loads(done.output)
        return found

    def sums(self, name: str, version: str) -> str:
        """Both lines of a version in go.sum."""
        found = self.download(name, version)
        module, resolved = self.module(name), found["Version"]
        return f"{module} {resolved} {found['Sum']}\n{module} {resolved}/go.mod {found['GoModSum']}\n"


@dataclass(frozen=True, slots=True)
class Database:
    """A checksum database."""

    url: str
    key: str
    """What GOSUMDB is to say."""
    log: Path

    @property
    def asked(self) -> str:
        """The path of every request."""
        return self.log.read_text()


@contextmanager
def checksum_database(home: Path, sums: str) -> Iterator[Database]:
    """A checksum database of the lines of a go.sum; of the sources that every Go comes with."""
    go = program("go")
    home.mkdir(parents=True)
    root = Path(subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip())
    sources = root / "src" / "cmd" / "vendor" / "golang.org" / "x" / "mod"
    if not (sources / "sumdb" / "test.go").exists():
        pytest.skip(f"{sources} does not have the sources of a checksum database")
    shutil.copytree(sources, home / "mod")
    (home / "mod" / "go.mod").write_text("module golang.org/x/mod\n\ngo 1.24\n")
    require = "require golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ./mod\n"
    (home / "go.mod").write_text(f"module example.com/database\n\ngo 1.24\n\n{require}")
    (home / "main.go").write_text(_DATABASE)
    (home / "go.sum").write_text("")
    (home / "sums").write_text(sums)
    # One of its own, because go.mod is not read in the folder for temporary files.
    temporary = home / "tmp"
    temporary.mkdir()
    settings = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOENV": "off"}
    # The machine's cache of what is compiled already is all that it has of the machine's.
    built = subprocess.run(
        ["nice", go, "build", "-o", "database", "."],
        cwd=home,
        env={**os.environ, **settings, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    command = [str(home / "database"), SUMDB, str(home / "sums")]
    with running(command, home / "database.log", cwd=home, environment={}) as process:
        assert process.stdout is not None
        address, key = process.stdout.readline().split()
        yield Database(f"http://{address}", key, home / "database.log")


@contextmanager
def goproxy(home: Path, repositories: Repositories, database: Database | None = None) -> Iterator[str]:
    """The address of a goproxy that gets modules from git itself, and passes a checksum database on."""
    home.mkdir(parents=True)
    sums = () if database is None else ("--proxied-sumdbs", f"{SUMDB} {database.url}")
    command = [
        *(program("goproxy"), "server", "--address", "127.0.0.1:0", "--go-bin", program("go")),
        *("--cacher-dir", str(home / "cache"), "--temp-dir", str(home), *sums),
    ]
    environment = {**repositories.environment(), "GOPATH": str(home / "gopath")}
    with listening(command, home / "goproxy.log", cwd=home, environment=environment) as address:
        yield address
