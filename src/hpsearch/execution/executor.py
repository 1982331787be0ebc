"""The seam between the coordinator and whatever runs its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hpsearch.execution.messages import Event, Job


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that runs one job at a time.

    Attributes:
        index: from 0.
        gpu: its device, as CUDA_VISIBLE_DEVICES names it; None hides every GPU, all such slots share the processor.
        threads: CPU threads of its worker.
        gpu_memory_bytes: what its worker may take of a GPU that it shares; None lets it take what it needs.
    """

    index: int
    gpu: str | None = None
    threads: int = 1
    gpu_memory_bytes: int | None = None


class Executor(Protocol):
    """Slots that run jobs. One owner calls it from one thread; nothing here decides what is run."""

    @property
    def slots(self) -> Sequence[Slot]:
        """All slots that have not been closed, busy or not."""
        ...

    def open(self) -> None:
        """Start the workers; they get ready while the owner goes on."""
        ...

    def submit(self, slot: Slot, job: Job) -> None:
        """Give `job` to a free slot. It loads, builds and then waits for `advance`.

        One that runs alone needs all slots of its device free.
        """
        ...

    def advance(self, slot: Slot, epochs: int = 1, checkpoint: bool = False) -> None:
        """Let the slot's job train `epochs` more; with `checkpoint`, keep one after the last of them."""
        ...

    def stop(self, slot: Slot, checkpoint: bool) -> None:
        """End the slot's job after its present epoch. Finished follows."""
        ...

    def kill(self, slot: Slot) -> None:
        """End the slot's worker now, whatever it does. The next `submit` starts another; no event follows."""
        ...

    def retire(self, slot: Slot) -> None:
        """Close a free slot for good: its workers only die."""
        ...

    def wait(self, timeout_seconds: float) -> Sequence[Event]:
        """What has happened since the last call; waits until something has, at most `timeout_seconds`."""
        ...

    def close(self) -> None:
        """End all workers and wait until they are gone."""
        ...
