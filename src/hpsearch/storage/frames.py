"""A study's rows as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hpsearch.storage.store import Store

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    *("state", "value", "last_value", "best_epoch", "epochs", "epochs_done", "parent", "bracket", "rung"),
    *("model_parameters", "seconds", "seed", "error_kind", "created_at", "started_at", "ended_at"),
)


def trials_frame(store: Store, study_id: int) -> pandas.DataFrame:
    """One row a trial, its number as index, one column a parameter after the trial's own.

    A parameter that is inactive in a trial is missing there (NaN, or NA in a column of whole numbers). A parameter
    with the name of one of the trial's own columns is called ``parameter.NAME``.
    """
    import pandas

    trials = store.trials(study_id)
    data: dict[str, Any] = {"number": [trial.number for trial in trials]}
    for name in _COLUMNS:
        data[name] = [getattr(trial, name) for trial in trials]
    parameters = dict.fromkeys(name for trial in trials for name in trial.parameters)
    for name in parameters:
        column = f"parameter.{name}" if name in data else name
        data[column] = [trial.parameters.get(name) for trial in trials]
    frame = pandas.DataFrame({name: _column(name, values) for name, values in data.items()})
    return frame.set_index("number")


def epochs_frame(store: Store, study_id: int) -> pandas.DataFrame:
    """One row an epoch that a trial trained itself: ``trial, epoch, seconds``, then one column a metric.

    A promotion's rows go on where its parent's end.
    """
    import pandas

    by_epoch: dict[tuple[int, int], dict[str, Any]] = {}
    for trial, epoch, seconds in store.epoch_seconds(study_id):
        by_epoch[trial, epoch] = {"trial": trial, "epoch": epoch, "seconds": seconds}
    for trial, epoch, metric, value in store.epoch_values(study_id):
        by_epoch[trial, epoch][metric] = value
    return pandas.DataFrame(list(by_epoch.values()), columns=None if by_epoch else ["trial", "epoch", "seconds"])


def _column(name: str, values: list[Any]) -> Any:
    """A column of one type where all present values have one: whole numbers stay whole beside missing ones."""
    import pandas

    present = [value for value in values if value is not None]
    if name.endswith("_at"):
        return pandas.Series(values, dtype="datetime64[us, UTC]")
    if present and all(type(value) is int for value in present):
        return pandas.Series(values, dtype="int64" if len(present) == len(values) else "Int64")
    if name in ("state", "error_kind"):
        return pandas.Series([None if value is None else str(value) for value in values], dtype="object")
    if present and all(type(value) in (int, float) for value in present):
        return pandas.Series(values, dtype="float64")
    return pandas.Series(values, dtype="object")
