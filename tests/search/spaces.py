"""Spaces and a driver that the tests of this room share."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hpsearch.search.backend import NoProposal, SearchBackend, Verdict
from hpsearch.search.registry import make_backend
from hpsearch.space.parameters import Condition, Parameter, ParameterKind, Scale
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Direction, Objective, Parameters, Trial, TrialState

MAXIMIZE = Objective("val_accuracy", Direction.MAXIMIZE)
MINIMIZE = Objective("val_loss", Direction.MINIMIZE)

SETTINGS = {
    "random": SearchSettings("random", {}, max_trials=100),
    "grid": SearchSettings("grid", {}),
    "hyperband": SearchSettings("hyperband", {"max_epochs": 9, "factor": 3, "iterations": 2}),
    "bayesian": SearchSettings("bayesian", {}, max_trials=100),
    **{
        f"optuna-{sampler}-{pruner}-{order}": SearchSettings(
            "optuna", {"sampler": sampler, "pruner": pruner}, max_trials=100, order=order
        )
        for sampler in ("tpe", "random")
        for pruner in ("none", "median", "successive_halving", "hyperband")
        for order in (("finished",) if pruner == "none" else ("number", "finished"))
    },
}


def space(*parameters: Parameter) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters}


def choice(name: str, *values: Any, when: tuple[Condition, ...] = ()) -> Parameter:
    return Parameter(name, ParameterKind.CHOICE, values=values, when=when)


def whole(name: str, low: int, high: int, step: int | None = None, log: bool = False, when: Any = ()) -> Parameter:
    return Parameter(name, ParameterKind.INT, low, high, step, Scale.LOG if log else Scale.LINEAR, when=tuple(when))


def real(name: str, low: float, high: float, step: float | None = None, log: bool = False, when: Any = ()) -> Parameter:
    return Parameter(name, ParameterKind.FLOAT, low, high, step, Scale.LOG if log else Scale.LINEAR, when=tuple(when))


FINITE = space(
    choice("activation", "relu", "leaky_relu", None, True, 1),
    real("alpha", 0.1, 0.3, 0.1, when=[Condition("activation", ("leaky_relu", True))]),
    whole("blocks", 1, 3),
    whole("units_0", 16, 48, 16, when=[Condition("blocks", min=1)]),
    whole("units_1", 16, 48, 16, when=[Condition("blocks", min=2)]),
    whole("units_2", 16, 48, 16, when=[Condition("blocks", min=3)]),
    choice("deep", True, False, when=[Condition("units_2", min=32), Condition("alpha", max=0.2)]),
)

MIXED = space(
    *FINITE.values(),
    real("learning_rate", 1e-4, 1e-1, log=True),
    real("decay", 0.0, 1.0, when=[Condition("learning_rate", max=1e-2)]),
    whole("batch", 8, 256, log=True),
    choice("shuffle", True, False, when=[Condition("batch", min=64)]),
    choice("tail", 1, 2, when=[Condition("decay", min=0.25, max=0.75)]),
)

SMALL = space(
    real("x", 0.0, 1.0),
    real("rate", 1e-4, 1.0, log=True),
    choice("kind", "a", "b", "c"),
)


def is_active(parameter: Parameter, configuration: Parameters) -> bool:
    return all(c.parent in configuration and c.holds(configuration[c.parent]) for c in parameter.when)


def has_right_activity(parameters: Mapping[str, Parameter], configuration: Parameters) -> bool:
    """Exactly the active parameters are there, in the space's order, with legal values."""
    active = [name for name, parameter in parameters.items() if is_active(parameter, configuration)]
    return list(configuration) == active and all(parameters[n].contains(v) for n, v in configuration.items())


def curve(configuration: Parameters, epoch: int) -> float:
    """A made-up objective in 0 .. 1 that rises with the epochs and depends on every parameter."""
    quality = 0.0
    for name, value in configuration.items():
        text = json.dumps([name, value]) if not isinstance(value, float) else name
        number = value if isinstance(value, float) else 0.0
        quality += math.sin(sum(text.encode()) + 3 * number) / len(configuration)
    return round((quality + 1) / 2 * (1 - 0.5**epoch), 12)


