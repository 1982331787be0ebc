"""Jobs in the calling process, one step at a time: for a debugger and for tests."""

from __future__ import annotations

from collections.abc import Sequence

from hpsearch.execution.executor import Slot
from hpsearch.execution.messages import Advance, Event, Job, Stop
from hpsearch.execution.running import Identity, RunningJob
from hpsearch.training.registry import make_trainer


class InlineExecutor:
    """Slots that take turns in this process."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots: Sequence[Slot] = tuple(slots)
        self._jobs: dict[int, RunningJob] = {}
        self._turn = 0

    def open(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        """Forget whatever runs."""
        self._jobs.clear()

    def submit(self, slot: Slot, job: Job) -> None:
        """Give `job` to a free slot."""
        self._jobs[slot.index] = RunningJob(
            job, lambda job: make_trainer(job.task), lambda: Identity.of_this_process("inline", "CPU")
        )

    def advance(self, slot: Slot, epochs: int = 1, checkpoint: bool = False) -> None:
        """Let the slot's job train `epochs` more."""
        running = self._jobs.get(slot.index)
        if running is not None:
            running.obey(Advance(running.job.trial, running.job.attempt, epochs, checkpoint))

    def stop(self, slot: Slot, checkpoint: bool) -> None:
        """End the slot's job at its next turn."""
        running = self._jobs.get(slot.index)
        if running is not None:
            running.obey(Stop(running.job.trial, running.job.attempt, checkpoint))

    def kill(self, slot: Slot) -> None:
        """Forget the slot's job."""
        self._jobs.pop(slot.index, None)

    def retire(self, slot: Slot) -> None:
        """Leave the slot out from now on."""
        self.kill(slot)
        self.slots = tuple(other for other in self.slots if other != slot)

    def wait(self, timeout_seconds: float) -> Sequence[Event]:
        """Take the next step of the slot whose turn it is; slots with nothing to do are passed over."""
        indices = sorted((slot.index for slot in self.slots), key=lambda index: (index < self._turn, index))
        for index in indices:
            running = self._jobs.get(index)
            if running is not None and running.has_work:
                self._turn = index + 1
                events = running.step()
                if running.ended:
                    del self._jobs[index]
                return events
        return ()
