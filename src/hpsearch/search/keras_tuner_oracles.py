"""Keras Tuner's oracles, driven without its files, locks and display.

Only `populate_space`, the algorithm, is Keras Tuner's; what its `create_trial` and `end_trial` do around it (numbering,
a global lock, two files rewritten in full, a table on the screen, a scan over all failures) is replaced by `insert` and
`finish`. A restart inserts recorded trials through the same two functions, so a rebuilt oracle equals the old one.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as OracleTrial

from hpsearch.search.keras_tuner_space import Encoding, compile_space, decode
from hpsearch.search.points import Points
from hpsearch.space.parameters import Parameter
from hpsearch.study import Objective, Parameters, derive_seed

Values = dict[str, Any]  # of the compiled space, with Hyperband's own entries "tuner/..."


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the search a trial stands."""

    epochs: int
    parent: int | None = None
    bracket: int | None = None
    rung: int | None = None


class Recorded(keras_tuner.Oracle):
    """What the three oracles share; stands before Keras Tuner's own class among their bases.

    Trials are known by their number. Configurations to try first take the place of random draws. Keras Tuner takes a
    space for used up after 21 repeated draws in a row, with a few per cent of it untried; a finite space is then walked
    through in an order that the seed decides, until no configuration is left.
    """

    trials: dict[int, Any]
    ongoing_trials: dict[int, Any]

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        objective: Objective,
        epochs: int,
        seed: int,
        enqueue: tuple[Parameters, ...],
        **arguments: Any,
    ) -> None:
        super().__init__(
            objective=keras_tuner.Objective(objective.metric, objective.direction.value[:3]),
            hyperparameters=compile_space(parameters),
            seed=seed,
            **arguments,
        )
        self.seed = seed  # Keras Tuner takes 0 for "no seed" and draws one
        self._seed_state = seed
        self._parameters = parameters
        self._worst = objective.worst
        self._epochs = epochs
        self._encode = Encoding(parameters)
        self._enqueued = deque(map(self._encode, enqueue))
        self._points = Points(parameters)
        self._walked = 0

    @property
    def is_used_up(self) -> bool:
        """Whether every configuration of a finite space has been proposed."""
        return self._points.size is not None and len(self._tried_so_far) >= self._points.size

    def insert(self, number: int, values: Values) -> None:
        """Take trial `number` for running."""
        hyperparameters = copy.copy(self.hyperparameters)  # shares the space, which never changes here
        hyperparameters.values = values
        trial = OracleTrial(hyperparameters, trial_id=number)
        self.trials[number] = self.ongoing_trials[number] = trial
        self._tried_so_far.add(self._compute_values_hash(values))

    def withdraw(self, number: int) -> None:
        """Trial `number` is invalid."""

    def finish(self, number: int, score: float | None) -> None:
        """Trial `number` ended with its best value, or failed (None)."""
        trial = self.ongoing_trials.pop(number)
        trial.score = score
        trial.status = "FAILED" if score is None else "COMPLETED"

    def restore(self, number: int, configuration: Parameters, parent: int | None, is_invalid: bool) -> None:
        """Take a recorded trial for running, as when it was proposed."""
        if parent is None and self._enqueued:
            self._enqueued.popleft()
        values = self._encode(configuration)
        if parent is not None:
            values["tuner/trial_id"] = parent
        self.insert(number, values)
        if is_invalid:
            self.withdraw(number)

    def place(self, number: int, values: Values) -> Place:
        """Where the proposal just made stands."""
        return Place(self._epochs)

    def may_promote(self, number: int) -> bool:
        """Whether a later trial may continue `number`."""
        return False

    def _random_values(self) -> Values | None:
        if self._enqueued:
            return self._enqueued.popleft()
        drawn = super()._random_values()
        if drawn is None:
            return self._untried()
        return self._encode(decode(self._parameters, drawn))

    def _untried(self) -> Values | None:
        """The next configuration that was never proposed, on a walk through all of them; None when all were."""
        size = self._points.size
        if size is None:
            return None
        start, stride = derive_seed(self.seed, "start") % size, derive_seed(self.seed, "stride") % size + 1
        while math.gcd(stride, size) > 1:  # a stride without common factor meets every configuration
            stride += 1
        while self._walked < size:
            values = self._encode(self._points[(start + self._walked * stride) % size])
            if not self._duplicate(values):
                return values
            self._walked += 1
        return None


