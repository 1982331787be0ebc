"""``hpsearch stop``: ask whoever runs a study to stop."""

from __future__ import annotations

import click

from hpsearch.cli.options import database_option, study_option


@click.command()
@study_option
@database_option
def stop(study: str, database: str) -> None:
    """Ask a running study to stop after its present epochs; `hpsearch run` goes on with it later."""
    from hpsearch.storage import open_store

    with open_store(database, read_only=False) as store:
        if not store.is_running(store.study(study).id):
            click.echo(f"study {study} is not being run: there is nothing to stop", err=True)
            return
        store.request_stop(study)
    click.echo(f"asked study {study} to stop after its present epochs", err=True)
