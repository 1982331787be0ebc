"""Random search, Bayesian optimisation and Hyperband by Keras Tuner's oracles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.lean import lean_keras
from hpsearch.search.backend import NoProposal, Proposal, Verdict
from hpsearch.space.parameters import Parameter
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Objective, Trial, TrialState, derive_seed

with lean_keras():
    from hpsearch.search.keras_tuner_oracles import HyperbandOracle, RandomOracle, Recorded
    from hpsearch.search.keras_tuner_space import decode


class KerasTunerBackend:
    """A Keras Tuner oracle behind the search seam.

    What a row must remember is the oracle's counter of random draws after its proposal; everything else follows from
    the rows themselves.
    """

    prunes = False

    def __init__(self, oracle: Recorded, parameters: Mapping[str, Parameter], learns: bool) -> None:
        self.learns = learns
        self._oracle = oracle
        self._parameters = parameters
        self._states: dict[int, Mapping[str, Any]] = {}  # of running trials

    def ask(self, number: int) -> Proposal | NoProposal:
        """Propose trial `number`."""
        counter = self._oracle._seed_state
        if self._oracle.is_used_up:
            return NoProposal.EXHAUSTED
        answer = self._oracle.populate_space(number)
        if answer["status"] != "RUNNING":
            self._oracle._seed_state = counter  # a WAIT leaves no row, so it must leave no trace either
            return NoProposal.WAIT if answer["status"] == "IDLE" else NoProposal.EXHAUSTED
        values = answer["values"]
        self._oracle.insert(number, values)
        place = self._oracle.place(number, values)
        self._states[number] = {"seed_state": self._oracle._seed_state}
        return Proposal(
            decode(self._parameters, values),
            place.epochs,
            place.parent,
            place.bracket,
            place.rung,
            self._states[number],
        )

    def reject(self, number: int) -> None:
        """Trial `number`, just proposed, is invalid."""
        self._oracle.withdraw(number)

    def report(self, number: int, epoch: int, value: float) -> Verdict:
        """Nothing is learnt before a trial ends."""
        return Verdict.CONTINUE

    def state(self, number: int) -> Mapping[str, Any]:
        """The oracle's counter after the proposal of the running trial `number`."""
        return self._states[number]

    def may_promote(self, number: int) -> bool:
        """Whether a later proposal may continue trial `number`."""
        return self._oracle.may_promote(number)

    def tell(self, trial: Trial) -> None:
        """Learn how `trial` ended."""
        del self._states[trial.number]
        has_value = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        value = trial.value if has_value and trial.value is not None and not math.isnan(trial.value) else None
        self._oracle.finish(trial.number, value)

    def restore(self, history: Sequence[Trial]) -> None:
        """Rebuild from the rows of the study."""
        for trial in history:
            self._oracle.restore(trial.number, trial.parameters, trial.parent, trial.state is TrialState.INVALID)
            self._states[trial.number] = dict(trial.backend_state)
        if history:
            self._oracle._seed_state = history[-1].backend_state["seed_state"]
        for trial in sorted((t for t in history if t.told is not None), key=lambda t: t.told or 0):
            self.tell(trial)


def oracle_seed(seed: int) -> int:
    """The seed that an oracle gets for a study's `seed`.

    Keras Tuner counts draws up from its seed, so the oracles of seeds 1 and 6 propose the same trials, shifted by one,
    where five parameters are active. People number their replicates 1, 2, 3; hashed, these lie far apart.
    """
    return derive_seed(seed, "oracle")


def random(
    parameters: Mapping[str, Parameter], settings: SearchSettings, objective: Objective, epochs: int, seed: int
) -> KerasTunerBackend:
    """Random search."""
    return KerasTunerBackend(
        RandomOracle(parameters, objective, epochs, oracle_seed(seed), settings.enqueue), parameters, learns=False
    )


def bayesian(
    parameters: Mapping[str, Parameter], settings: SearchSettings, objective: Objective, epochs: int, seed: int
) -> KerasTunerBackend:
    """Bayesian optimisation; the first three trials a parameter are random (Keras Tuner's rule)."""
    from hpsearch.search.keras_tuner_bayesian import BayesianOracle

    return KerasTunerBackend(
        BayesianOracle(parameters, objective, epochs, oracle_seed(seed), settings.enqueue), parameters, learns=True
    )


def hyperband(
    parameters: Mapping[str, Parameter], settings: SearchSettings, objective: Objective, epochs: int, seed: int
) -> KerasTunerBackend:
    """Hyperband; the full budget is `max_epochs` of the settings."""
    oracle = HyperbandOracle(
        parameters,
        objective,
        epochs,
        oracle_seed(seed),
        settings.enqueue,
        max_epochs=int(settings.arguments["max_epochs"]),
        factor=int(settings.arguments["factor"]),
        hyperband_iterations=int(settings.arguments["iterations"]),
    )
    return KerasTunerBackend(oracle, parameters, learns=True)
