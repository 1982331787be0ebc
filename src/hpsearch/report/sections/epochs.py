"""Every epoch of the final training with its learning rate; of the best trial's, where nothing was trained anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpsearch.report.material import Material
from hpsearch.report.sections import Content
from hpsearch.storage import EvaluationRecord
from hpsearch.study import Trial
from hpsearch.wording import number, short

TITLE = "Epochs"
_FIRST = ("learning_rate", "loss", "val_loss")  # columns in front, where they are there


def content(material: Material) -> Content:
    """One table a repeat of the best trial's retraining, or one of the search."""
    if material.best is None:
        return material.no_trials
    curves = [table for record in material.best.evaluations if (table := _of_retraining(record)) is not None]
    return {"tables": curves or [_of_search(material, material.best.trial)]}


def _of_retraining(record: EvaluationRecord) -> dict[str, Any] | None:
    """None for weights of the search, which were only tested."""
    if not record.curve:
        return None
    title = f"Retraining of trial {record.trial}, repeat {record.repeat}"
    tested = f"the weights after epoch {record.epoch} were tested" if record.epoch is not None else ""
    return _table(title, dict(record.curve), record.epoch, tested)


def _of_search(material: Material, trial: Trial) -> dict[str, Any]:
    curve = {one.epoch: one.values for one in material.store.epochs(material.study.id, trial.number)}
    best = f"its best value is that of epoch {trial.best_epoch}" if trial.best_epoch is not None else ""
    return _table(f"Trial {trial.number} in the search", curve, trial.best_epoch, best)


def _table(title: str, curve: Mapping[int, Mapping[str, float]], marked: int | None, why_marked: str) -> dict[str, Any]:
    metrics = list(dict.fromkeys(name for values in curve.values() for name in values))
    columns = [*(name for name in _FIRST if name in metrics), *_others(metrics)]
    rows = [
        {"epoch": epoch, "values": [_text(name, values.get(name)) for name in columns]}
        for epoch, values in curve.items()
    ]
    return {"title": title, "columns": columns, "rows": rows, "marked": marked, "why_marked": why_marked}


def _others(metrics: list[str]) -> Iterator[str]:
    """Each metric with its validation beside it."""
    for name in metrics:
        if name not in _FIRST and (not name.startswith("val_") or name.removeprefix("val_") not in metrics):
            yield name
            if f"val_{name}" in metrics:
                yield f"val_{name}"


def _text(metric: str, value: float | None) -> str:
    """Learning rates to six significant digits: schedules halve them again and again."""
    return short(value) if metric == "learning_rate" and value is not None else number(value)
