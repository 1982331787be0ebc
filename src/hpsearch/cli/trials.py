"""``hpsearch trials``: one line a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hpsearch.cli.options import database_option, format_option, limit_option, sort_option, study_option
from hpsearch.cli.tables import print_rows
from hpsearch.study import reason
from hpsearch.wording import parameters_line

if TYPE_CHECKING:
    from hpsearch.study import Trial

_COLUMNS = ("trial", "state", "value", "epochs", "seconds", "parameters")
_STATES = ("waiting", "running", "complete", "pruned", "failed", "invalid")


@click.command()
@study_option
@database_option
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only these; may be repeated.")
@limit_option
@sort_option
@format_option("table", "json", "csv")
def trials(
    study: str, database: str, states: tuple[str, ...], limit: int | None, sort: str | None, format: str
) -> None:
    """List the trials of a study.

    The value is the best of the objective over a trial's epochs, on validation data. A column may be a parameter.
    """
    from hpsearch.storage import open_store
    from hpsearch.study import TrialState

    with open_store(database) as store:
        found = store.study(study)
        wanted = [TrialState(state) for state in states] or None
        listed = store.trials(found.id, states=wanted, limit=limit, sort=_column(sort))
    if not listed and format == "table":
        click.echo(f"Study {study} has no such trial." if states else f"Study {study} has no trial yet.", err=True)
        return
    if format == "table":
        columns = [*_COLUMNS[:-1], "rung", "parameters"] if any(t.rung is not None for t in listed) else [*_COLUMNS]
        print_rows([_row(trial) for trial in listed], columns, format)
    else:
        print_rows([_record(trial) for trial in listed], _COLUMNS, format)


def _column(sort: str | None) -> str | None:
    """Columns of the table by the names of the store."""
    names = {"trial": "number", "-trial": "-number"}
    return None if sort is None else names.get(sort, sort)


def _row(trial: Trial) -> dict[str, Any]:
    state = trial.state.value
    if trial.error_kind is not None and trial.error_kind.value != state:
        state = f"{state} ({trial.error_kind.value})"
    line = parameters_line(trial.parameters)
    if trial.error:
        line = f"{line}: {reason(trial.error)}"
    epochs = f"{trial.epochs_done}/{trial.epochs}"
    row = {"trial": trial.number, "state": state, "value": trial.value, "epochs": epochs, "rung": trial.rung}
    return row | {"seconds": f"{trial.seconds:7.1f}", "parameters": line}


def _record(trial: Trial) -> dict[str, Any]:
    own = {
        "trial": trial.number,
        "state": trial.state.value,
        "value": trial.value,
        "last_value": trial.last_value,
        "best_epoch": trial.best_epoch,
        "epochs": trial.epochs,
        "epochs_done": trial.epochs_done,
        "parent": trial.parent,
        "bracket": trial.bracket,
        "rung": trial.rung,
        "model_parameters": trial.model_parameters,
        "seconds": trial.seconds,
        "seed": trial.seed,
        "error_kind": None if trial.error_kind is None else trial.error_kind.value,
        "error": None if trial.error is None else reason(trial.error),
    }
    clashing = own.keys() & trial.parameters.keys()
    named = {f"parameter.{name}" if name in clashing else name: value for name, value in trial.parameters.items()}
    return own | named
