"""What a comparison of studies rests on: best values so far, curves of best trials and retrains, final numbers."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpsearch.figures.rows import StudyRows
from hpsearch.storage import EvaluationRecord
from hpsearch.study import Objective

if TYPE_CHECKING:
    import pandas

SEARCH, RETRAIN = "search", "retrain"
_RATE = "learning_rate"
_WHOLE = ("best trial", "best epoch", "retrained trial", "repeats")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the figures draw and the table says. ``study`` is a name; of equal ones all but the first have a number.

    Attributes:
        studies: names, in the order in which they were given.
        objectives: of each.
        best: ``study, number, epochs, value``: complete trials that were better than all complete ones before them, in
            number order, and how many epochs the trials up to them had trained.
        curves: ``study, source, repeat, trial, epoch, metric, value``: every metric of the best complete trial
            (source `SEARCH`), and of each repeat of the last retrain of the best retrained one (`RETRAIN`).
        final: one row a study, as `comparison.table` describes it.
    """

    studies: Sequence[str]
    objectives: Sequence[Objective]
    best: pandas.DataFrame
    curves: pandas.DataFrame
    final: pandas.DataFrame

    @property
    def groups(self) -> dict[Objective, list[str]]:
        """The studies by what they search for: only values of one objective stand on one axis."""
        found: dict[Objective, list[str]] = {}
        for study, objective in zip(self.studies, self.objectives, strict=True):
            found.setdefault(objective, []).append(study)
        return found

    @property
    def metrics(self) -> list[str]:
        """The objectives' metrics without ``val_``, each once."""
        return list(dict.fromkeys(objective.metric.removeprefix("val_") for objective in self.objectives))


def facts(several: Sequence[StudyRows]) -> Comparison:
    """The numbers of all given studies."""
    names = _names([rows.study.name for rows in several])
    best, curves, final = [], [], []
    for name, rows in zip(names, several, strict=True):
        best.append(_best_so_far(rows).assign(study=name))
        own = _curves(rows).assign(study=name)
        curves.append(own)
        final.append({"study": name, **_final(rows, own)})
    return Comparison(
        studies=names,
        objectives=[rows.study.objective for rows in several],
        best=_together(best, ["study", "number", "epochs", "value"]),
        curves=_together(curves, ["study", "source", "repeat", "trial", "epoch", "metric", "value"]),
        final=_table(final),
    )


def own_epochs(trials: pandas.DataFrame) -> pandas.Series[Any]:
    """Epochs that each trial trained itself: those of the trial that it continues left out."""
    inherited = trials["parent"].map(trials["epochs_done"]).fillna(0)
    return (trials["epochs_done"] - inherited).clip(lower=0).astype("int64")


def _names(given: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for name in given:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _together(frames: list[pandas.DataFrame], columns: list[str]) -> pandas.DataFrame:
    import pandas

    full = [frame[columns] for frame in frames if len(frame)]
    if not full:
        return pandas.DataFrame(columns=columns).astype(
            {"value": "float64", "epoch": "int64"} if "epoch" in columns else {}
        )
    return pandas.concat(full, ignore_index=True)


def _table(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    """Test metrics of all studies beside each other, the learning rate last; whole numbers beside missing ones."""
    import pandas

    frame = pandas.DataFrame(rows) if rows else pandas.DataFrame(columns=["study"])
    places = {"test ": 1, "last ": 2}
    names = [str(name) for name in frame.columns]
    names.sort(key=lambda name: places.get(name[:5], 0))
    ordered = frame[names]
    return ordered.astype({name: "Int64" for name in _WHOLE if name in ordered})


def _best_so_far(rows: StudyRows) -> pandas.DataFrame:
    trials = rows.trials.assign(epochs=own_epochs(rows.trials).cumsum())
    complete = trials[trials["state"] == "complete"].reset_index()
    reached = complete["value"].cummax() if rows.is_maximized else complete["value"].cummin()
    return complete.loc[reached.ne(reached.shift()), ["number", "epochs", "value"]]


def _curves(rows: StudyRows) -> pandas.DataFrame:
    import pandas

    search = rows.curves(rows.best(1)).assign(source=SEARCH, repeat=0)
    points = [
        (RETRAIN, repeat.repeat, repeat.trial, epoch, metric, value)
        for repeat in last_retrain(rows)
        for epoch, values in repeat.curve.items()
        for metric, value in values.items()
    ]
    columns = ["source", "repeat", "trial", "epoch", "metric", "value"]
    return _together([search, pandas.DataFrame(points, columns=columns)], columns)


def last_retrain(rows: StudyRows) -> list[EvaluationRecord]:
    """The repeats of `StudyRows.last_retraining`, itself first; empty where nothing was retrained."""
    first = rows.last_retraining
    if first is None:
        return []
    last = {found.repeat: found for found in rows.evaluations if found.is_like(first)}
    return [last[repeat] for repeat in sorted(last)]


def _final(rows: StudyRows, curves: pandas.DataFrame) -> dict[str, Any]:
    trials = rows.trials
    best = rows.best(1)
    winner: dict[Any, Any] = trials.loc[best[0]].to_dict() if best else {}
    best_epoch = winner.get("best_epoch")
    own = curves[(curves["source"] == SEARCH) & (curves["epoch"] == best_epoch)]
    values = dict(zip(own["metric"], own["value"], strict=True))
    found: dict[str, Any] = {
        "state": rows.state,
        "metric": rows.metric,
        "direction": rows.study.objective.direction.value,
        "trials": len(trials),
        "epochs": int(own_epochs(trials).sum()),
        "seconds": float(trials["seconds"].sum()),
        "best value": winner.get("value"),
        "best trial": best[0] if best else None,
        "best epoch": best_epoch,
        "gap": _gap(rows.metric, values),
    }
    return found | dict(_tested(rows, curves))


def _tested(rows: StudyRows, curves: pandas.DataFrame) -> Iterator[tuple[str, Any]]:
    """The retrain: which trial, how many repeats, the means of its test metrics and gaps, its last learning rate."""
    repeats = last_retrain(rows)
    if repeats:
        yield "retrained trial", repeats[0].trial
        yield "repeats", len(repeats)
        gaps = [_gap(rows.metric, found.curve.get(found.epoch or 0, {})) for found in repeats]
        known = [gap for gap in gaps if gap is not None]
        yield "retrain gap", statistics.fmean(known) if known else None
        for name in repeats[0].metrics:
            yield f"test {name}", statistics.fmean(found.metrics.get(name, math.nan) for found in repeats)
    source = RETRAIN if (curves["source"] == RETRAIN).any() else SEARCH
    rates = curves[(curves["metric"] == _RATE) & (curves["source"] == source)]
    if len(rates):
        yield "last learning rate", rates.sort_values("epoch")["value"].tolist()[-1]


def _gap(metric: str, values: Mapping[str, float]) -> float | None:
    """Training minus validation of an epoch; None where one of them was not measured."""
    name = metric.removeprefix("val_")
    return values[name] - values[f"val_{name}"] if {name, f"val_{name}"} <= values.keys() else None
