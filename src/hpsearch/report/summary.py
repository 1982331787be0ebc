"""A study's end in a few readable lines: what was found by the search, and what the test split says of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpsearch.report.choosing import choose
from hpsearch.report.retraining import KEPT
from hpsearch.space import Space
from hpsearch.storage import EvaluationRecord, Store
from hpsearch.study import Study, Trial, TrialState
from hpsearch.wording import counted

_SHOWN_CLASSES = 20  # up to that many are listed one by one


def summary(store: Store, study: Study, space: Space) -> str:
    """The summary that `run` ends with."""
    chosen = choose(store, study, space)
    evaluations = store.evaluations(study.id, finished=True)
    lines = [_counts(store, study)]
    for trial in chosen[:1]:
        lines += ["", *_winner(study, trial)]
    others = sorted({record.trial for record in evaluations} - {trial.number for trial in chosen})
    for number in [*(trial.number for trial in chosen), *others]:
        for same in _alike([record for record in evaluations if record.trial == number]):
            lines += _tested(number, [record for record in same if record.error is None])
            lines += _failures(same)
    return "\n".join(lines)


def _counts(store: Store, study: Study) -> str:
    counts = store.counts(study.id)
    parts = [f"{counts[state]} {state.value}" for state in TrialState if state in counts]
    epochs = store.own_epochs(study.id)
    return f"study {study.name}: {', '.join(parts) or 'no trials'}; {counted(epochs, 'epoch')} trained in the search"


def _winner(study: Study, trial: Trial) -> Iterator[str]:
    what = "best" if trial.state is TrialState.COMPLETE else "best so far (no trial is complete)"
    yield (
        f"{what}: trial {trial.number}, {study.objective.metric} {_number(trial.value)} at epoch {trial.best_epoch} "
        "(search, on validation data)"
    )
    width = max((len(name) for name in trial.parameters), default=0)
    for name, value in trial.parameters.items():
        yield f"  {name:<{width}}  {_plain(value)}"
    if trial.model_parameters is not None:
        yield f"  {trial.model_parameters:,} model parameters"


def _alike(records: Sequence[EvaluationRecord]) -> list[list[EvaluationRecord]]:
    """Repeats of one retrain together: means are taken over seeds, never over different trainings."""
    groups: list[list[EvaluationRecord]] = []
    for record in records:
        for group in groups:
            if record.is_like(group[0]):
                group.append(record)
                break
        else:
            groups.append([record])
    return groups


def _failures(records: Sequence[EvaluationRecord]) -> Iterator[str]:
    """What failed and has not succeeded since."""
    done = {record.repeat for record in records if record.error is None}
    last = {record.repeat: record for record in records if record.error is not None and record.repeat not in done}
    for record in last.values():
        yield f"the retrain of trial {record.trial} failed: {(record.error or '').strip().splitlines()[-1]}"


def _tested(number: int, records: Sequence[EvaluationRecord]) -> Iterator[str]:
    if not records:
        return
    scored = [record for record in records if record.metrics]
    if not scored:
        how = "is kept" if records[0].role == KEPT else "was retrained"
        yield f"trial {number} {how}; its data have no test labels, so there is no test score"
        return
    yield ""
    first = scored[0]
    if first.role == KEPT:
        how = "its weights of the search, kept: a retrain would change nothing but the seed"
    else:
        how = f"retrained, {counted(first.epochs_done, 'epoch')}" + (
            f", {len(scored)} seeds" if len(scored) > 1 else ""
        )
    yield f"test of trial {number} ({how}; the test split was read once, here)"
    for metric in first.metrics:
        yield f"  {metric:<12} {_spread([record.metrics[metric] for record in scored])}"
    if first.classes:
        yield from class_lines(first.classes)


def class_lines(classes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Scores of every class where they are few, and the best and the worst."""
    if len(classes) <= _SHOWN_CLASSES:
        width = max(len("class"), *(len(str(score["name"])) for score in classes))
        yield f"  {'class':<{width}}  precision  recall     f1  support"
        for score in classes:
            yield (
                f"  {score['name']!s:<{width}}  {score['precision']:9.4f} {score['recall']:7.4f} {score['f1']:6.4f} "
                f"{score['support']:8d}"
            )
    tested = [score for score in classes if score["support"]]  # a class without a test image has no recall
    best = max(tested, key=lambda score: score["recall"])
    worst = min(tested, key=lambda score: score["recall"])
    yield f"  best class {best['name']} (recall {best['recall']:.4f}), worst {worst['name']} ({worst['recall']:.4f})"


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f}"
    each = ", ".join(f"{value:.4f}" for value in values)
    if not all(map(math.isfinite, values)):  # one diverged: no mean would say anything
        return each
    return f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f} ({each})"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
