"""What the test split says of the retrained models, told apart from what the search measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.report.material import Material
from hpsearch.report.scores import how_tested, test_score
from hpsearch.report.sections import Content
from hpsearch.report.specification import layer_lines
from hpsearch.storage import EvaluationRecord, Result
from hpsearch.study import reason

TITLE = "Test scores"
_SCORES = ("precision", "recall", "f1")


def content(material: Material) -> Content:
    """One entry a retraining, its repeats together; the best trial's first."""
    if not material.tested:
        return why_untested(material)
    return {"metric": material.study.objective.metric, "retrainings": [_retraining(one) for one in material.tested]}


def why_untested(material: Material) -> str:
    """Why there is no retrained model, in one sentence."""
    failed = [one for one in material.store.evaluations(material.study.id, finished=True) if one.error is not None]
    if failed:
        return f"The retrain of trial {failed[-1].trial} failed: {reason(failed[-1].error or '')}"
    if material.best is None:
        return material.no_trials
    name = material.study.name
    return f"No model has been retrained and tested yet: `hpsearch retrain --study {name}` retrains the best one."


def _retraining(result: Result) -> dict[str, Any]:
    first = result.evaluations[0]
    return {
        "trial": result.trial,
        "how": how_tested(result),
        "first": first,
        "scores": {metric: test_score(result, metric) for metric in result.scores},
        "each": _each(result) if len(result.evaluations) > 1 else (),
        "classes": mean_classes(result.evaluations),
        "ends": _ends(mean_classes(result.evaluations)),
        "layers": layer_lines(first.configuration.get("layers") or ()),
    }


def _each(result: Result) -> list[dict[str, Any]]:
    """One row a repeat."""
    return [{"repeat": one.repeat, "seed": one.seed, "scores": one.metrics} for one in result.evaluations]


def mean_classes(records: Sequence[EvaluationRecord]) -> list[Mapping[str, Any]]:
    """Scores of each class, means over repeats, in label order; empty without test labels."""
    of_each = [record.classes for record in records if record.classes]
    return [
        {
            "name": str(alike[0]["name"]),
            "support": int(alike[0]["support"]),
            **{score: statistics.fmean(one[score] for one in alike) for score in _SCORES},
        }
        for alike in zip(*of_each, strict=True)
    ]


def _ends(classes: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The class with the best recall and that with the worst; a class without a test image has none."""
    tested = [one for one in classes if one["support"] and math.isfinite(one["recall"])]
    if not tested:
        return None
    return max(tested, key=lambda one: float(one["recall"])), min(tested, key=lambda one: float(one["recall"]))
