"""``hpsearch run``: from a space file to a tested model."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

import click

from hpsearch.cli.options import database_option, workers_options


@click.command()
@click.argument("space", metavar="SPACE.yaml")
@database_option
@click.option("--study", metavar="NAME", help="Run it under another name than the file's.")
@workers_options
@click.option(
    "--executor", type=click.Choice(["local", "inline"]), default="local", show_default=True, help="Where trials run."
)
@click.option("--set", "overrides", multiple=True, metavar="key.path=value", help="Lay a value over the file's.")
@click.option("--no-retrain", is_flag=True, help="Stop after the search.")
@click.option("--again", is_flag=True, help="Run it anew, as NAME-2, NAME-3, ...")
@click.option("--quiet", is_flag=True, help="Print the summary alone.")
@click.option("--smoke", is_flag=True, help="Two trials of one epoch on few images, in a throw-away database.")
@click.option("--mapping", is_flag=True, hidden=True, help="Read the space as JSON from stdin.")
@click.option("--tell-study", metavar="FILE", hidden=True, help="Write the study's name and database there, as JSON.")
@click.pass_context
def run(
    context: click.Context,
    space: str,
    database: str,
    study: str | None,
    workers: str,
    workers_per_gpu: int | None,
    executor: str,
    overrides: tuple[str, ...],
    no_retrain: bool,
    again: bool,
    quiet: bool,
    smoke: bool,
    mapping: bool,
    tell_study: str | None,
) -> None:
    """Run the study that SPACE.yaml describes, or go on with it; retrain and test the best.

    A bare name is also looked up among the spaces that come with hpsearch.
    """
    from hpsearch.cli.running import Request, run_space

    request = Request(
        database=database,
        study=study,
        workers=parse_workers(workers),
        workers_per_gpu=workers_per_gpu,
        executor=executor,
        overrides=overrides,
        retrain=not no_retrain,
        again=again,
        quiet=quiet,
        smoke=smoke,
        tell_study=tell_study,
    )
    source = json.load(sys.stdin) if mapping else find_space(space)
    with contextlib.ExitStack() as stack:
        if smoke:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-smoke-"))
            request = request.in_database(os.path.join(folder, "smoke.db"))
        context.exit(run_space(source, request))


def parse_workers(text: str) -> int | None:
    """``auto`` as None, else a count from 1."""
    if text == "auto":
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise click.BadParameter(f"{text!r} is neither auto nor a whole number from 1", param_hint="--workers")
    return int(text)


def find_space(name: str) -> Path:
    """The file called `name`, else the shipped space of that name."""
    path = Path(name)
    if path.exists() or path.parent != Path():
        return path
    for folder in shipped_spaces():
        for candidate in (folder / name, folder / f"{name}.yaml"):
            if candidate.is_file():
                return candidate
    return path


def offer_code_in(folder: Path) -> None:
    """Let `module:name` in a space file mean a module in `folder`, here and in the workers."""
    sys.path.insert(0, str(folder))
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder) if not others else os.pathsep.join((str(folder), others))


def shipped_spaces() -> list[Path]:
    """Where the spaces lie that come with hpsearch: in the package, or beside `src` in a checkout."""
    package = Path(sys.modules["hpsearch"].__file__ or "").resolve().parent
    return [package / "search_spaces", package.parents[1] / "search_spaces"]
