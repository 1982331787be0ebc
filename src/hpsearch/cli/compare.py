"""``hpsearch compare``: several studies side by side."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import database_option
from hpsearch.cli.tables import text_table
from hpsearch.wording import size


@click.command()
@click.argument("studies", nargs=-1, metavar="STUDY STUDY...")
@click.option("-o", "--output", metavar="FILE", help="Write the comparison as one HTML file, too.")
@database_option
def compare(studies: tuple[str, ...], output: str | None, database: str) -> None:
    """Compare two or more studies that have the same objective: their best values, test scores and costs."""
    from hpsearch.report.comparing import Comparison, comparison_page
    from hpsearch.report.writing import require_place, write_page
    from hpsearch.storage import open_store

    with open_store(database) as store, store.one_moment():
        compared = Comparison(store, studies)
        if output is not None:
            require_place(Path(output))
        click.echo(text_table(compared.records, compared.columns))
        if compared.without_complete:
            click.echo(f"\n{compared.without_complete}")
        if output is None:
            return
        text = comparison_page(compared)
    click.echo(f"wrote {output} ({size(write_page(Path(output), text))})", err=True)
