"""``entrepot serve``."""

from __future__ import annotations

from pathlib import Path

import click

from entrepot.app.start import serve as run_server
from entrepot.cli import Failure
from entrepot.cli.settings import load_settings
from entrepot.model.errors import Unavailable
from entrepot.wire.server import BindError, StartFailed


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 is any free one.")
@click.option(
    "--data", type=click.Path(file_okay=False), help="Directory of the catalog, the blobs and the first token."
)
@click.option("--database", metavar="URL", help="Where the catalog is; by default SQLite in the data directory.")
@click.option("--blobs", metavar="URL", help="Where blobs are; by default files in the data directory.")
@click.option("--workers", type=click.IntRange(1), help="Processes that answer requests.")
@click.option("--public-url", metavar="URL", help="How clients call this registry.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file; by default entrepot.toml."
)
def serve(config: Path | None, **options: object) -> None:
    """Run the server.

    Every option is also a setting, ENTREPOT_LISTEN and so on, or a key of entrepot.toml; `entrepot config check` shows
    all of them. When the server can answer it prints "ready http://HOST:PORT".
    """
    settings = load_settings(config, options)
    try:
        run_server(settings)
    except (BindError, StartFailed) as error:
        raise Failure(str(error), "See what is wrong with `entrepot doctor`.") from error
    except Unavailable as error:
        if not settings.database:
            raise
        raise Failure(
            f"the {error.subject} cannot be used: {error.__cause__ or error}", "Is its database running?"
        ) from error
