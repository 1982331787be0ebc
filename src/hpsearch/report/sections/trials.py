"""The trials in one table, all of them where they are few enough to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpsearch.report.material import Material
from hpsearch.report.sections import Content
from hpsearch.study import Trial, reason
from hpsearch.wording import counted, parameter_value

TITLE = "Trials"
MOST = 500  # trials that are all shown
BEST = 200  # of more, so many


def content(material: Material) -> Content:
    """One row a trial; a sentence where some are left out."""
    total = sum(material.counts.values())
    if not total:
        return material.no_trials
    shown = material.trials if total <= MOST else _some(material)
    parameters = list(dict.fromkeys(name for trial in shown for name in trial.parameters))
    return {
        "metric": material.study.objective.metric,
        "parameters": parameters,
        "has_rungs": any(trial.rung is not None for trial in shown),
        "has_sizes": any(trial.model_parameters is not None for trial in shown),
        "has_errors": any(trial.error for trial in shown),
        "rows": [_row(trial, parameters) for trial in shown],
        "left_out": _left_out(material, len(shown), total) if len(shown) < total else "",
    }


def _some(material: Material) -> Sequence[Trial]:
    """The best ones; the first ones where none is complete."""
    return material.store.best_trials(material.study.id, BEST) or material.trials[:BEST]


def _left_out(material: Material, shown: int, total: int) -> str:
    which = "the best" if material.trials and material.best is not None else "the first"
    return (
        f"Shown are {which} {shown:,} of {counted(total, 'trial')}; "
        f"`hpsearch export --study {material.study.name} -o trials.csv` writes all of them."
    )


def _row(trial: Trial, parameters: Sequence[str]) -> dict[str, Any]:
    kind = trial.error_kind.value if trial.error_kind is not None else ""
    return {
        "trial": trial,
        "kind": kind if kind != trial.state.value else "",
        "parameters": [_cell(trial, name) for name in parameters],
        "reason": reason(trial.error) if trial.error else "",
    }


def _cell(trial: Trial, name: str) -> dict[str, Any]:
    """A text, and what to sort it by; an inactive parameter is empty."""
    if name not in trial.parameters:
        return {"text": "", "is_number": False}
    value = trial.parameters[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"text": parameter_value(value), "is_number": is_number}
