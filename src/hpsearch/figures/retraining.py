"""Which retraining a figure shows, and how it and its classes are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import plain
from hpsearch.storage import EvaluationRecord
from hpsearch.wording import counted

_KEPT = "kept"  # the role of a retraining that took the weights of the search as they were
_LONGEST_NAME = 24  # of a class, beside an axis


def chosen(rows: StudyRows, evaluation: int | None) -> EvaluationRecord | None:
    """The retraining with the id `evaluation`, or `StudyRows.last_retraining`; None where there is none.

    KeyError for an id that is not of a retraining that has ended well.
    """
    if evaluation is None:
        return rows.last_retraining
    return {found.id: found for found in rows.evaluations}[evaluation]


def is_kept(retraining: EvaluationRecord) -> bool:
    """Whether nothing was trained anew: the weights of the search were tested."""
    return retraining.role == _KEPT


def is_simulated(retraining: EvaluationRecord) -> bool:
    """Whether there was no model and no image."""
    return bool(retraining.configuration.get("training", {}).get("trainer") == "simulated")


def snapshot_epochs(retraining: EvaluationRecord) -> tuple[int, ...]:
    """The epochs after which the members of an ensemble were taken: the ends of equal cycles."""
    training = retraining.configuration.get("training", {})
    if not retraining.members or not training.get("snapshots"):
        return ()
    length = int(training["epochs"]) // int(training["snapshots"]["count"])
    return tuple(length * (place + 1) for place in range(len(retraining.members)))


def why_none(retraining: EvaluationRecord | None) -> str:
    """Why there are no scores by class, as a sentence."""
    if retraining is None:
        return "No model of this study has been retrained and tested yet."
    if is_simulated(retraining):
        return "Simulated training has no test images, so there are no scores by class."
    return "The data set has no test labels, so there are no scores by class."


def in_words(retraining: EvaluationRecord) -> str:
    """What was tested, or will be: ``Trial 21, retrained for 20 epochs (the first of 2 repeats)``."""
    if is_kept(retraining):
        return f"Trial {retraining.trial}, with the weights that the search has kept"
    epochs = retraining.epochs_done
    if retraining.finished_at is None:
        trained = f"{epochs} of {counted(retraining.epochs, 'epoch')} so far"
    else:
        trained = counted(epochs, "epoch")
    return f"Trial {retraining.trial}, retrained for {trained}{_which(retraining)}"


def _which(retraining: EvaluationRecord) -> str:
    """Which repeat it is, in brackets; nothing where it is the only one."""
    if retraining.repeat > 1:
        return f" (repeat {retraining.repeat})"
    return f" (the first of {retraining.repeats} repeats)" if retraining.repeats > 1 else ""


def axis_labels(names: Sequence[str]) -> list[str]:
    """A text for each class that no other one has, short enough to stand beside an axis, as Plotly shows it."""
    cut = [shortened(name, _LONGEST_NAME) for name in names]
    alike = Counter(cut)
    return [plain(f"{name} ({label})" if alike[name] > 1 else name) for label, name in enumerate(cut)]


def shortened(name: str, longest: int) -> str:
    """A name of at most `longest` characters; where some are left out it says so."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
