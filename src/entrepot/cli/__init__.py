"""The command line, ``entrepot``: one file per group of commands, each imported when it is called.

What a command needs is imported with its file, so `entrepot push` loads nothing of the server, and `entrepot --help`
loads nothing at all. Errors that a user can do something about become one or two lines on stderr here, in one place.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Final

import click

from entrepot import __version__

_SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "Transfer": {
        "push": ("transfer", "Push files as a version of a package."),
        "pull": ("transfer", "Fetch a version's files, each one verified."),
    },
    "Look": {
        "ls": ("browse", "List namespaces, packages, names or files."),
        "inspect": ("browse", "Show all that is known of an artifact."),
        "sbom": ("sbom", "What is in an artifact, and what it needs."),
        "search": ("browse", "Find artifacts by commit, build, name or digest."),
        "journal": ("browse", "List what happened, in order."),
        "scan": ("advisories", "Show what is known to be bad of an artifact."),
        "vex": ("vex", "That a flaw does not matter: who says so, why, and until when."),
        "secrets": ("secrets", "Tokens and keys that were published by mistake."),
        "impact": ("advisories", "Show who has a package, or what an advisory means."),
        "advisories": ("advisories", "What is known to be bad, and where that comes from."),
        "log": ("log", "The journal's transparency log: verify it, and prove what is in it."),
    },
    "Change": {
        "tag": ("change", "Give an artifact further names."),
        "seal": ("change", "Let a version never change again."),
        "yank": ("change", "Ask that nobody newly picks a version."),
        "unyank": ("change", "Take a yank back."),
        "deprecate": ("change", "Say that there is something better than a version."),
        "undeprecate": ("change", "Take a deprecation back."),
        "delete": ("change", "Delete a tag, a version or an artifact."),
        "restore": ("trash", "Have back a version, a tag or an artifact that was deleted."),
        "trash": ("trash", "List what was deleted and can be had back."),
        "purge": ("trash", "Take out of the trash for good a version, a tag or an artifact that was deleted."),
        "erase": ("erase", "Have bytes here no more, and never again: what the law forbids, or a secret that got out."),
        "clearance": ("clearance", "What a channel's view shows."),
    },
    "Trust": {
        "attach": ("attest", "Attach a file to an artifact, as its referrer."),
        "attest": ("attest", "State something of an artifact, signed."),
        "sign": ("attest", "Sign an artifact, in the form that cosign writes and reads."),
        "verify": ("attest", "Say who signed an artifact, and whether that counts."),
        "provenance": ("provenance", "What was built, by whom, and from what."),
        "signer": ("signer", "Whose signatures a namespace believes."),
        "trusted-root": ("signer", "The Sigstore instances whose certificates a namespace believes."),
    },
    "Let through": {
        "why": ("promotion", "Say why an artifact is visible or not, kept, blocked, cleared or not promotable."),
        "promote": ("promotion", "Let an artifact into a channel, if nothing is in the way."),
        "approve": ("promotion", "Approve what somebody wants to promote."),
        "refuse": ("promotion", "Refuse what somebody wants to promote."),
        "unpromote": ("promotion", "Take an artifact out of a channel again."),
        "promotions": ("promotion", "List how artifacts came into channels, or did not."),
        "policy": ("policy", "What must hold before something enters, is promoted, or may still be read."),
        "block": ("promotion", "Serve an artifact no more, and let nobody publish it again."),
        "quarantine": ("promotion", "Serve an artifact no more until more is known."),
        "unblock": ("promotion", "Serve an artifact again."),
        "blocks": ("promotion", "List what is kept and not served."),
    },
    "Keep": {
        "deploy": ("deploy", "What runs where, which nobody can delete."),
        "lease": ("hold", "What is kept for a time, and goes by itself."),
        "hold": ("hold", "What is kept until somebody lifts the hold."),
        "retain": ("retain", "What stays of a namespace's versions, and what goes."),
        "quota": ("usage", "How much a namespace may take up."),
        "usage": (
            "usage",
            "Show what the registry, a namespace or a package takes up, what that costs, and where it is going.",
        ),
        "tier": ("tier", "What lies in the hot tier, and what in the cold one."),
    },
    "Who may": {
        "login": ("login", "Keep the token for a registry."),
        "logout": ("login", "Forget the token for a registry."),
        "whoami": ("login", "Show whom the registry takes you for."),
        "setup": ("setup", "Print how to set up a client, with a fresh token."),
        "namespace": ("namespace", "Teams and tenants, and their rules."),
        "channel": ("channel", "The stages of a namespace."),
        "upstream": ("upstream", "The other registries that a namespace reads through to."),
        "principal": ("principal", "Users and robots."),
        "grant": ("grant", "The roles that principals have."),
        "token": ("token", "What programs and people log in with."),
        "webhook": ("webhook", "Who is told of events."),
        "federation": (
            "federation",
            "CI jobs that publish without a secret: whose identity tokens are believed, and for what.",
        ),
    },
    "Operate": {
        "serve": ("serve", "Run the server."),
        "doctor": ("doctor", "Say what is wrong with an installation, and what to do."),
        "check": ("check", "Verify every invariant of a data directory."),
        "scrub": ("check", "Read every blob again, and report damage; or show and repair what was found."),
        "backup": ("backup", "Copy an installation elsewhere, and look at such copies."),
        "recover": (
            "backup",
            "Make an installation of a backup, where nothing is yet: a data directory, and what database and blobs name.",
        ),
        "export": ("bundle", "Write artifacts into a sealed bundle, for where no line leads."),
        "import": ("bundle", "Publish what a bundle brings, each byte of it verified."),
        "migrate": ("migrate", "The catalog's schema, and moving it to another database."),
        "gc": ("gc", "Bytes that nobody can reach, and their way out."),
        "config": ("config", "Check or describe the settings."),
        "routes": ("routes", "List every address that the server answers at."),
        "version": ("version", "Show the version."),
    },
}
"""Every command: where it is, and what it does. A test keeps the sentences equal to the commands' own."""

