"""``hpsearch dashboard``: live pages about all studies of a database."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType

import click

from hpsearch.cli.options import database_option

_TERMINATED = 128 + signal.SIGTERM


@click.command()
@database_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen; 0.0.0.0 for everywhere."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8050, show_default=True, help="Which port; 0 for any free one."
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="Another name it answers to; may be repeated.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ask everybody for the token in FILE, which is made where it is not there.",
)
def dashboard(database: str, host: str, port: int, allow_hosts: tuple[str, ...], token_file: Path | None) -> None:
    """Serve live pages about the studies of the database, and their data as JSON under /api/.

    On another address than this machine's own it asks for a token, which is made when it is first needed.
    """
    from hpsearch.dashboard.serving import serve

    before = signal.signal(signal.SIGTERM, _end)
    try:
        serve(
            database,
            host,
            port,
            allow_hosts=allow_hosts,
            token_file=token_file,
            own_token_file=_config_folder() / "hpsearch" / "dashboard-token",
            tell=click.echo,
        )
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_TERMINATED)


def _config_folder() -> Path:
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".config"
