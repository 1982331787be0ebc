"""What was asked, under which settings, and what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hpsearch.report.material import Material
from hpsearch.report.sections import Content
from hpsearch.report.states import state_in_words
from hpsearch.study.promises import bits_promise, order_promise
from hpsearch.wording import counted, duration, in_words, short

TITLE = "Study"
_ELSEWHERE = ("backend", "order", "lag", "enqueue")  # keys of `search` that stand in lines of their own
_PLACES = ("path", "written_path")  # of this machine: no business of who reads the report


def content(material: Material) -> Content:
    """Names and facts, in the order in which they are shown."""
    study = material.study
    facts = {
        "state": _state(material),
        "objective": f"{study.objective.direction} {in_words(study.objective.metric)} ({study.objective.metric})",
        "search": _settings(study.backend, study.resolved.get("search"), _ELSEWHERE),
        "data": _dataset(study.resolved.get("dataset")),
        "trials": _trials(material),
        "epochs": _epochs(material),
        "time": _time(material),
        "devices": _devices(material),
        "limits": _settings("", study.resolved.get("limits")),
        "seed": str(study.seed),
        "order": f"{study.order}, lag {study.lag}: {order_promise(study)}",
        "arithmetic": bits_promise(study),
        "versions": ", ".join(f"{name} {version}" for name, version in study.versions.items()),
        "created": f"{study.created_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    return {"facts": {name: fact for name, fact in facts.items() if fact}}


def _state(material: Material) -> str:
    study = material.study
    state = state_in_words(study, is_running=material.rows.is_running)
    if study.error:
        return f"{state}: {study.error.strip().splitlines()[-1]}"
    ended = f", {study.finished_at:%Y-%m-%d %H:%M:%S} UTC" if study.finished_at is not None else ""
    return f"{state}{ended}"


def _settings(name: str, section: Any, without: tuple[str, ...] = ()) -> str:
    settings = section if isinstance(section, Mapping) else {}
    parts = [f"{key} {short(value)}" for key, value in settings.items() if key not in without and value is not None]
    return ", ".join([*([name] if name else []), *parts])


def _dataset(section: Any) -> str:
    if not isinstance(section, Mapping) or "name" not in section:
        return ""
    return _settings(str(section["name"]), section, ("name", *_PLACES))


def _trials(material: Material) -> str:
    counts = [f"{count:,} {state.value}" for state, count in material.counts.items()]
    return ", ".join(counts) or "none yet"


def _epochs(material: Material) -> str:
    searched = material.store.own_epochs(material.study.id)
    retrained = sum(record.epochs_done for record in material.rows.evaluations if record.role == "retrained")
    more = f", {retrained:,} in retraining" if retrained else ""
    return f"{searched:,} in the search{more}"


def _time(material: Material) -> str:
    trained = sum(trial.seconds for trial in material.trials)
    retrained = sum(record.seconds for record in material.rows.evaluations)
    parts = [f"{duration(trained)} of training in the search"]
    if retrained:
        parts.append(f"{duration(retrained)} in retraining")
    return f"run for {duration(material.study.coordinator_seconds)}; {', '.join(parts)} (all workers together)"


def _devices(material: Material) -> str:
    workers = Counter(device for _, _, device, _, _ in material.store.workers(material.study.id))
    return ", ".join(
        f"{device} ({counted(count, 'worker process', 'worker processes')})" for device, count in workers.items()
    )
