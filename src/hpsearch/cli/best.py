"""``hpsearch best``: the best configurations, what the search measured, and what the test split says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpsearch.cli.options import database_option, format_option, study_option
from hpsearch.cli.tables import number, parameters_line, short, text_table, to_json

if TYPE_CHECKING:
    from hpsearch.space.configuration import Configuration
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
    yield from (f"{name:<{width}}  {short(value)}" for name, value in first.trial.parameters.items())
    if len(chosen) > 1:
        yield ""
        tested = any("accuracy" in result.scores for result in chosen)
        columns = ["place", "trial", "search value", *(["test accuracy"] if tested else []), "epochs", "parameters"]
        yield text_table([_row(place, result) for place, result in enumerate(chosen, start=1)], columns)


def scores_line(study: Study, result: Result) -> str:
    """The search's value and the test score in one line that tells them apart."""
    searched = f"{in_words(study.objective.metric)} {number(result.trial.value)} (search)"
    if not result.evaluations:
        return f"{searched}; not retrained yet, so there is no test score"
    how = _how(result)
    if not result.scores:
        return f"{searched}; {how.split(',')[0]}, its data have no test labels, so there is no test score"
    wanted = study.objective.metric.removeprefix("val_")
    metric = (
        wanted if wanted in result.scores else "accuracy" if "accuracy" in result.scores else next(iter(result.scores))
    )
    spread = f" ± {number(result.deviations[metric])}" if result.deviations else ""
    return f"{searched}, test {in_words(metric)} {number(result.scores[metric])}{spread} ({how})"


def in_words(metric: str) -> str:
    """``val_accuracy`` as people say it: validation accuracy."""
    name = metric.removeprefix("val_").replace("_", " ")
    return f"validation {name}" if metric.startswith("val_") else name


def _how(result: Result) -> str:
    repeats = len(result.evaluations)
    if result.evaluations[0].role == "kept":
        return "the search's own weights, evaluated once"
    return "retrained, evaluated once" if repeats == 1 else f"retrained {repeats} times, each evaluated once"


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
    from hpsearch.training import datasets
    from hpsearch.training.script import keras_script

    offer_code_in(Path.cwd())
    configuration, seed = _configuration(study, result)
    data_dir = os.environ.get("HPSEARCH_DATA_DIR")
    return keras_script(
        configuration,
        datasets.facts(configuration.dataset, data_dir),
        study.objective,
        seed=seed,
        split_seed=study.seed,
        title=f"Study {study.name}, trial {result.trial.number}: {scores_line(study, result)}.",
        data_dir=data_dir,
    )


def _configuration(study: Study, result: Result) -> tuple[Configuration, int]:
    from hpsearch.space.configuration import Configuration

    if result.evaluations:
        stored = result.evaluations[0].configuration
        return Configuration(**{**stored, "layers": tuple(stored["layers"])}), result.evaluations[0].seed
    from hpsearch.execution.opening import open_space

    space = open_space(study.resolved, data_dir=os.environ.get("HPSEARCH_DATA_DIR"))
    return space.retrain_configuration(result.trial.parameters, result.trial.best_epoch), result.trial.seed
