"""What a sample of a space looks like before anything is trained: how much is invalid, how large models are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hpsearch.execution.proposing import Proposer
from hpsearch.execution.table import Table
from hpsearch.execution.telling import Telling
from hpsearch.search import NoProposal
from hpsearch.search.registry import make_backend
from hpsearch.space import Space
from hpsearch.space.configuration import Configuration
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Direction, Objective, Order, TrialState


@dataclass(frozen=True, slots=True)
class Survey:
    """A random sample of a space, drawn and built on paper as the coordinator does it.

    Attributes:
        drawn: different configurations; fewer than asked for where the space has no more.
        broken: sentence about a rule or layer -> how many configurations it made invalid, the most frequent first.
        sizes: Keras's `count_params()` of the valid ones, ascending; empty where there is no model.
    """

    drawn: int
    broken: Mapping[str, int]
    sizes: tuple[int, ...]

    @property
    def invalid(self) -> int:
        """How many configurations cannot be built or break a constraint."""
        return sum(self.broken.values())


def survey(space: Space, configurations: int, count_parameters: Callable[[Configuration], int] | None) -> Survey:
    """A survey of that many configurations, the same at every call.

    Args:
        space: what to draw from; its own search backend does not matter.
        configurations: how many to draw.
        count_parameters: builds a configuration on paper; raises BuildError. None where there is no model.
    """
    settings = SearchSettings(backend="random", arguments={}, max_trials=configurations)
    objective = Objective(space.objective.metric, Direction(space.objective.direction))
    backend = make_backend(space.parameters, settings, objective, space.epochs, space.seed)
    telling = Telling(backend, Order.NUMBER, lag=configurations, known=0, on_told=lambda number, place: None)
    proposer = Proposer(space, backend, telling, count_parameters)
    table = Table()
    while len(table) < configurations and not isinstance(trial := proposer.next(table), NoProposal):
        table.add(trial)
    broken = Counter(trial.error or "" for trial in table if trial.state is TrialState.INVALID)
    sizes = sorted(
        trial.model_parameters
        for trial in table
        if trial.state is not TrialState.INVALID and trial.model_parameters is not None
    )
    return Survey(len(table), dict(broken.most_common()), tuple(sizes))
