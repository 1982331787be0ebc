"""What a search gained over its first random trials, and what that cost."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.study import Study, Trial, TrialState
from hpsearch.wording import counted, in_words, number

FIRST = 10  # complete trials that the best is compared with where a search has no random start of its own
_TPE_START = 10  # Optuna's n_startup_trials
_BAYESIAN_START = 3  # Keras Tuner's random trials a parameter, and at least
_WITH_RESULT = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Stage:
    """Some of a study's trials.

    Attributes:
        name: in words.
        trials: how many that trained, or would have; invalid ones are left out.
        epochs: that they trained themselves.
        best: the complete one with the best value, ties to the lower number; None where none is complete.
    """

    name: str
    trials: int
    epochs: int
    best: Trial | None


@dataclass(frozen=True, slots=True)
class Gain:
    """The stages of a search, the last one being all of it, and what they mean in words."""

    stages: tuple[Stage, ...]
    text: str


def gain(study: Study, trials: Sequence[Trial], parameters: int) -> Gain | None:
    """The best of the first random trials against the best of all; None where no trial is complete.

    Random are: rung 0 of Hyperband; what TPE and the Gaussian process draw before they know enough; else, the first
    complete trials, `FIRST` of them.

    Args:
        study: its row.
        trials: all of them, in number order.
        parameters: how many are searched.
    """
    valid = [trial for trial in trials if trial.state is not TrialState.INVALID]
    tally = _Tally(study, trials)
    everything = tally.stage("all trials", valid)
    if everything.best is None:
        return None
    search = study.resolved.get("search") or {}
    if study.backend == "hyperband":
        found = _hyperband(study, valid, tally, everything)
    elif study.backend == "bayesian":
        found = _learned(study, valid, tally, everything, max(_BAYESIAN_START * parameters, _BAYESIAN_START))
    elif study.backend == "optuna" and search.get("sampler", "tpe") == "tpe":
        found = _learned(study, valid, tally, everything, _TPE_START)
    else:
        found = _drawn(study, valid, tally, everything)
    return replace(found, text=" ".join([found.text, *_pruned(valid), *_given(search)]))


def _pruned(valid: Sequence[Trial]) -> Iterator[str]:
    pruned = [trial for trial in valid if trial.state is TrialState.PRUNED]
    if pruned:
        saved = sum(max(trial.epochs - trial.epochs_done, 0) for trial in pruned)
        yield f"Pruning ended {counted(len(pruned), 'trial')} early, which saved {counted(saved, 'epoch')}."


def _given(search: Mapping[str, Any]) -> Iterator[str]:
    if given := len(search.get("enqueue") or ()):
        yield f"The first {counted(given, 'trial')} the file has named itself (enqueue); they were not drawn."


class _Tally:
    """Counts trials, their own epochs, and finds the best."""

    def __init__(self, study: Study, trials: Sequence[Trial]) -> None:
        self._objective = study.objective
        self._done = {trial.number: trial.epochs_done for trial in trials}

    def stage(self, name: str, trials: Sequence[Trial]) -> Stage:
        """What `trials` cost, and the best of them."""
        best: Trial | None = None
        value = self._objective.worst
        for trial in trials:
            if trial.state is not TrialState.COMPLETE or trial.value is None or math.isnan(trial.value):
                continue
            if best is None or self._objective.better(trial.value, value):
                best, value = trial, trial.value
        return Stage(name, len(trials), sum(map(self._own_epochs, trials)), best)

    def _own_epochs(self, trial: Trial) -> int:
        before = 0 if trial.parent is None else self._done.get(trial.parent, 0)
        return max(trial.epochs_done - before, 0)


def _hyperband(study: Study, valid: Sequence[Trial], tally: _Tally, everything: Stage) -> Gain:
    drawn = [trial for trial in valid if not trial.rung]
    budget = max((trial.epochs for trial in valid), default=0)
    first = tally.stage("rung 0, drawn at random", drawn)
    full = tally.stage(f"of these, trained for all {budget} epochs", [one for one in drawn if one.epochs == budget])
    text = (
        "Hyperband draws the trials of rung 0 at random, most of them with a small budget, and goes on with the best "
        f"of each rung. {_difference(study, first, everything, 'promotion')}"
    )
    return Gain((first, *([full] if 0 < full.trials < first.trials else []), everything), text)


def _learned(study: Study, valid: Sequence[Trial], tally: _Tally, everything: Stage, start: int) -> Gain:
    first = tally.stage("random start", [trial for trial, known in _with_known(valid) if known < start])
    text = (
        f"The search draws at random until it knows the results of {start} trials, and learns from then on. "
        f"{_difference(study, first, everything, 'learning')}"
    )
    return Gain((first, everything), text)


def _drawn(study: Study, valid: Sequence[Trial], tally: _Tally, everything: Stage) -> Gain:
    complete = [trial.number for trial in valid if trial.state is TrialState.COMPLETE]
    kind = "A grid" if study.backend == "grid" else "Random search"
    honest = f"{kind} does not learn from its trials: whatever it gains, it gains by trying more of them."
    if len(complete) <= FIRST:
        few = counted(len(complete), "complete trial")
        return Gain((everything,), f"{honest} With {few} there is no later part to compare with the first {FIRST}.")
    last = complete[FIRST - 1]
    first = tally.stage(f"until {FIRST} were complete", [trial for trial in valid if trial.number <= last])
    return Gain((first, everything), f"{honest} {_difference(study, first, everything, 'more trials')}")


def _with_known(valid: Sequence[Trial]) -> Iterator[tuple[Trial, int]]:
    """Each trial with the number of results that the search knew when it proposed it; failures are none."""
    told = sorted((trial.told, trial.state in _WITH_RESULT) for trial in valid if trial.told is not None)
    places = [place for place, _ in told]
    results = list(itertools.accumulate((has_result for _, has_result in told), initial=0))
    for trial in valid:
        yield trial, results[bisect.bisect_left(places, trial.known)]


def _difference(study: Study, first: Stage, everything: Stage, by: str) -> str:
    """By how much the best of all is better than the best of the first, and for what."""
    metric = in_words(study.objective.metric)
    more_trials = counted(everything.trials - first.trials, "trial")
    cost = f"{more_trials} and {counted(everything.epochs - first.epochs, 'epoch')}"
    best = everything.best
    assert best is not None
    assert best.value is not None
    if first.best is None or first.best.value is None:
        return f"None of these first trials is complete; the best {metric} of all is {number(best.value)}."
    if everything.trials == first.trials:
        return "There is no other trial yet."
    if not study.objective.better(best.value, first.best.value):
        return f"Here {by} has not found a better {metric} than {number(first.best.value)}, in {cost} more."
    gained = number(abs(best.value - first.best.value))
    return (
        f"Here {by} has brought the {metric} from {number(first.best.value)} (trial {first.best.number}) to "
        f"{number(best.value)} (trial {best.number}), a gain of {gained}, for {cost} more."
    )
