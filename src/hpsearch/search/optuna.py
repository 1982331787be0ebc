"""Samplers and pruners of Optuna, asked and told in memory."""

from __future__ import annotations

import bisect
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from hpsearch.search.backend import NoProposal, Proposal, Verdict
from hpsearch.search.points import Places, Points
from hpsearch.search.registry import PRUNERS, SAMPLERS, default_order, resolve
from hpsearch.space.parameters import Parameter, ParameterKind, Scale
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Direction, Objective, Order, Parameters, Trial, TrialState, derive_seed

_Numbers = np.ndarray[Any, Any]
_ROOM = 256  # trials, at first

# Optuna announces every study and trial; its own logger alone is told to be quiet.
optuna.logging.set_verbosity(optuna.logging.ERROR)


class KnownStorage:
    """What a verdict may read: the trials told before a trial was proposed, and that trial itself."""

    def __init__(self, storage: Any, known: int, number: int) -> None:
        self._storage, self._known, self._number = storage, known, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """Known trials, in number order."""
        trials = self._storage.get_all_trials(study_id, deepcopy, states)
        return [trial for trial in trials if trial.number < self._known or trial.number == self._number]


class KnownStudy(optuna.study.Study):
    """A study as it was known when a trial was proposed.

    The storage is narrowed, not only `get_trials`: HyperbandPruner opens a study of its own on the storage.
    """

    def __init__(self, study: optuna.study.Study, known: int, number: int) -> None:
        self.__dict__.update(study.__dict__)
        self._storage = KnownStorage(study._storage, known, number)  # type: ignore[assignment]  # has all of a storage


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


