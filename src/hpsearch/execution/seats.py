"""Which slot works at which attempt, what was asked of it, and whose words still count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.health import DEATHS, Health
from hpsearch.execution.messages import EpochDone, Job, LastWord, SlotLost, Word
from hpsearch.execution.seating import Waiting
from hpsearch.study import reason


@dataclass(slots=True)
class Seat:
    """A slot and the attempt that it works at."""

    slot: Slot
    trial: int
    attempt: int
    waited: Waiting  # as what it waited for the slot
    since: float  # clock of the last sign of progress
    granted: int = 0  # epochs asked for and not yet reported
    stopping: bool = False  # asked to stop after its epoch
    met_target: bool = False  # and that is why: its trial is complete then
    closed: bool = False  # the attempt is closed; the slot is only waited for
    started: bool = False  # the data are loaded and the model is built
    peak: int | None = None  # bytes of memory that its worker had at most, as far as it has said


class Seats:
    """The slots of an executor. Orders to workers wait here until what they follow from is written (`send`).

    Args:
        executor: an open one.
        clock: seconds, for overdue epochs.
    """

    def __init__(self, executor: Executor, clock: Callable[[], float]) -> None:
        self._executor = executor
        self._clock = clock
        self._seats: dict[int, Seat] = {}  # by slot index
        self._orders: list[Callable[[], None]] = []
        self._health = Health()
        self._compiled: dict[int, set[str]] = {}  # by slot index

    def __len__(self) -> int:
        return len(self._seats)

    def __iter__(self) -> Iterator[Seat]:
        return iter(list(self._seats.values()))

    @property
    def slots(self) -> Sequence[Slot]:
        """All that have not been closed, busy or not."""
        return self._executor.slots

    @property
    def has_orders(self) -> bool:
        """Whether a worker waits to hear something."""
        return bool(self._orders)

    @property
    def free(self) -> list[Slot]:
        """Slots with nothing to do."""
        return [slot for slot in self._executor.slots if slot.index not in self._seats]

    @property
    def busy(self) -> Mapping[int, Waiting]:
        """As what the others' jobs waited, by slot index."""
        return {index: seat.waited for index, seat in self._seats.items()}

    @property
    def compiled(self) -> Mapping[int, Collection[str]]:
        """The structures that each slot's worker has had, by slot index; only it knows which it has forgotten."""
        return self._compiled

    def seat(self, slot: Slot, job: Job, waited: Waiting) -> Seat:
        """Give `job`, and the epochs that it is granted, to a free slot."""
        self._orders.append(lambda: self._executor.submit(slot, job))
        seat = Seat(slot, job.trial, job.attempt, waited, since=self._clock(), granted=job.granted)
        self._seats[slot.index] = seat
        if waited.structure is not None:
            self._compiled.setdefault(slot.index, set()).add(waited.structure)
        return seat

    def advance(self, seat: Seat, epochs: int) -> None:
        """Ask for more epochs."""
        seat.granted += epochs
        self._orders.append(lambda: self._executor.advance(seat.slot, epochs))

    def stop(self, seat: Seat) -> None:
        """Ask for an end after the present epoch, with a checkpoint; once is enough."""
        if not seat.stopping and not seat.closed:
            seat.stopping = True
            self._orders.append(lambda: self._executor.stop(seat.slot, checkpoint=True))

    def close(self, seat: Seat) -> None:
        """Listen no more to an attempt that has been closed; its slot is free when its worker has ended it."""
        seat.closed = True
        self._orders.append(lambda: self._executor.stop(seat.slot, checkpoint=False))

    def speaker(self, event: Word) -> Seat | None:
        """The seat that `event` comes from, for whom this is progress; None for the late word of a lost attempt.

        A seat is left at its last word.
        """
        for seat in self._seats.values():
            if (seat.trial, seat.attempt) == (event.trial, event.attempt):
                seat.since, seat.started = self._clock(), True
                if isinstance(event, EpochDone):
                    seat.peak = event.peak_memory_bytes
                    self._health.epoch(seat.slot.index)
                if isinstance(event, LastWord):
                    del self._seats[seat.slot.index]
                return seat
        return None

    def lose(self, event: SlotLost) -> tuple[Seat | None, str | None]:
        """The seat of a slot whose worker is gone, left now; and what to say where the slot is closed for it."""
        seat = self._seats.pop(event.slot, None)
        self._compiled.pop(event.slot, None)
        return seat, self.judge(event.slot, seat.trial if seat is not None else None, event.error)

    def judge(self, index: int, trial: int | None, error: str) -> str | None:
        """Close a slot if its workers only die, the last one at `trial`; then what to say."""
        slot = next((slot for slot in self._executor.slots if slot.index == index), None)
        if slot is None or not self._health.death(index, trial):
            return None
        self._executor.retire(slot)
        return (
            f"slot {index} is closed: its worker died {DEATHS} times before it finished an epoch, last: {reason(error)}"
        )

    def trust(self, slots: Iterable[int]) -> None:
        """These slots have worked before, by the rows."""
        for index in slots:
            self._health.epoch(index)

    def seconds_since_progress(self, seat: Seat) -> float:
        """How long a seat has been silent."""
        return self._clock() - seat.since

    def kill(self, seat: Seat) -> None:
        """End a seat's worker, whatever it does."""
        del self._seats[seat.slot.index]
        self._compiled.pop(seat.slot.index, None)
        self._orders.append(lambda: self._executor.kill(seat.slot))

    def send(self) -> None:
        """Let the workers hear what was decided."""
        orders, self._orders = self._orders, []
        for order in orders:
            order()
