"""How much of a study is still to come, by its plan and its latest pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpsearch.study import StudyState
from hpsearch.wording import counted, duration

if TYPE_CHECKING:
    from hpsearch.storage import EvaluationRecord, Store, StudySummary


@dataclass(frozen=True, slots=True)
class Left:
    """What is known of the rest of a study.

    Attributes:
        planned_trials: in all; None where the space decides, as for a grid.
        planned_epochs: in all, if no trial ends early.
        seconds: of the search, left at the pace of the latest epochs; None where nobody searches, and where pace or
            plan are not known.
        retraining: the one that is under way, once the search has ended.
        is_run: whether a living coordinator has it: for its search, or to retrain the best of a complete one.
    """

    planned_trials: int | None
    planned_epochs: int | None
    seconds: float | None
    retraining: EvaluationRecord | None
    is_run: bool


def left_of(store: Store, study: StudySummary) -> Left:
    """The rest of a study. Pruning and early stopping end its search sooner."""
    trials, epochs = planned(study.resolved)
    is_run = store.is_run(study)
    retraining = store.retraining_underway(study.id) if is_run else None
    searches = is_run and study.state is StudyState.RUNNING and retraining is None
    pace = store.epochs_per_second(study.id) if searches else None
    seconds = None if not pace or epochs is None else max(0, epochs - study.epochs) / pace
    return Left(trials, epochs, seconds, retraining, is_run)


def time_left(state: StudyState, left: Left) -> str:
    """The same for people."""
    if (now := left.retraining) is not None:
        return f"retraining trial {now.trial}: {now.epochs_done} of {counted(now.epochs, 'epoch')}"
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
