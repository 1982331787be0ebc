"""Samplers and pruners of Optuna, asked and told in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from hpsearch.search.backend import NoProposal, Proposal, Verdict
from hpsearch.search.optuna_samplers import ReseededSampler
from hpsearch.search.points import Places, Points
from hpsearch.search.registry import PRUNERS, SAMPLERS, default_order, resolve
from hpsearch.space.parameters import Parameter, ParameterKind, Scale
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Direction, Objective, Order, Parameters, Trial, TrialState, derive_seed

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
