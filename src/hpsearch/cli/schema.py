"""``hpsearch schema``: the JSON Schema of a space file, for editors."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of a space file.

    Editors that know it complete keys and mark mistakes while you write; `validate` knows more.
    """
    from hpsearch.space import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
