"""``hpsearch rename``: another name for a study."""

from __future__ import annotations

import click

from hpsearch.cli.options import database_option, study_option


@click.command()
@study_option
@click.argument("new_name")
@database_option
def rename(study: str, new_name: str, database: str) -> None:
    """Give a study the name NEW_NAME. Its trials do not depend on it."""
    from hpsearch.storage import open_store

    with open_store(database, read_only=False) as store:
        store.rename(study, new_name)
    click.echo(f"study {study} is now {new_name}", err=True)