_MISUSE: Final = 2


class Commands(click.Group):
    """The commands, imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, by section."""
        del ctx
        return [name for commands in _SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one of them."""
        del ctx
        for commands in _SECTIONS.values():
            if cmd_name in commands:
                module, _ = commands[cmd_name]
                function = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name.replace("-", "_")
                command: click.Command = getattr(import_module(f"{__name__}.{module}"), function)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing any."""
        del ctx
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, sentence) for name, (_, sentence) in commands.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, and say in the user's terms what goes wrong."""
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            path = "entrepot" if error.ctx is None else error.ctx.command_path
            raise Failure(error.format_message(), f"See `{path} --help`.", exit_code=_MISUSE) from error
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            raise told from error


class Failure(click.ClickException):
    """Something did not work: one line that says what, and one that says what to do."""

    def __init__(self, message: str, hint: str | None = None, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: object = None) -> None:
        """Say it on stderr."""
        del file
        click.echo(f"{click.style('error:', fg='red')} {self.message}", err=True)
        if self.hint is not None:
            click.echo(f"  {self.hint}", err=True)


def _told(error: Exception) -> Failure | None:
    """What to tell of an error that is nobody's bug; None for a bug."""
    from entrepot.client.errors import ClientError, Misuse, Refused
    from entrepot.model.errors import RegistryError

    match error:
        case ClientError():
            named = f" (request {error.request_id})" if isinstance(error, Refused) and error.request_id else ""
            return Failure(f"{error}{named}", error.hint, exit_code=_MISUSE if isinstance(error, Misuse) else 1)
        case RegistryError():
            return Failure(str(error))
        case BrokenPipeError():
            return None
        case OSError(strerror=str(reason)):
            return Failure(f"{error.filename}: {reason}" if error.filename else reason)
    return None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="entrepot", message="%(prog)s %(version)s")
@click.pass_context
def entrepot(context: click.Context) -> None:
    """Entrepot, a bonded warehouse for software.

    \b
    ENTREPOT_URL and ENTREPOT_TOKEN (or ENTREPOT_TOKEN_FILE) say which registry is meant;
    without them, `entrepot login` does.
    Packages are written acme/pkg:1.0, acme.prod/team/api:1.4 (what is cleared for prod) or
    acme/pkg@sha256:…; where a name is taken in several formats, acme/generic/pkg:1.0.
    """  # noqa: D301 - click's mark for text that is not to be filled
    if os.environ.get("NO_COLOR"):
        context.color = False


def main() -> None:
    """Run the command line: exit code 0 for done, 1 for no, 2 for misuse."""
    # httpx brings a command line of its own, which is imported with it where click and rich are there: half of the time
    # that a short command takes. We do not need it.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    # What is imported is no garbage: at the end, the collector need not look through all of it once more.
    atexit.register(gc.freeze)
    entrepot()
