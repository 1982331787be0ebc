"""Order, not time, decides what a proposal knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.execution.table import Table
from hpsearch.execution.telling import Telling
from hpsearch.search import NoProposal, Proposal, Verdict
from hpsearch.study import Order, Trial, TrialState


class Recorder:
    """A backend that writes down what it knew at each ask; it waits at the numbers given."""

    learns = True
    prunes = False

    def __init__(self, waits_until: dict[int, int] | None = None) -> None:
        self.told: list[int] = []
        self.knew: list[int] = []
        self._waits_until = waits_until or {}

    def ask(self, number: int) -> Proposal | NoProposal:
        if len(self.told) < self._waits_until.get(number, 0):
            return NoProposal.WAIT
        self.knew.append(len(self.told))
        return Proposal(parameters={"x": number}, epochs=1)

    def tell(self, trial: Trial) -> None:
        self.told.append(trial.number)

    def reject(self, number: int) -> None: ...

    def report(self, number: int, epoch: int, value: float) -> Verdict:
        return Verdict.CONTINUE

    def state(self, number: int) -> dict[str, object]:
        return {}

    def restore(self, history: Sequence[Trial]) -> None: ...


def _run(finish_order: list[int], lag: int, invalid: set[int], waits_until: dict[int, int], total: int) -> Recorder:
    """Drive a study of `total` trials whose running ones end by the priorities of `finish_order`."""
    backend, table = Recorder(waits_until), Table()
    telling = Telling(backend, Order.NUMBER, lag, 0, lambda number, place: None)
    running: list[int] = []
    while len(table) < total or running:
        while len(table) < total:
            proposal = telling.ask(table)
            if not isinstance(proposal, Proposal):
                break
            number = len(table)
            state = TrialState.INVALID if number in invalid else TrialState.RUNNING
            table.add(Trial(number=number, state=state, parameters=proposal.parameters, epochs=1, seed=0))
            if state is TrialState.RUNNING:
                running.append(number)
        if running:
            ends = min(running, key=lambda number: finish_order[number])
            running.remove(ends)
            table.replace(replace(table[ends], state=TrialState.COMPLETE, value=0.0))
    return backend


@given(
    st.permutations(list(range(20))),
    st.integers(0, 8),
    st.sets(st.integers(0, 19), max_size=6),
    st.dictionaries(st.integers(1, 19), st.integers(0, 19), max_size=4),
)
def test_what_a_proposal_knows_does_not_depend_on_what_finishes_first(finish_order, lag, invalid, waits_until):
    waits_until = {number: min(told, number) for number, told in waits_until.items()}

    backend = _run(finish_order, lag, invalid, waits_until, total=20)

    in_order = _run(list(range(20)), lag, invalid, waits_until, total=20)
    assert backend.knew == in_order.knew
    assert backend.told == list(range(len(backend.told)))


def test_a_proposal_leaves_out_the_last_lag_valid_trials():
    backend = _run(list(range(10)), lag=3, invalid=set(), waits_until={}, total=10)

    assert backend.knew == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_invalid_trials_do_not_count_in_the_lag_and_the_next_is_drawn_with_the_same_knowledge():
    backend = _run(list(range(8)), lag=2, invalid={3, 4}, waits_until={}, total=8)

    assert backend.knew == [0, 0, 0, 1, 1, 1, 2, 3]


def test_a_backend_that_waits_is_told_one_more_trial_each_time():
    backend = _run(list(range(6)), lag=4, invalid=set(), waits_until={3: 2}, total=6)

    assert backend.knew == [0, 0, 0, 2, 2, 2]


def test_with_one_slot_every_trial_is_known():
    backend = _run(list(range(5)), lag=0, invalid=set(), waits_until={}, total=5)

    assert backend.knew == [0, 1, 2, 3, 4]
