"""``hpsearch plan``: what a space file would run."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpsearch.cli.options import database_option, workers_options
from hpsearch.cli.run import find_space, offer_code_in, parse_workers
from hpsearch.wording import duration

if TYPE_CHECKING:
    from hpsearch.execution.survey import Survey
    from hpsearch.search.plan import Plan
    from hpsearch.space import Space

SAMPLE = 200  # configurations: a share of 5 % is then known to about 1.5 %

Row = tuple[str, str]


@click.command()
@click.argument("space", metavar="SPACE.yaml")
@database_option
@click.option("--study", metavar="NAME", help="Whose epochs tell the time, if not the file's own study's.")
@workers_options
@click.option("--set", "overrides", multiple=True, metavar="key.path=value", help="Lay a value over the file's.")
def plan(
    space: str, database: str, study: str | None, workers: str, workers_per_gpu: int | None, overrides: tuple[str, ...]
) -> None:
    """Show what SPACE.yaml would run: brackets, trials, epochs, model sizes, and the time once it can be known.

    A sample of configurations is built on paper; nothing is trained and nothing is written.
    """
    from hpsearch.execution.devices import make_slots, this_machine
    from hpsearch.execution.launch import default_lag
    from hpsearch.execution.opening import open_space
    from hpsearch.search.plan import plan as plan_search

    path = find_space(space)
    offer_code_in(path.resolve().parent)
    opened = open_space(path, overrides, os.environ.get("HPSEARCH_DATA_DIR"))
    planned = plan_search(opened.parameters, opened.search, opened.epochs)
    slots = make_slots(
        this_machine(os.environ), parse_workers(workers), planned.trials, workers_per_gpu=workers_per_gpu
    )
    lag = opened.search.lag if opened.search.lag is not None else default_lag(len(slots))
    rows: list[Row] = [
        ("study", f"{opened.name}: {opened.description}" if opened.description else opened.name),
        ("backend", _backend(opened)),
        ("order", f"{planned.order}, lag {lag} with {_workers(len(slots))}. {planned.reason}"),
        *_brackets(planned),
        ("trials", f"{planned.trials:,}, {planned.epochs:,} epochs in all" + _each(planned, opened)),
        ("retrain", _retrain(opened)),
        *_sample(_survey(opened)),
        ("time", _time(database, study or opened.name, opened, planned.epochs, len(slots))),
    ]
    for name, text in rows:
        click.echo(f"{name:<10} {text}")


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count != 1 else ''}"


def _backend(space: Space) -> str:
    arguments = ", ".join(f"{name} {value}" for name, value in space.search.arguments.items())
    return f"{space.search.backend} ({arguments})" if arguments else space.search.backend


def _each(planned: Plan, space: Space) -> str:
    return "" if planned.brackets else f", at most {space.epochs} for each trial"


def _brackets(planned: Plan) -> Iterator[Row]:
    """One line a rung; a promoted trial goes on from its parent's last epoch, whose epochs are counted there."""
    for bracket in planned.brackets:
        for rung in bracket.rungs:
            name = f"bracket {bracket.bracket}" if rung.rung == 0 else ""
            epochs = f"epochs {rung.start_epoch + 1} to {rung.epochs}"
            yield name, f"rung {rung.rung}: {rung.trials:>3} trials, {epochs:<16} {rung.trained_epochs:>5,} epochs"


def _retrain(space: Space) -> str:
    top = "every trial" if space.retrain.top is None else f"the best {space.retrain.top}"
    epochs = space.retrain.written.get("epochs", space.epochs)
    seeds = f", {space.retrain.repeats} seeds each" if space.retrain.repeats > 1 else ""
    if not space.retrain.changes:
        return f"{top}: its kept weights are tested, since training it again would change nothing but the seed"
    return f"{top}, {epochs} epochs{seeds}"


def _survey(space: Space) -> Survey:
    from hpsearch.execution.survey import survey

    facts = space.facts
    if facts is None:
        return survey(space, SAMPLE, None)
    from hpsearch.training.paper import count_parameters

    return survey(space, SAMPLE, lambda configuration: count_parameters(configuration, facts))


def _sample(sample: Survey) -> Iterator[Row]:
    share = sample.invalid / sample.drawn if sample.drawn else 0.0
    yield "sample", f"{sample.drawn} configurations drawn, {sample.invalid} invalid ({share:.1%})"
    for rule, times in sample.broken.items():
        yield "", f"{times} x {rule}"
    if sample.sizes:
        low, middle, high = sample.sizes[0], round(statistics.median(sample.sizes)), sample.sizes[-1]
        yield "sizes", f"{low:,} to {high:,} model parameters, median {middle:,}"


def _time(database: str, name: str, space: Space, epochs: int, workers: int) -> str:
    """From epochs that the database holds of the same study; measured epochs had neighbours, so workers divide it."""
    from hpsearch.storage import open_store

    unknown = f"unknown until an epoch of study {name} has been measured in {database}"
    if "://" not in database and not Path(database).exists():
        return unknown
    with open_store(database) as store:
        if not store.has_study(name):
            return unknown
        study = store.study(name)
        seconds = store.seconds_per_epoch(study.id)
    if seconds is None:
        return unknown
    other = "" if study.hash == space.hash else ", which was made from another version of the file"
    total = duration(seconds * epochs / workers, decimals=0)
    return f"about {total} for the search with {_workers(workers)}: {seconds:.2f} s an epoch in study {name}{other}"
