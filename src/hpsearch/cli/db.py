"""``hpsearch db``: care for a database."""

from __future__ import annotations

import click

from hpsearch.cli.options import database_option


@click.group()
def db() -> None:
    """Upgrade or check a database."""


@db.command()
@database_option
def upgrade(database: str) -> None:
    """Bring a database made by an older hpsearch to the present schema."""
    from hpsearch.storage import upgrade_database

    before, after = upgrade_database(database)
    told = (
        f"{database} has the present schema, {after}" if before == after else f"{database}: schema {before} -> {after}"
    )
    click.echo(told, err=True)


@db.command()
@database_option
@click.pass_context
def check(ctx: click.Context, database: str) -> None:
    """Look for damage, rows that contradict each other, and files that are missing. Exit code 1 where there is any."""
    from hpsearch import storage

    with storage.open_store(database) as store:
        problems = storage.check(store)
    for problem in problems:
        click.echo(problem)
    if problems:
        ctx.exit(1)
    click.echo(f"{database} is sound", err=True)
