"""How much of a search is still to come, by its plan and its latest pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpsearch.study import StudyState
from hpsearch.wording import duration

if TYPE_CHECKING:
    from hpsearch.storage import Store, StudySummary


@dataclass(frozen=True, slots=True)
class Left:
    """What is known of the rest of a search.

    Attributes:
        planned_trials: in all; None where the space decides, as for a grid.
        planned_epochs: in all, if no trial ends early.
        seconds: left at the pace of the latest epochs; None for a study that nobody runs, or whose pace or plan is
            not known.
        is_run: whether a living coordinator has it: for its search, or to retrain the best of a complete one.
    """

    planned_trials: int | None
    planned_epochs: int | None
    seconds: float | None
    is_run: bool


def left_of(store: Store, study: StudySummary) -> Left:
    """The rest of a study's search. Pruning and early stopping end it sooner."""
    resolved = store.study(study.name).resolved
    trials, epochs = planned(resolved)
    is_run = study.coordinator is not None and store.is_running(study.id)
    pace = store.epochs_per_second(study.id) if is_run and study.state is StudyState.RUNNING else None
    seconds = None if not pace or epochs is None else max(0, epochs - study.epochs) / pace
    return Left(trials, epochs, seconds, is_run)


def time_left(state: StudyState, left: Left) -> str:
    """The same for people."""
    if state is not StudyState.RUNNING:
        return "-"
    if not left.is_run:
        return "nobody runs it now; `hpsearch run` goes on"
    return "not known yet" if left.seconds is None else f"about {duration(left.seconds, decimals=0)}"


def planned(resolved: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Trials and epochs of a search by its resolved file; None where the space decides.

    The space is not opened for it, so a Hyperband over a space with few configurations may end sooner.
    """
    search = resolved.get("search") or {}
    if search.get("backend") == "hyperband" and "max_epochs" in search:
        from hpsearch.search.plan import hyperband_brackets

        brackets = hyperband_brackets(int(search["max_epochs"]), int(search.get("factor", 3)))
        rungs = [rung for bracket in brackets for rung in bracket.rungs]
        iterations = int(search.get("iterations", 1))
        return iterations * sum(rung.trials for rung in rungs), iterations * sum(rung.trained_epochs for rung in rungs)
    trials = search.get("max_trials")
    epochs = (resolved.get("training") or {}).get("epochs")
    if trials is None:
        return None, None
    return int(trials), None if epochs is None else int(trials) * int(epochs)
