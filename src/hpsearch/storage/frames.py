"""A study's rows as DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hpsearch.storage.store import Store
from hpsearch.study import Attempt, reason

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    *("state", "value", "last_value", "best_epoch", "epochs", "epochs_done", "parent", "bracket", "rung"),
    *("model_parameters", "seconds", "seed", "error_kind", "created_at", "started_at", "ended_at"),
)


def trials_frame(store: Store, study_id: int) -> pandas.DataFrame:
    """One row a trial, its number as index, one column a parameter after the trial's own.

    A parameter that is inactive in a trial is missing there (NaN, or NA in a column of whole numbers). Where it is null
    in any, its column is one of objects, with None there. One with the name of one of the trial's own columns is called
    ``parameter.NAME``.
    """
    import pandas

    data, parameters = store.trial_columns(study_id, ("number", *_COLUMNS))
    columns = {name: _column(name, values) for name, values in data.items()}
    for name, values in parameters.items():
        columns[f"parameter.{name}" if name in data else name] = _parameter(values)
    frame = pandas.DataFrame(columns)
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


def curves_frame(store: Store, study_id: int, numbers: Sequence[int]) -> pandas.DataFrame:
    """Whole curves of some trials, one row a metric: ``trial, epoch, metric, value, trained_by``.

    A trial that continues another has that one's epochs too, with the number of who trained them in ``trained_by``.
    """
    import pandas

    lineages = store.lineages(study_id, numbers)
    everyone = sorted({one for lineage in lineages.values() for one in lineage})
    points: dict[int, list[tuple[int, str, float]]] = {}
    for trial, epoch, metric, value in store.epoch_values(study_id, everyone):
        points.setdefault(trial, []).append((epoch, metric, value))
    rows = [
        (number, epoch, metric, value, trainer)
        for number, lineage in lineages.items()
        for trainer in reversed(lineage)
        for epoch, metric, value in points.get(trainer, ())
    ]
    return pandas.DataFrame(rows, columns=["trial", "epoch", "metric", "value", "trained_by"])


def attempts_frame(store: Store, study_id: int) -> pandas.DataFrame:
    """One row an attempt, in the order of trials and attempts; the columns are the fields of `Attempt`."""
    import pandas

    attempts = store.attempts(study_id)
    names = [field.name for field in fields(Attempt)]
    data = {name: [getattr(attempt, name) for attempt in attempts] for name in names}
    return pandas.DataFrame({name: _column(name, values) for name, values in data.items()})


def failures_frame(store: Store, study_id: int) -> pandas.DataFrame:
    """One row a trial that has failed or was invalid, in number order: ``trial, state, error_kind, reason``.

    The reason is one line of the error, that which names it.
    """
    import pandas

    rows = [(number, state.value, kind.value, reason(error)) for number, state, kind, error in store.failures(study_id)]
    return pandas.DataFrame(rows, columns=["trial", "state", "error_kind", "reason"])


def _parameter(values: list[Any]) -> Any:
    """A column of a parameter's values, NaN where it is inactive."""
    import pandas

    present = [value for value in values if value == value]  # NaN is not
    if present and all(type(value) is int for value in present):
        whole = [value if value == value else None for value in values]
        return pandas.Series(whole, dtype="int64" if len(present) == len(values) else "Int64")
    is_number = all(type(value) in (int, float) for value in present)
    return pandas.Series(values, dtype="float64" if present and is_number else "object")


def _column(name: str, values: list[Any]) -> Any:
    """A column of one type where all present values have one: whole numbers stay whole beside missing ones."""
    import pandas

    present = [value for value in values if value is not None]
    if name.endswith("_at"):
        return pandas.Series(pandas.to_datetime(values, utc=True, format="ISO8601"), dtype="datetime64[us, UTC]")
    if present and all(type(value) is int for value in present):
        return pandas.Series(values, dtype="int64" if len(present) == len(values) else "Int64")
    if name in ("state", "error_kind", "outcome"):
        return pandas.Series([None if value is None else str(value) for value in values], dtype="object")
    if present and all(type(value) in (int, float) for value in present):
        return pandas.Series(values, dtype="float64")
    return pandas.Series(values, dtype="object")
