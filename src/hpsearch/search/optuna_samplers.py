"""Samplers of Optuna that are kept for a whole study, yet propose as ones made anew for each ask would."""

from __future__ import annotations

import bisect
import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

_Numbers = np.ndarray[Any, Any]
_ROOM = 256  # trials, at first


def tpe_sampler(seed: int) -> ReseededSampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011), multivariate by Optuna's default."""
    return ReseededTPE(seed)


def random_sampler(seed: int) -> ReseededSampler:
    """Independent random draws."""
    return ReseededRandom(seed=seed)


class ReseededSampler(BaseSampler):
    """A sampler that is kept for a whole study, and proposes at each ask as one made anew with that seed would."""

    @abstractmethod
    def reseed(self, seed: int) -> None:
        """Put its random states where those of a new sampler of `seed` are."""


class ReseededRandom(RandomSampler, ReseededSampler):
    """Independent random draws."""

    def reseed(self, seed: int) -> None:
        """Draw from here on as a new sampler of `seed`."""
        self._rng.rng.seed(seed)


class ReseededTPE(TPESampler, ReseededSampler):
    """Optuna's TPE, whose work for an ask grows with arrays, not with walks over all trials.

    Optuna 5.0 goes through every trial again for the split into good and bad ones, for each parameter's numbers and,
    where the sampler is new, for the search space. A finished trial never changes, so here it is looked at once.
    The estimators, and everything that draws, are Optuna's own. `_sample` is Optuna's for one objective without
    constraints; it is no documented surface, so a test holds it to the proposals of Optuna's own sampler.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._seen = _Seen()
        self._split_for: tuple[int, _Numbers, _Numbers] | None = None  # of the trial being proposed

    def reseed(self, seed: int) -> None:
        """Draw from here on as a new sampler of `seed`."""
        self._rng.rng.seed(seed)
        self._random_sampler._rng.rng.seed(seed)
        self._split_for = None

    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._split_for is None or self._split_for[0] != trial.number:
            self._split_for = trial.number, *self._split(study, trial)
        _, below, above = self._split_for
        good, bad = (
            self._parzen_estimator_cls(
                self._seen.observations(numbers, search_space), search_space, self._parzen_estimator_parameters
            )
            for numbers in (below, above)
        )
        samples = good.sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(samples, self._compute_acquisition_func(samples, good, bad))
        return {name: distribution.to_external_repr(best[name]) for name, distribution in search_space.items()}

    def _split(self, study: optuna.Study, trial: FrozenTrial) -> tuple[_Numbers, _Numbers]:
        """The good and the bad trials to `trial`; every other running one counts as bad (constant liar)."""
        seen, ended = self._seen, (OptunaState.COMPLETE, OptunaState.PRUNED)
        for other in study._get_trials(deepcopy=False, states=ended):
            if other.number not in seen.numbers:
                seen.rank(other, study.direction)
        running = [
            other
            for other in study._get_trials(deepcopy=False, states=(OptunaState.RUNNING,))
            if other.number != trial.number
        ]
        for other in running:
            seen.note(other, self._get_params(other, study))
        below = seen.best(default_gamma(len(seen.numbers)))
        return below, seen.others(below, [other.number for other in running])


class _Seen:
    """What TPE needs of the trials that it has seen, in arrays by trial number; each name has one distribution.

    Attributes:
        numbers: of the trials that are ranked, which have ended with a result.
    """

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._ranked: list[tuple[bool, float, float, int]] = []  # the best first; the number is the last entry
        self._has_rank = np.zeros(_ROOM, dtype=bool)
        self._columns: dict[str, _Numbers] = {}  # Optuna's internal numbers; NaN where a trial has no such parameter
        self._distributions: dict[str, BaseDistribution] = {}

    def rank(self, trial: FrozenTrial, direction: StudyDirection) -> None:
        """Take in a finished trial: complete ones by value; then pruned ones, those that came furthest first."""
        self.note(trial, trial.params)
        self.numbers.add(trial.number)
        self._has_rank[trial.number] = True
        is_pruned = trial.state is OptunaState.PRUNED
        step, value = max(trial.intermediate_values.items(), default=(-1, 0.0)) if is_pruned else (0, trial.value)
        assert value is not None
        loss = -value if direction is StudyDirection.MAXIMIZE else value
        bisect.insort(self._ranked, (is_pruned, -step, math.inf if math.isnan(loss) else loss, trial.number))

    def note(self, trial: FrozenTrial, params: Mapping[str, Any]) -> None:
        """Take down the parameters of a trial, in the place of what was known of them."""
        self._make_room(trial.number)
        for column in self._columns.values():
            column[trial.number] = np.nan
        for name, distribution in trial.distributions.items():
            if name not in self._distributions:
                self._distributions[name] = distribution
                self._columns[name] = np.full(len(self._has_rank), np.nan)
        for name, value in params.items():
            self._columns[name][trial.number] = self._distributions[name].to_internal_repr(value)

    def best(self, count: int) -> _Numbers:
        """The numbers of the best `count` ranked trials, ascending."""
        return np.array(sorted(number for *_, number in self._ranked[:count]), dtype=int)

    def others(self, below: _Numbers, running: list[int]) -> _Numbers:
        """The numbers of all other ranked trials and of the running ones, ascending."""
        chosen = self._has_rank.copy()
        chosen[below] = False
        chosen[running] = True
        return np.flatnonzero(chosen)

    def observations(self, numbers: _Numbers, search_space: Mapping[str, BaseDistribution]) -> dict[str, _Numbers]:
        """Internal numbers of each parameter, of the trials that have all of them."""
        unseen = np.full(len(self._has_rank), np.nan)
        columns = {name: self._columns.get(name, unseen)[numbers] for name in search_space}
        absent = np.isnan(list(columns.values())).any(axis=0)
        return {name: column[~absent] for name, column in columns.items()} if absent.any() else columns

    def _make_room(self, number: int) -> None:
        room = len(self._has_rank)
        if number < room:
            return
        more = max(room, number + 1 - room)
        self._has_rank = np.pad(self._has_rank, (0, more))
        self._columns = {
            name: np.pad(column, (0, more), constant_values=np.nan) for name, column in self._columns.items()
        }
