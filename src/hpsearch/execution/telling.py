"""Order, not time, decides: when the next trial may be proposed, and what the backend has been told by then."""

from __future__ import annotations

from collections.abc import Callable

from hpsearch.execution.table import Table
from hpsearch.search import NoProposal, Proposal, SearchBackend
from hpsearch.study import Order, Trial


class Telling:
    """Tells ended trials to a backend and asks it for the next one, by the study's rule.

    Under `Order.NUMBER` trial n is asked for when all but the last `lag` valid trials before it have been told, in
    number order; never with fewer, and with more only after the backend answered WAIT (one more each time). So what a
    proposal knows is a function of its number. Under `Order.FINISHED` a trial is told the moment it ends.

    Args:
        backend: whom to tell and ask; one that learns nothing is never told and never waited for.
        order: the study's.
        lag: how many untold valid trials a proposal may leave out.
        known: how many trials the last proposal knew: what a restored backend has been told.
        on_told: is given each told trial's number and its place in the order of telling.
    """

    def __init__(
        self,
        backend: SearchBackend,
        order: Order,
        lag: int,
        known: int,
        on_told: Callable[[int, int], None],
    ) -> None:
        self.known = known
        self._backend = backend
        self._order = order
        self._lag = lag
        self._wanted = known
        self._on_told = on_told

    def ended(self, trial: Trial) -> None:
        """A trial has ended."""
        if self._order is Order.FINISHED and self._backend.learns:
            self._tell(trial)

    def ask(self, table: Table) -> Proposal | NoProposal:
        """The next proposal, or WAIT while a trial that it must know, or that the backend waits for, still runs."""
        if not self._backend.learns or self._order is Order.FINISHED:
            return self._backend.ask(len(table))
        self._wanted = max(self._wanted, self._required(table))
        while True:
            while self.known < self._wanted:
                if not table[self.known].state.is_ended:
                    return NoProposal.WAIT
                self._tell(table[self.known])
            proposal = self._backend.ask(len(table))
            if proposal is not NoProposal.WAIT or self.known == len(table):
                return proposal
            self._wanted = self.known + 1

    def _required(self, table: Table) -> int:
        told = len(table.valid) - self._lag  # valid trials that must have been told
        return table.valid[told - 1] + 1 if told > 0 else 0

    def _tell(self, trial: Trial) -> None:
        self._backend.tell(trial)
        self._on_told(trial.number, self.known)
        self.known += 1
