"""The seam between the coordinator and whoever proposes trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Protocol

from hpsearch.study import Parameters, Trial


class NoProposal(Enum):
    """Why there is no proposal."""

    WAIT = "wait"  # a rung must fill first; ask again after the next tell
    EXHAUSTED = "exhausted"  # the search is over


class Verdict(StrEnum):
    """What becomes of a running trial after an epoch."""

    CONTINUE = "continue"
    PRUNE = "prune"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the next trial shall be."""

    parameters: Parameters  # the model's own, never the search's bookkeeping
    epochs: int  # train until this many have finished, `parent`'s included
    parent: int | None = None  # trial whose last epoch to continue from
    bracket: int | None = None
    rung: int | None = None
    state: Mapping[str, Any] = field(default_factory=dict)  # JSON to be stored with the trial for `restore`


class SearchBackend(Protocol):
    """Proposes trials for one study and learns from how they end.

    Only the coordinator holds one, so it needs no locks. Its state is a function of the study's rows and of the
    sequence of calls; after a restart it is rebuilt from the rows (`restore`), never by asking again.
    """

    learns: bool  # False: proposals do not depend on tells (random, grid), so nothing has to be waited for
    prunes: bool  # whether `report` can answer PRUNE

    def ask(self, number: int) -> Proposal | NoProposal:
        """Propose trial `number`, the next free one. After WAIT the same number is asked for again."""
        ...

    def reject(self, number: int) -> None:
        """Trial `number`, just proposed, is invalid. Called before the next `ask`; its `tell` follows in its turn."""
        ...

    def report(self, number: int, epoch: int, value: float) -> Verdict:
        """Learn the objective of a running trial after `epoch`; each epoch is reported once, in order."""
        ...

    def state(self, number: int) -> Mapping[str, Any]:
        """JSON to be stored with a running trial after `report`; given back by `restore` as `Trial.backend_state`."""
        ...

    def may_promote(self, number: int) -> bool:
        """Whether a later proposal may continue trial `number`, which has ended."""
        ...

    def tell(self, trial: Trial) -> None:
        """Learn how `trial` ended; failed and invalid ones too. `trial.value` is the best over its epochs."""
        ...

    def restore(self, history: Sequence[Trial]) -> None:
        """Rebuild from all rows of the study, in number order, on a fresh backend.

        A trial with `told` set has been told, in the order of `told`; every other one is running to the backend,
        whatever its state says. `values` holds the objective by epoch.
        """
        ...
