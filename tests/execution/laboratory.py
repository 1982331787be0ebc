"""Studies on `simulated` training with a clock of our own."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.execution import launch
from hpsearch.execution.coordinator import Coordinator
from hpsearch.execution.executor import Slot
from hpsearch.execution.inline import InlineExecutor
from hpsearch.execution.limits import End
from hpsearch.execution.messages import EpochDone, Event, SlotLost
from hpsearch.execution.opening import open_space
from hpsearch.execution.progress import Nobody
from hpsearch.execution.records import Records
from hpsearch.execution.setting import Setting
from hpsearch.search.registry import make_backend
from hpsearch.space import Space
from hpsearch.storage import Store, open_store
from hpsearch.study import StudyState, Trial

SIMULATED: dict[str, Any] = {
    "study": "simulated",
    "seed": 7,
    "parameters": {
        "units": {"type": "int", "min": 16, "max": 128, "step": 16},
        "activation": ["relu", "tanh", "leaky_relu"],
        "alpha": {"type": "float", "min": 0.1, "max": 0.3, "step": 0.1, "when": {"activation": "leaky_relu"}},
        "rate": {"type": "float", "min": 1e-4, "max": 1e-1, "scale": "log"},
    },
    "training": {"trainer": "simulated", "epochs": 4},
    "search": {"backend": "random", "max_trials": 12},
}


class VirtualExecutor(InlineExecutor):
    """Runs jobs in this process; random durations, on a clock that it moves itself, decide which slot speaks next."""

    def __init__(self, slots: Sequence[Slot], durations: random.Random) -> None:
        super().__init__(slots)
        self.now = 0.0
        self._durations = durations
        self._due: list[tuple[float, int]] = []
        self._scheduled: set[int] = set()

    def wait(self, timeout_seconds: float) -> Sequence[Event]:
        for index, running in self._jobs.items():
            if running.has_work and index not in self._scheduled:
                heapq.heappush(self._due, (self.now + self._durations.uniform(0.1, 3.0), index))
                self._scheduled.add(index)
        if not self._due:
            self.now += timeout_seconds
            return ()
        self.now, index = heapq.heappop(self._due)
        self._scheduled.discard(index)
        running = self._jobs.get(index)
        if running is None or not running.has_work:
            return ()
        events = running.step()
        if running.ended:
            del self._jobs[index]
        return events


class PowerCut(Exception):
    """The coordinator's process ends here."""


class FailingExecutor(VirtualExecutor):
    """Loses workers at random moments; after so many words people interrupt the search, or its process ends."""

    def __init__(
        self,
        slots: Sequence[Slot],
        durations: random.Random,
        losses: float = 0.0,
        cut_after: int | None = None,
        interrupt_after: int | None = None,
    ) -> None:
        super().__init__(slots, durations)
        self.interrupt: Callable[[End], None] = lambda end: None
        self._losses = losses
        self._cut_after = cut_after
        self._interrupt_after = interrupt_after
        self._words = 0

    def wait(self, timeout_seconds: float) -> Sequence[Event]:
        if self._interrupt_after is not None and self._words >= self._interrupt_after:
            self._interrupt_after = None
            self.interrupt(End.INTERRUPTED)
            return ()
        events: list[Event] = list(super().wait(timeout_seconds))
        self._words += len(events)
        if self._cut_after is not None and self._words >= self._cut_after:
            raise PowerCut
        for event in list(events):
            if isinstance(event, EpochDone) and self._durations.random() < self._losses:
                for index, running in list(self._jobs.items()):
                    if running.job.trial == event.trial:
                        del self._jobs[index]
                        events.append(SlotLost(index, running.job.trial, running.job.attempt, "killed"))
        return events


class Laboratory:
    """Runs studies in one database, which stays open in between."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "studies.db"
        self.folder = folder
        self.checkpoint_seconds = 30.0
        self._was_killed = False
        self._store: Store | None = None

    def close(self) -> None:
        """Close the database."""
        if self._store is not None:
            self._store.close()

    def space(self, **sections: Any) -> Space:
        """The simulated space with some sections replaced."""
        return open_space({**SIMULATED, **sections})

    def run(
        self,
        space: Space,
        *,
        name: str = "simulated",
        slots: int = 1,
        lag: int | None = None,
        durations: int = 0,
        losses: float = 0.0,
        cut_after: int | None = None,
        keep_best: int = 0,
        interrupt_after: int | None = None,
        executor: FailingExecutor | None = None,
    ) -> End:
        """Run or go on with a study; PowerCut where `cut_after` words of workers have come."""
        seats = [Slot(index) for index in range(slots)]
        executor = executor or FailingExecutor(seats, random.Random(durations), losses, cut_after, interrupt_after)
        store = self._open()
        if store.has_study(name):
            study = store.study(name)
        else:
            study = launch.create(store, space, name, slots=slots, threads=1, onednn=True)
        was_killed, self._was_killed = self._was_killed, False
        if lag is not None:
            study = replace(study, lag=lag)
        with store.claim(study.id) as lease:
            coordinator = Coordinator(
                study=study,
                space=space,
                backend=make_backend(space.parameters, space.search, study.objective, space.epochs, study.seed),
                executor=executor,
                records=Records(store, store.writer(lease), study, store.artifacts_dir(study.id), lambda: executor.now),
                count_parameters=None,
                setting=Setting(keep_best=keep_best, checkpoint_seconds=self.checkpoint_seconds),
                observer=Nobody(),
                clock=lambda: executor.now,
                unsaid=study.error if study.state is StudyState.FAILED and was_killed else None,
            )
            executor.interrupt = coordinator.stop
            try:
                return coordinator.run()
            except PowerCut:
                self._was_killed = True
                raise

    def trials(self, name: str = "simulated") -> list[Trial]:
        """All rows."""
        study = self._open().study(name)
        return self._open().trials(study.id, with_values=study.objective.metric)

    def table(self, name: str = "simulated") -> list[tuple[Any, ...]]:
        """What must be the same whatever happens on the way."""
        return [
            (
                trial.number,
                dict(trial.parameters),
                trial.bracket,
                trial.rung,
                trial.parent,
                trial.epochs,
                trial.epochs_done,
                trial.state.value,
                trial.value,
                dict(trial.values),
                trial.seed,
                trial.known,
                trial.told,
            )
            for trial in self.trials(name)
        ]

    def checkpoints(self, name: str = "simulated") -> list[int]:
        """The trials that have a checkpoint; each one's file is there and no other is."""
        with open_store(self.database) as store:
            study = store.study(name)
            noted = store.artifacts(study.id, kind="checkpoint")
            folder = store.artifacts_dir(study.id)
        files = set((folder / "checkpoints").glob("*"))
        assert files == {folder / artifact.path for artifact in noted}
        return sorted(artifact.trial for artifact in noted if artifact.trial is not None)

    def store(self) -> Store:
        """For looking closer."""
        return open_store(self.database)

    def _open(self) -> Store:
        if self._store is None:
            self._store = open_store(self.database, create=True)
        return self._store
