"""``hpsearch delete``: a study's rows and files."""

from __future__ import annotations

import sys

import click

from hpsearch.cli.options import database_option, study_option


@click.command()
@study_option
@database_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(study: str, database: str, yes: bool) -> None:
    """Delete a study with its trials and files. Refused while it runs."""
    from hpsearch.storage import open_store

    with open_store(database, read_only=False) as store:
        summary = store.summary(study)
        if sys.stdin.isatty() and not yes:
            click.confirm(f"Delete study {study} with {sum(summary.counts.values())} trials?", abort=True, err=True)
        store.delete(study)
    click.echo(f"deleted study {study}", err=True)