@dataclass
class Run:
    """A study driven through a backend, its rows kept as the database would keep them."""

    parameters: Mapping[str, Parameter]
    settings: SearchSettings
    objective: Objective = MAXIMIZE
    epochs: int = 9
    seed: int = 7
    lag: int = 0
    outcome: Callable[[int, Parameters], TrialState] = lambda number, configuration: TrialState.COMPLETE
    rows: list[Trial] = field(default_factory=list)
    told: int = 0
    backend: SearchBackend = field(init=False)

    def __post_init__(self) -> None:
        self.backend = self.fresh()

    def fresh(self) -> SearchBackend:
        return make_backend(self.parameters, self.settings, self.objective, self.epochs, self.seed)

    def restart(self) -> None:
        """Throw the backend away and rebuild it from rows that went through JSON."""
        rows = [replace(row, backend_state=json.loads(json.dumps(dict(row.backend_state)))) for row in self.rows]
        self.backend = self.fresh()
        self.backend.restore(rows)

    def ask(self) -> Trial | NoProposal:
        """One more row, as running or as invalid."""
        number = len(self.rows)
        proposal = self.backend.ask(number)
        if isinstance(proposal, NoProposal):
            return proposal
        outcome = self.outcome(number, proposal.parameters)
        row = Trial(
            number,
            TrialState.INVALID if outcome is TrialState.INVALID and proposal.parent is None else TrialState.RUNNING,
            proposal.parameters,
            proposal.epochs,
            seed=1,
            parent=proposal.parent,
            bracket=proposal.bracket,
            rung=proposal.rung,
            known=self.told,
            backend_state=proposal.state,
        )
        self.rows.append(row)
        if row.state is TrialState.INVALID:
            self.backend.reject(number)
        return row

    def train(self, number: int, until: int | None = None) -> None:
        """Report the epochs of a running trial, to its end unless `until` says less; it may be pruned on the way."""
        row = self.rows[number]
        if row.state is not TrialState.RUNNING:
            return
        start = 0 if row.parent is None else self.rows[row.parent].epochs
        values = dict(row.values)
        state = TrialState.RUNNING
        for epoch in range(max([start, *values]) + 1, min(row.epochs, until or row.epochs) + 1):
            values[epoch] = curve(row.parameters, epoch)
            if self.backend.report(number, epoch, values[epoch]) is Verdict.PRUNE:
                state = TrialState.PRUNED
                break
        backend_state = json.loads(json.dumps(dict(self.backend.state(number))))
        row = replace(row, values=values, backend_state=backend_state)
        if state is TrialState.RUNNING and until is None:
            outcome = self.outcome(number, row.parameters)
            state = (
                TrialState.COMPLETE if outcome is TrialState.INVALID else outcome
            )  # a promotion is as valid as before
        if state is not TrialState.RUNNING:
            own = self.objective.best(values.values())
            parent = None if row.parent is None else self.rows[row.parent].value
            value = self.objective.best(v for v in (own, parent) if v is not None)
            row = replace(row, state=state, value=value if state is not TrialState.FAILED else None)
        self.rows[number] = row

    def tell(self, number: int) -> None:
        self.rows[number] = replace(self.rows[number], told=self.told)
        self.backend.tell(self.rows[number])
        self.told += 1

    def tell_ready(self, until: int) -> None:
        """Tell ended trials below `until` in number order."""
        while self.told < min(until, len(self.rows)) and self.rows[self.told].state.is_ended:
            self.tell(self.told)

    def go(self, trials: int, cuts: Iterable[int] = ()) -> list[Trial]:
        """Run until there are `trials` rows or the search is over, rebuilding the backend before the rows in `cuts`.

        As many as `lag` trials run at once: each is trained by half when it is proposed, and to its end when the
        order rule wants it told.
        """
        cuts = set(cuts)
        while len(self.rows) < trials:
            if len(self.rows) in cuts:
                cuts.discard(len(self.rows))
                self.restart()
            answer = self.ask()
            if answer is NoProposal.EXHAUSTED:
                break
            if answer is NoProposal.WAIT:
                self.train(self.told)
                self.tell_ready(self.told + 1)
                continue
            self.train(answer.number, until=answer.epochs // 2)
            for number in range(self.told, len(self.rows) - self.lag):
                self.train(number)
            self.tell_ready(len(self.rows) - self.lag)
        return self.rows

    def finish(self) -> list[Trial]:
        """End and tell whatever still runs."""
        for number in range(self.told, len(self.rows)):
            self.train(number)
        self.tell_ready(len(self.rows))
        return self.rows
