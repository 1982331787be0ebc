"""``hpsearch validate``: are these files spaces?"""

from __future__ import annotations

import os

import click

from hpsearch.cli.run import find_space, offer_code_in
from hpsearch.errors import ConfigError


@click.command()
@click.argument("spaces", metavar="SPACE.yaml...", nargs=-1, required=True)
@click.option("--set", "overrides", multiple=True, metavar="key.path=value", help="Lay a value over each file's.")
@click.pass_context
def validate(context: click.Context, spaces: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Check space files and name every mistake with its line; exit code 2 if there is one.

    Data are not needed: shapes and classes of the named data sets are known.
    """
    from hpsearch.execution.opening import open_space

    wrong = 0
    for name in spaces:
        path = find_space(name)
        offer_code_in(path.resolve().parent)
        try:
            space = open_space(path, overrides, os.environ.get("HPSEARCH_DATA_DIR"))
        except ConfigError as error:
            wrong += 1
            click.echo(str(error), err=True)
        else:
            click.echo(f"{path}: study {space.name}, {len(space.parameters)} parameters, {space.search.backend}: ok")
    context.exit(2 if wrong else 0)
