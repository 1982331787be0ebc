"""What has gone wrong with a trial or a retrain so far, and whether it gets another attempt."""

from __future__ import annotations

from dataclasses import dataclass

from hpsearch.study import ErrorKind

LOST_IN_A_ROW = 3  # workers lost at one trial with no epoch finished between
OUT_OF_MEMORY = 1  # times that a trial survives


@dataclass(slots=True)
class Mishaps:
    """Counts of one trial; an epoch that finishes clears those of lost workers."""

    errors: int = 0  # for `retries`
    ooms: int = 0
    losses: int = 0  # lost workers since an epoch finished
    lost_on: frozenset[int] = frozenset()  # in these slots, as far as this coordinator saw
    has_lost_a_worker: bool = False  # ever: then each epoch gets a checkpoint, so that one that finishes is progress

    def epoch(self) -> None:
        """An epoch has finished."""
        self.losses, self.lost_on = 0, frozenset()

    def may_retry(self, kind: ErrorKind, retries: int, slot: int | None = None) -> bool:
        """Whether there is another attempt after an error; where a worker hung in `slot`, better elsewhere.

        A divergence would only come again. What ran out of memory is tried once more, alone on its device, whatever
        `retries` says.
        """
        if slot is not None:
            self.lost_on |= {slot}
        if kind is ErrorKind.OOM:
            self.ooms += 1
            return self.ooms <= OUT_OF_MEMORY
        self.errors += 1
        return kind is not ErrorKind.NAN and self.errors <= retries

    def may_go_on_after_loss(self, slot: int) -> bool:
        """Whether there is another attempt after a lost worker."""
        self.losses += 1
        self.lost_on |= {slot}
        self.has_lost_a_worker = True
        return self.losses < LOST_IN_A_ROW

    def forgive(self) -> None:
        """It was the slot's fault, which is closed now."""
        self.losses, self.lost_on, self.has_lost_a_worker = 0, frozenset(), True
