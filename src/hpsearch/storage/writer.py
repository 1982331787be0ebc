"""What a coordinator writes: several writes in one transaction that first checks the lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from hpsearch.storage.evaluation_writes import EvaluationWrites
from hpsearch.storage.leases import Lease
from hpsearch.storage.study_writes import KnownTrial
from hpsearch.storage.trial_writes import TrialWrites


class Writer:
    """Writes one study. Only the holder of its lease has one, in one thread."""

    def __init__(self, engine: Engine, lease: Lease) -> None:
        self._engine = engine
        self._lease = lease
        # nobody else writes these rows while the lease is ours, so what was once read need not be read again
        self._trials: dict[int, KnownTrial] = {}

    @contextmanager
    def transaction(self) -> Iterator[Write]:
        """All writes of the block, or none of them.

        Raises LeaseLost where another coordinator has the study by now, StorageFull where the disk has no room.
        """
        try:
            with self._engine.begin() as connection:
                self._lease.require(connection)
                write = Write(connection, self._lease.study_id, self._trials)
                yield write
                write.flush()
        except BaseException:
            self._trials.clear()  # it may hold what was rolled back
            raise


class Write(TrialWrites, EvaluationWrites):
    """The writes of one transaction."""
