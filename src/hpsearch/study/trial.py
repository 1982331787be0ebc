"""One trial of a study, the attempts at it, and the legal moves between its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

ParameterValue = str | int | float | bool | None
Parameters = Mapping[str, ParameterValue]  # active parameters only; an inactive one is absent
COORDINATOR_ENDED = "the coordinator ended"  # the error of an attempt that it left open, and the next one closed


class TrialState(StrEnum):
    """Where a trial is in its life."""

    WAITING = "waiting"  # proposed and written, not yet in a slot (or back from one, to go on from its checkpoint)
    RUNNING = "running"
    COMPLETE = "complete"  # trained its epochs, or ended early by early stopping or the study's target
    PRUNED = "pruned"
    FAILED = "failed"
    INVALID = "invalid"  # the model cannot be built or breaks a constraint; never trained

    @property
    def is_ended(self) -> bool:
        """Whether nothing more happens to a trial in this state."""
        return self not in (TrialState.WAITING, TrialState.RUNNING)


LEGAL_MOVES: Mapping[TrialState, frozenset[TrialState]] = MappingProxyType(
    {
        # a promotion whose parent failed or stopped early ends without ever running
        TrialState.WAITING: frozenset({TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAILED}),
        TrialState.RUNNING: frozenset({TrialState.WAITING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED}),
        TrialState.COMPLETE: frozenset(),
        TrialState.PRUNED: frozenset(),
        TrialState.FAILED: frozenset(),
        TrialState.INVALID: frozenset(),
    }
)


class ErrorKind(StrEnum):
    """Why a trial or an attempt failed."""

    ERROR = "error"  # an exception; its traceback is stored
    NAN = "nan"  # the loss became NaN or infinite
    OOM = "oom"
    LOST = "lost"  # the worker died
    TIMEOUT = "timeout"
    PARENT_FAILED = "parent_failed"  # a promotion of a failed trial
    INVALID = "invalid"  # the text says which rule or layer


class AttemptOutcome(StrEnum):
    """How one attempt at a trial ended."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    STOPPED = "stopped"  # asked to stop; goes on later from its checkpoint
    ERROR = "error"
    NAN = "nan"
    OOM = "oom"
    LOST = "lost"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run of one study, as its row says."""

    number: int  # 0, 1, 2, ... within the study
    state: TrialState
    parameters: Parameters
    epochs: int  # to be finished in all, the parent's included
    seed: int
    epochs_done: int = 0  # finished so far, the parent's included
    parent: int | None = None  # number of the trial whose last epoch this one continues
    bracket: int | None = None  # Hyperband's s as in the paper: the largest halves most
    rung: int | None = None  # 0 has the smallest budget
    known: int = 0  # how many trials had been told to the backend when this one was proposed
    told: int | None = None  # place in the order of telling, from 0; None while the backend takes it for running
    value: float | None = None  # best objective over its epochs, the parent's included; as measured
    last_value: float | None = None
    best_epoch: int | None = None
    model_parameters: int | None = None  # Keras's count_params() of the built model
    seconds: float = 0.0  # training time over all attempts, the parent's left out
    error_kind: ErrorKind | None = None
    error: str | None = None  # whole traceback, or one sentence where there is none
    backend_state: Mapping[str, Any] = field(default_factory=dict)  # JSON that the backend needs again
    values: Mapping[int, float] = field(default_factory=dict)  # own epochs -> objective, where they were loaded
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a trial, by one worker."""

    trial: int
    attempt: int  # 1, 2, ... within the trial
    worker: str
    host: str
    device: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    from_epoch: int = 0  # epochs finished in the checkpoint that it started from
    peak_memory_bytes: int | None = None
    error: str | None = None


def reason(error: str) -> str:
    """The line of a recorded error that names it: the last of a traceback, else the first."""
    lines = error.strip().splitlines() or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
