"""``hpsearch best``: the best configurations, what the search measured, and what the test split says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpsearch.cli.options import database_option, format_option, study_option
from hpsearch.cli.tables import text_table, to_json
from hpsearch.report.scores import scores_line
from hpsearch.wording import parameter_value, parameters_line

if TYPE_CHECKING:
    from hpsearch.storage import Result
    from hpsearch.study import Study


@click.command()
@study_option
@database_option
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, metavar="K", help="How many.")
@format_option("table", "json", "yaml", "python")
def best(study: str, database: str, top: int, format: str) -> None:
    """Show the best configurations of a study and their scores.

    The search's value is measured on validation data, and the best of many; the test score comes from the retrained
    model and data that the search never saw. With --format python: a Keras script that needs no hpsearch.
    """
    from hpsearch.storage import open_store, results

    with open_store(database) as store:
        found = store.study(study)
        chosen = results(store, found, top)
    if format == "json":
        click.echo(to_json([_record(found, result) for result in chosen]))
    elif format == "yaml":
        _print_yaml([_record(found, result) for result in chosen])
    elif format == "python":
        click.echo(_script(found, chosen[0]), nl=False)
    else:
        click.echo("\n".join(_text(found, chosen)))


def _text(study: Study, chosen: list[Result]) -> Iterator[str]:
    first = chosen[0]
    yield f"study {study.name}: best is trial {first.trial.number}"
    yield scores_line(study, first)
    yield ""
    width = max((len(name) for name in first.trial.parameters), default=0)
    yield from (f"{name:<{width}}  {parameter_value(value)}" for name, value in first.trial.parameters.items())
    if len(chosen) > 1:
        yield ""
        tested = any("accuracy" in result.scores for result in chosen)
        columns = ["place", "trial", "search value", *(["test accuracy"] if tested else []), "epochs", "parameters"]
        yield text_table([_row(place, result) for place, result in enumerate(chosen, start=1)], columns)


def _row(place: int, result: Result) -> dict[str, Any]:
    return {
        "place": place,
        "trial": result.trial.number,
        "search value": result.trial.value,
        "test accuracy": result.scores.get("accuracy"),
        "epochs": result.trial.epochs_done,
        "parameters": parameters_line(result.trial.parameters),
    }


def _record(study: Study, result: Result) -> dict[str, Any]:
    trial = result.trial
    record: dict[str, Any] = {
        "study": study.name,
        "trial": trial.number,
        "parameters": dict(trial.parameters),
        "search": {"metric": study.objective.metric, "value": trial.value, "epoch": trial.best_epoch},
        "test": dict(result.scores) or None,
    }
    if result.deviations:
        record["test_deviation"] = dict(result.deviations)
    if result.evaluations:
        record["retrain"] = {
            "role": result.evaluations[0].role,
            "repeats": len(result.evaluations),
            "epochs": result.evaluations[0].epochs_done,
        }
    return record | {"model_parameters": trial.model_parameters, "seed": trial.seed}


def _print_yaml(records: list[dict[str, Any]]) -> None:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(records, sys.stdout)


def _script(study: Study, result: Result) -> str:
    """The configuration as it was retrained; as the space would retrain it where that has not happened."""
    from hpsearch.cli.run import offer_code_in
    from hpsearch.report.script import script_of

    offer_code_in(Path.cwd())
    return script_of(study, result, os.environ.get("HPSEARCH_DATA_DIR"))
