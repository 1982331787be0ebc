"""A trial's value in the search and its test scores, in words that never mix the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpsearch.wording import in_words, number

if TYPE_CHECKING:
    from hpsearch.storage import Result
    from hpsearch.study import Study


def scores_line(study: Study, result: Result) -> str:
    """The search's value and the test score in one line that tells them apart."""
    searched = f"{in_words(study.objective.metric)} {number(result.trial.value)} (search)"
    metric = test_metric(study, result)
    if metric is None:
        return f"{searched}; {why_no_score(result)}"
    return f"{searched}, test {in_words(metric)} {test_score(result, metric)} ({how_tested(result)})"


def test_metric(study: Study, result: Result) -> str | None:
    """The test metric that answers to the objective, else accuracy, else the first; None without test scores."""
    wanted = study.objective.metric.removeprefix("val_")
    for metric in (wanted, "accuracy"):
        if metric in result.scores:
            return metric
    return next(iter(result.scores), None)


def test_score(result: Result, metric: str) -> str:
    """The mean over repeats, with its standard deviation where there are several: ``0.7012 ± 0.0031``."""
    spread = f" ± {number(result.deviations[metric])}" if result.deviations else ""
    return f"{number(result.scores[metric])}{spread}"


def how_tested(result: Result) -> str:
    """What was tested, and how often."""
    repeats = len(result.evaluations)
    if result.evaluations[0].role == "kept":
        return "the search's own weights, evaluated once"
    return "retrained, evaluated once" if repeats == 1 else f"retrained {repeats} times, each evaluated once"


def why_no_score(result: Result) -> str:
    """Why there is no test score."""
    if not result.evaluations:
        return "not retrained yet, so there is no test score"
    return f"{how_tested(result).split(',')[0]}, its data have no test labels, so there is no test score"