class OptunaBackend:
    """An Optuna sampler and pruner behind the search seam.

    The sampler is reseeded at every ask by the study's seed and the trial's number, because no storage keeps a
    sampler's random state. Parameters are suggested one by one in the space's order, as far as their conditions hold.
    """

    learns = True

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        objective: Objective,
        epochs: int,
        seed: int,
        sampler: Callable[[int], ReseededSampler],
        pruner: BasePruner,
        order: Order,
        enqueue: Sequence[Parameters] = (),
    ) -> None:
        self.prunes = not isinstance(pruner, NopPruner)
        self._parameters = parameters
        self._distributions = {name: _distribution(parameter) for name, parameter in parameters.items()}
        self._places = {name: Places(parameter) for name, parameter in parameters.items() if _is_indexed(parameter)}
        self._epochs = epochs
        self._seed = seed
        self._sampler = sampler(seed)
        self._order = order
        self._enqueue = enqueue
        self._points = Points(parameters)
        self._used: set[int] = set()  # ranks of the configurations proposed, in a finite space
        self._told = 0
        self._known: dict[int, int] = {}  # of running trials
        self._study = optuna.create_study(
            study_name=f"seed {seed}",  # HyperbandPruner draws brackets from the name
            direction="maximize" if objective.direction is Direction.MAXIMIZE else "minimize",
            sampler=self._sampler,
            pruner=pruner,
        )

    def ask(self, number: int) -> Proposal | NoProposal:
        """Propose trial `number`."""
        if len(self._used) == self._points.size:
            return NoProposal.EXHAUSTED
        if number < len(self._enqueue):
            configuration = dict(self._enqueue[number])
            self._add(configuration, OptunaState.RUNNING)
        else:
            self._sampler.reseed(derive_seed(self._seed, number))
            configuration = self._suggest(self._study.ask())
        self._begin(number, configuration, self._told)
        return Proposal(configuration, self._epochs, state=self.state(number))

    def reject(self, number: int) -> None:
        """An invalid trial is taken for running until it is told as failed."""

    def report(self, number: int, epoch: int, value: float) -> Verdict:
        """The pruner's verdict after `epoch`.

        An epoch may come again when a trial goes on from a checkpoint before it: an earlier one than the latest was
        survived, and the latest is judged again on the same value.
        """
        if not self.prunes:
            return Verdict.CONTINUE
        storage, trial = self._study._storage, self._trial(number)
        latest = trial.last_step or 0
        if epoch < latest:
            return Verdict.CONTINUE
        if epoch > latest:
            storage.set_trial_intermediate_value(trial._trial_id, epoch, value)
        study = self._study
        if self._order is Order.NUMBER:
            study = KnownStudy(study, self._known[number], number)
        is_pruned = study.pruner.prune(study, self._trial(number))
        return Verdict.PRUNE if is_pruned else Verdict.CONTINUE

    def state(self, number: int) -> Mapping[str, Any]:
        """What sampler and pruner noted on the trial: TPE's relative parameters, the rungs that it has completed."""
        return dict(self._trial(number).system_attrs)

    def may_promote(self, number: int) -> bool:
        """Never: nothing is continued."""
        return False

    def tell(self, trial: Trial) -> None:
        """Learn how `trial` ended; without a finite value it has failed."""
        if trial.state is TrialState.PRUNED:
            self._study.tell(trial.number, state=OptunaState.PRUNED)
        elif trial.state is TrialState.COMPLETE and _is_finite(trial.value):
            self._study.tell(trial.number, trial.value)
        else:
            self._study.tell(trial.number, state=OptunaState.FAIL)
        self._told += 1
        del self._known[trial.number]

    def restore(self, history: Sequence[Trial]) -> None:
        """Rebuild from the rows of the study. Told trials are given to Optuna as they ended, the others as running."""
        for trial in history:
            self._add(
                trial.parameters,
                OptunaState.RUNNING,
                intermediate_values=dict(trial.values) if self.prunes else {},
                system_attrs=dict(trial.backend_state),
            )
            self._begin(trial.number, trial.parameters, trial.known)
        for trial in sorted((t for t in history if t.told is not None), key=lambda t: t.told or 0):
            self.tell(trial)

    def _begin(self, number: int, configuration: Parameters, known: int) -> None:
        self._known[number] = known
        if self._points.size is not None:
            self._used.add(self._points.rank_of(configuration))

    def _trial(self, number: int) -> FrozenTrial:
        storage = self._study._storage
        return storage.get_trial(storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number))

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Values for the parameters whose conditions hold."""
        configuration: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            if all(c.parent in configuration and c.holds(configuration[c.parent]) for c in parameter.when):
                value = trial._suggest(name, self._distributions[name])
                configuration[name] = parameter.value_at(value) if name in self._places else value
        return configuration

    def _add(self, configuration: Parameters, state: OptunaState, **recorded: Any) -> None:
        """Add a trial of a given configuration."""
        parameters = {
            name: self._places[name][type(value), value] if name in self._places else value
            for name, value in configuration.items()
        }
        distributions = {name: self._distributions[name] for name in parameters}
        self._study.add_trial(create_trial(state=state, params=parameters, distributions=distributions, **recorded))


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _is_indexed(parameter: Parameter) -> bool:
    """Whether Optuna is given places instead of values: mixed kinds stay apart, and decimal steps stay exact."""
    return parameter.kind is ParameterKind.CHOICE or (
        parameter.kind is ParameterKind.FLOAT and parameter.step is not None
    )


def _distribution(parameter: Parameter) -> BaseDistribution:
    is_log = parameter.scale is Scale.LOG
    if parameter.kind is ParameterKind.CHOICE:
        return CategoricalDistribution(range(len(parameter.values)))
    assert parameter.min is not None
    assert parameter.max is not None
    if parameter.kind is ParameterKind.INT:
        return IntDistribution(int(parameter.min), int(parameter.max), is_log, int(parameter.step or 1))
    if parameter.size is not None:
        return IntDistribution(0, parameter.size - 1)
    return FloatDistribution(float(parameter.min), float(parameter.max), is_log)


def backend(
    parameters: Mapping[str, Parameter], settings: SearchSettings, objective: Objective, epochs: int, seed: int
) -> OptunaBackend:
    """The sampler and the pruner that the settings name."""
    return OptunaBackend(
        parameters,
        objective,
        epochs,
        seed,
        sampler=resolve(SAMPLERS[str(settings.arguments["sampler"])]),
        pruner=resolve(PRUNERS[str(settings.arguments["pruner"])])(epochs),
        order=Order(settings.order) if settings.order else default_order(settings),
        enqueue=settings.enqueue,
    )


def tpe_sampler(seed: int) -> ReseededSampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011), multivariate by Optuna's default."""
    return ReseededTPE(seed)


def random_sampler(seed: int) -> ReseededSampler:
    """Independent random draws."""
    return ReseededRandom(seed=seed)


def no_pruner(epochs: int) -> BasePruner:
    """Every trial runs its epochs."""
    return NopPruner()


def median_pruner(epochs: int) -> BasePruner:
    """Stops what is worse than the median of earlier trials at the same epoch, after five complete trials."""
    return MedianPruner()


def successive_halving_pruner(epochs: int) -> BasePruner:
    """Asynchronous successive halving (Li et al. 2020): at epochs 1, 3, 9, ... the best third goes on."""
    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)


def hyperband_pruner(epochs: int) -> BasePruner:
    """Successive halving with several first rungs at once, up to the full budget."""
    return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
