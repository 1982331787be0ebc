"""What is asked and what happened, as plain frozen dataclasses."""

from hpsearch.study.objective import Direction, Objective
from hpsearch.study.seeds import derive_seed
from hpsearch.study.study import Order, Study, StudyState
from hpsearch.study.trial import (
    COORDINATOR_ENDED,
    LEGAL_MOVES,
    Attempt,
    AttemptOutcome,
    ErrorKind,
    Parameters,
    ParameterValue,
    Trial,
    TrialState,
    reason,
)

__all__ = [
    "COORDINATOR_ENDED",
    "LEGAL_MOVES",
    "Attempt",
    "AttemptOutcome",
    "Direction",
    "ErrorKind",
    "Objective",
    "Order",
    "ParameterValue",
    "Parameters",
    "Study",
    "StudyState",
    "Trial",
    "TrialState",
    "derive_seed",
    "reason",
]
