"""``hpsearch retrain``: train winners again, or others, longer, or with more seeds."""

from __future__ import annotations

import click

from hpsearch.cli.options import database_option, study_option, workers_options
from hpsearch.cli.run import parse_workers


@click.command()
@study_option
@database_option
@click.option("--trial", type=click.IntRange(min=0), metavar="N", help="Another trial than the best.")
@click.option("--epochs", type=click.IntRange(min=1), metavar="E", help="Train for that many epochs.")
@click.option("--repeats", type=click.IntRange(min=1), metavar="K", help="Train with K seeds.")
@workers_options
@click.option("--quiet", is_flag=True, help="Print the summary alone.")
@click.pass_context
def retrain(
    context: click.Context,
    study: str,
    database: str,
    trial: int | None,
    epochs: int | None,
    repeats: int | None,
    workers: str,
    workers_per_gpu: int | None,
    quiet: bool,
) -> None:
    """Retrain a study's best trials, as its file says or as given here, and test each once."""
    from hpsearch.cli.running import Request, retrain_study

    request = Request(
        database=database,
        study=study,
        workers=parse_workers(workers),
        workers_per_gpu=workers_per_gpu,
        quiet=quiet,
    )
    context.exit(retrain_study(study, request, trial, epochs, repeats))
