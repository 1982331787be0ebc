"""Studies, trials and epochs as the JSON under ``/api/`` has them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hpsearch.dashboard.progress import left_of
from hpsearch.study import reason

if TYPE_CHECKING:
    from hpsearch.storage import EpochRecord, Store, StudySummary
    from hpsearch.study import Study, Trial

_STUDY = ("seed", "order", "lag", "threads", "deterministic", "onednn", "hash", "error", "yaml")
_TRIAL = (
    *("number", "state", "value", "last_value", "best_epoch", "epochs", "epochs_done", "parent", "bracket", "rung"),
    *("model_parameters", "seconds", "seed", "error_kind", "created_at", "started_at", "ended_at"),
)


def to_json(value: Any) -> bytes:
    """`value` as JSON; NaN and infinities, which JSON does not have, as text: ``"nan"``, ``"inf"``, ``"-inf"``."""
    return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"), default=_instant).encode()


def study_line(store: Store, study: StudySummary) -> dict[str, Any]:
    """One study of the list."""
    left = left_of(store, study)
    return {
        "name": study.name,
        "description": study.description,
        "state": study.state,
        "running": left.is_run,
        "metric": study.metric,
        "direction": study.direction,
        "backend": study.backend,
        "created_at": study.created_at,
        "finished_at": study.finished_at,
        "seconds": study.coordinator_seconds,
        "trials": dict(study.counts),
        "ended": study.ended,
        "planned_trials": left.planned_trials,
        "epochs": study.epochs,
        "planned_epochs": left.planned_epochs,
        "seconds_left": left.seconds,
        "retraining": None
        if (underway := left.retraining) is None
        else {name: getattr(underway, name) for name in ("trial", "epochs_done", "epochs")},
        "best": None if study.best_trial is None else {"trial": study.best_trial, "value": study.best_value},
    }


def study_in_full(store: Store, study: Study) -> dict[str, Any]:
    """One study with its settings, its best trial, its log and people's remarks."""
    best = store.best_trials(study.id)
    return study_line(store, store.summary(study.name)) | {
        **{name: getattr(study, name) for name in _STUDY},
        "versions": dict(study.versions),
        "best": trial_line(best[0]) if best else None,
        "events": [asdict(event) for event in store.events(study.id)],
        "notes": [asdict(note) for note in store.notes(study.id)],
    }


def trial_line(trial: Trial) -> dict[str, Any]:
    """One trial of a list; of its error only the line that names it."""
    own = {name: getattr(trial, name) for name in _TRIAL}
    return own | {
        "error": None if trial.error is None else reason(trial.error),
        "parameters": dict(trial.parameters),
    }


def trial_in_full(store: Store, study: Study, number: int) -> dict[str, Any]:
    """One trial with its attempts, its whole curve and its whole error. TrialNotFound."""
    trial = store.trial(study.id, number)
    return trial_line(trial) | {
        "error": trial.error,
        "attempts": [asdict(attempt) for attempt in store.attempts(study.id, number)],
        "epochs": curve(store.epochs(study.id, number)),
    }


def curve(epochs: list[EpochRecord]) -> list[dict[str, Any]]:
    """A trial's epochs; `trial` says who trained each of them."""
    return [asdict(epoch) for epoch in epochs]


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")