class RandomOracle(Recorded, keras_tuner.oracles.RandomSearchOracle):
    """Random search: every parameter of every trial is one draw of a counter that begins at the seed."""


class HyperbandOracle(Recorded, keras_tuner.oracles.HyperbandOracle):
    """Successive halving in brackets (Li et al. 2018, algorithm 1), with Keras Tuner's sizes.

    The number of a bracket is the paper's s, the largest halves most. It is read from where the trial stands:
    Keras Tuner's own label is that of the bracket opened last, wrong for promotions in an earlier one.

    A failed trial is told as complete with the worst value. Told as failed it would take a promotion with it, and a
    search with failures would shrink.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._place_of: dict[int, tuple[dict[str, Any], int]] = {}  # number -> bracket, rung
        super().__init__(*arguments, **named)

    def place(self, number: int, values: Values) -> Place:
        """Budget, parent, bracket and rung of the proposal just made."""
        rung = values["tuner/round"]
        bracket = next(bracket for bracket in self._brackets if _holds(bracket, rung, number))
        self._place_of[number] = bracket, rung
        return Place(values["tuner/epochs"], values.get("tuner/trial_id"), bracket["bracket_num"], rung)

    @property
    def is_used_up(self) -> bool:
        """Never: promotions remain when no configuration is left for a rung 0."""
        return False

    def restore(self, number: int, configuration: Parameters, parent: int | None, is_invalid: bool) -> None:
        """Take a recorded trial for running, in the place where it was proposed."""
        if parent is None:
            bracket, rung = self._open_bracket(), 0
        else:
            bracket, rung = self._place_of[parent][0], self._place_of[parent][1] + 1
        bracket["rounds"][rung].append({"past_id": parent, "id": number})
        self._place_of[number] = bracket, rung
        super().restore(number, configuration, parent, is_invalid)

    def may_promote(self, number: int) -> bool:
        """Whether the rung above still has a place."""
        bracket, rung = self._place_of[number]
        above = rung + 1
        if above >= len(bracket["rounds"]):
            return False
        return len(bracket["rounds"][above]) < int(self._get_size(bracket["bracket_num"], above))

    def withdraw(self, number: int) -> None:
        """Trial `number` is invalid: its place in rung 0 is free again. The configuration stays tried."""
        bracket, rung = self._place_of[number]
        if rung == 0:
            bracket["rounds"][0].remove({"past_id": None, "id": number})
            del self._place_of[number], self.trials[number], self.ongoing_trials[number]

    def finish(self, number: int, score: float | None) -> None:
        """Trial `number` ended; nothing to do where it was withdrawn."""
        if number in self.ongoing_trials:
            super().finish(number, self._worst if score is None else score)

    def _open_bracket(self) -> dict[str, Any]:
        """The bracket that takes the next trial of rung 0; brackets fill one after another."""
        bracket = self._brackets[-1]
        if len(bracket["rounds"][0]) >= self._get_size(bracket["bracket_num"], 0):
            self._increment_bracket_num()
            self._start_new_bracket()
        opened: dict[str, Any] = self._brackets[-1]
        return opened


def _holds(bracket: Mapping[str, Any], rung: int, number: int) -> bool:
    """Whether trial `number` is the latest one in that rung of the bracket."""
    rungs = bracket["rounds"]
    return rung < len(rungs) and bool(rungs[rung]) and rungs[rung][-1]["id"] == number
