"""Drawing the next trial: ask, build on paper, and make it a row, valid or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from hpsearch.errors import BuildError
from hpsearch.execution.table import Table, canonical
from hpsearch.execution.telling import Telling
from hpsearch.search import NoProposal, Proposal, SearchBackend
from hpsearch.space import Space
from hpsearch.space.configuration import Configuration
from hpsearch.study import ErrorKind, Trial, TrialState, derive_seed

INVALID_IN_A_ROW = 1_000  # more than that, and the space itself is at fault


class Proposer:
    """Turns a backend's proposals into trials.

    Args:
        space: resolves parameters to configurations and knows the constraints.
        backend: is told at once of a proposal that cannot be built.
        telling: when to ask.
        count_parameters: builds a configuration on paper; raises BuildError. None where there is no model.
    """

    def __init__(
        self,
        space: Space,
        backend: SearchBackend,
        telling: Telling,
        count_parameters: Callable[[Configuration], int] | None,
    ) -> None:
        self._space = space
        self._backend = backend
        self._telling = telling
        self._count_parameters = count_parameters
        self._broken: Counter[str] = Counter()

    def restore(self, table: Table) -> None:
        """Count the invalid trials that end `table`, as if they had been drawn here."""
        for trial in table:
            self._count(trial)

    def next(self, table: Table) -> Trial | NoProposal:
        """The next trial, waiting or invalid; it is not yet in `table`."""
        proposal = self._telling.ask(table)
        if isinstance(proposal, NoProposal):
            return proposal
        trial = self._trial(proposal, table)
        if trial.state is TrialState.INVALID:
            self._backend.reject(trial.number)
        self._count(trial)
        return trial

    def despair(self) -> str | None:
        """Why there is no use in drawing on, after too many invalid trials in a row; else None."""
        drawn = self._broken.total()
        if drawn < INVALID_IN_A_ROW:
            return None
        rule, times = self._broken.most_common(1)[0]
        return (
            f"{drawn:,} configurations in a row were invalid, {times:,} of them because: {rule}; "
            "loosen that rule or the bounds of the parameters in it"
        )

    def _count(self, trial: Trial) -> None:
        if trial.state is TrialState.INVALID:
            self._broken[trial.error or ""] += 1
        else:
            self._broken.clear()

    def _trial(self, proposal: Proposal, table: Table) -> Trial:
        size, problem = self._on_paper(proposal)
        return Trial(
            number=len(table),
            state=TrialState.WAITING if problem is None else TrialState.INVALID,
            parameters=proposal.parameters,
            epochs=proposal.epochs if problem else min(proposal.epochs, self._space.epochs_of(proposal.parameters)),
            seed=self._seed(proposal, table),
            parent=proposal.parent,
            epochs_done=table[proposal.parent].epochs_done if proposal.parent is not None else 0,
            bracket=proposal.bracket,
            rung=proposal.rung,
            known=self._telling.known,
            model_parameters=size,
            error_kind=None if problem is None else ErrorKind.INVALID,
            error=problem,
            backend_state=proposal.state,
            created_at=datetime.now(UTC),
        )

    def _seed(self, proposal: Proposal, table: Table) -> int:
        if proposal.parent is not None:
            return table[proposal.parent].seed
        return derive_seed(
            self._space.seed, "trial", canonical(proposal.parameters), table.times_drawn(proposal.parameters)
        )

    def _on_paper(self, proposal: Proposal) -> tuple[int | None, str | None]:
        """How many parameters the model has, and what is wrong with it."""
        size: int | None = None
        try:
            configuration = self._space.configuration(proposal.parameters)
            if self._count_parameters is not None:
                size = self._count_parameters(configuration)
        except BuildError as error:
            return None, str(error)
        broken = self._space.broken_constraint(proposal.parameters, size or 0)  # simulated training has none
        return size, None if broken is None else f"breaks the constraint {broken}"
