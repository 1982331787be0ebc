"""Every configuration of a finite space, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.search.backend import NoProposal, Proposal, Verdict
from hpsearch.search.points import Points
from hpsearch.space.parameters import Parameter
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Objective, Parameters, Trial


class GridBackend:
    """Proposes the points of a grid in their order, the last parameter fastest; those to try first come first.

    What trial n is follows from n alone, so there is nothing to learn and nothing to restore.
    """

    learns = False
    prunes = False

    def __init__(self, points: Points, epochs: int, enqueue: Sequence[Parameters]) -> None:
        if points.size is None:
            raise ValueError("a grid needs a step for every float parameter")
        self._points = points
        self._size = points.size
        self._epochs = epochs
        self._first = list(dict.fromkeys(points.rank_of(configuration) for configuration in enqueue))
        self._ranks = sorted(self._first)

    def ask(self, number: int) -> Proposal | NoProposal:
        """Propose trial `number`."""
        if number >= self._size:
            return NoProposal.EXHAUSTED
        return Proposal(self._points[self._rank(number)], self._epochs)

    def reject(self, number: int) -> None:
        """An invalid point is passed by."""

    def report(self, number: int, epoch: int, value: float) -> Verdict:
        """A grid never prunes."""
        return Verdict.CONTINUE

    def state(self, number: int) -> Mapping[str, Any]:
        """Nothing needs to be remembered."""
        return {}

    def may_promote(self, number: int) -> bool:
        """Never: nothing is continued."""
        return False

    def tell(self, trial: Trial) -> None:
        """A grid learns nothing."""

    def restore(self, history: Sequence[Trial]) -> None:
        """A grid has no state."""

    def _rank(self, number: int) -> int:
        if number < len(self._first):
            return self._first[number]
        rank = number - len(self._first)
        for taken in self._ranks:
            if taken <= rank:
                rank += 1
        return rank


def grid(
    parameters: Mapping[str, Parameter], settings: SearchSettings, objective: Objective, epochs: int, seed: int
) -> GridBackend:
    """All points of the space."""
    return GridBackend(Points(parameters), epochs, settings.enqueue)
