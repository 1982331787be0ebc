"""One study: a question, how it is asked, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from hpsearch.study.objective import Objective


class StudyState(StrEnum):
    """Where a study is in its life."""

    RUNNING = "running"
    STOPPED = "stopped"  # asked to stop, or interrupted; `run` goes on
    COMPLETE = "complete"
    FAILED = "failed"


class Order(StrEnum):
    """In which order ended trials are told to the search backend."""

    NUMBER = "number"  # by number: the table is a function of file, seed and lag
    FINISHED = "finished"  # as they finish


@dataclass(frozen=True, slots=True)
class Study:
    """A study as its row says."""

    id: int
    name: str
    description: str
    state: StudyState
    seed: int
    objective: Objective
    yaml: str  # the file as it was given
    resolved: Mapping[str, Any]  # the same in full: defaults, --set values; itself a valid space
    hash: str  # of what decides trials
    backend: str  # search backend's name
    order: Order
    lag: int
    threads: int  # a worker's, fixed when the study was created
    deterministic: bool
    onednn: bool
    versions: Mapping[str, str]
    created_at: datetime
    finished_at: datetime | None = None
    coordinator_seconds: float = 0.0  # time that coordinators ran, over all restarts
    error: str | None = None  # why it failed
