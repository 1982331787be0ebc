"""``hpsearch report``: a study as one HTML file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hpsearch.cli.options import database_option, study_option
from hpsearch.wording import size


@click.command()
@study_option
@click.option("-o", "--output", metavar="FILE", help="Where to write it. Default: NAME-report.html, here.")
@database_option
def report(study: str, output: str | None, database: str) -> None:
    """Write a study as one HTML file: facts, best configuration, figures, trials, test scores.

    The file needs no network and no other file. One that is there already is replaced.
    """
    from hpsearch.cli.run import offer_code_in
    from hpsearch.report.study_page import study_page
    from hpsearch.report.writing import require_place, write_page
    from hpsearch.storage import open_store

    target = Path(output if output is not None else f"{study}-report.html")
    with open_store(database) as store, store.one_moment():
        found = store.study(study)
        require_place(target)
        offer_code_in(Path.cwd())
        text = study_page(store, found, os.environ.get("HPSEARCH_DATA_DIR"))
    click.echo(f"{target} ({size(write_page(target, text))})")
