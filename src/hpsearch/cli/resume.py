"""``hpsearch resume``: go on without the file."""

from __future__ import annotations

import click

from hpsearch.cli.options import database_option, study_option, workers_options
from hpsearch.cli.run import parse_workers


@click.command()
@study_option
@database_option
@workers_options
@click.option(
    "--executor", type=click.Choice(["local", "inline"]), default="local", show_default=True, help="Where trials run."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="key.path=value", help="Change limits, retrain, trials, lag."
)
@click.option("--no-retrain", is_flag=True, help="Stop after the search.")
@click.option("--quiet", is_flag=True, help="Print the summary alone.")
@click.pass_context
def resume(
    context: click.Context,
    study: str,
    database: str,
    workers: str,
    workers_per_gpu: int | None,
    executor: str,
    overrides: tuple[str, ...],
    no_retrain: bool,
    quiet: bool,
) -> None:
    """Go on with a study from what the database holds."""
    from hpsearch.cli.running import Request, resume_study

    request = Request(
        database=database,
        study=study,
        workers=parse_workers(workers),
        workers_per_gpu=workers_per_gpu,
        executor=executor,
        overrides=overrides,
        retrain=not no_retrain,
        quiet=quiet,
    )
    context.exit(resume_study(study, request))
