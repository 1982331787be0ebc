"""The coordinator's side of the database: what has been decided is gathered here and written in one transaction."""

from __future__ import annotations

import contextlib
import platform
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hpsearch.execution.checkpoint_files import CHECKPOINT
from hpsearch.execution.messages import EpochDone, Saved, Started
from hpsearch.storage import Store, Write, Writer, remove_strays
from hpsearch.study import COORDINATOR_ENDED, Attempt, AttemptOutcome, Study, StudyState, Trial

_CHECKPOINT = "checkpoint"
_CHECKPOINTS = "checkpoints"  # the folder
_ERRORS = (AttemptOutcome.ERROR, AttemptOutcome.TIMEOUT)
_NO_WORKERS_DEATH = (COORDINATOR_ENDED, CHECKPOINT)  # how the errors of other lost attempts begin
_WELL = (AttemptOutcome.COMPLETE, AttemptOutcome.PRUNED, AttemptOutcome.STOPPED)
_SLOT = re.compile(r"slot-(\d+)")
_LOOK_SECONDS = 1.0  # how often people's requests are read, and the time that passed is written


@dataclass(frozen=True, slots=True)
class History:
    """What the rows say when a coordinator starts.

    Attributes:
        trials: all, with their own epochs' objectives.
        checkpoints: of each trial that has a file, by epoch.
        attempts: how many each trial has had that has not ended; errors, ooms and losses are of these trials too.
        errors: how many of them ended by an error, which `retries` counts.
        ooms: how many of them ran out of memory.
        losses: how many of them lost their worker since the trial's last epoch; the coordinator's own ends left out.
        have_lost_a_worker: trials that ever lost a worker so.
        worked: slots in which an attempt has come to its end, on this host.
    """

    trials: Sequence[Trial]
    checkpoints: Mapping[int, Sequence[Saved]] = field(default_factory=dict)
    attempts: Mapping[int, int] = field(default_factory=dict)
    errors: Mapping[int, int] = field(default_factory=dict)
    ooms: Mapping[int, int] = field(default_factory=dict)
    losses: Mapping[int, int] = field(default_factory=dict)
    have_lost_a_worker: frozenset[int] = frozenset()
    worked: frozenset[int] = frozenset()

    @property
    def epochs_trained(self) -> int:
        """Own epochs of all trials."""
        return sum(len(trial.values) for trial in self.trials)


class Records:
    """Reads a study's rows once, then writes what changes. Nothing reaches the database before `flush`.

    Args:
        store: for reading.
        writer: the study's, through its lease.
        study: its row.
        artifacts_dir: the study's folder of files.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        store: Store,
        writer: Writer,
        study: Study,
        artifacts_dir: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._writer = writer
        self._study = study
        self._artifacts_dir = artifacts_dir
        self._clock = clock
        self._journal: list[Callable[[Write], object]] = []
        self._saved: dict[str, tuple[int, Saved]] = {}  # new checkpoints by path, with their trial
        self._dropped: list[Path] = []
        self._looked_at = -_LOOK_SECONDS
        self._workers: set[str] = set()  # whose rows are written
        self._worker_of: dict[int, str] = {}  # who has each trial, or had it last
        self._worker_in: dict[str, str] = {}  # who works in each slot, or did last
        self._accounted_at = clock()
        self._seconds_before = study.coordinator_seconds

    @property
    def checkpoint_dir(self) -> Path:
        """Where workers write the checkpoints of trials."""
        return self._artifacts_dir / _CHECKPOINTS

    def load(self) -> History:
        """All rows that the search goes on from. Files that no row names, left by a crash, are removed."""
        trials = self._store.trials(self._study.id, with_values=self._study.objective.metric)
        checkpoints: dict[int, list[Saved]] = {}
        artifacts = self._store.artifacts(self._study.id, kind=_CHECKPOINT)
        remove_strays(self._artifacts_dir, _CHECKPOINTS, artifacts)
        for artifact in artifacts:
            assert artifact.trial is not None
            assert artifact.epoch is not None
            checkpoints.setdefault(artifact.trial, []).append(
                Saved(
                    epoch=artifact.epoch,
                    sha256=artifact.sha256,
                    size_bytes=artifact.size_bytes,
                    path=str(self._artifacts_dir / artifact.path),
                )
            )
        for saved in checkpoints.values():
            saved.sort(key=lambda one: one.epoch)
        attempts = self._store.attempts(self._study.id, of_ended=False)
        workers = self._store.workers_with(self._study.id, _WELL, host=platform.node())
        fruitful = self._store.last_fruitful_attempts(self._study.id)
        return History(
            trials,
            checkpoints,
            attempts=Counter(attempt.trial for attempt in attempts),
            errors=Counter(attempt.trial for attempt in attempts if attempt.outcome in _ERRORS),
            ooms=Counter(attempt.trial for attempt in attempts if attempt.outcome is AttemptOutcome.OOM),
            losses=Counter(
                attempt.trial
                for attempt in attempts
                if _lost_its_worker(attempt) and attempt.attempt >= fruitful.get(attempt.trial, 0)
            ),
            have_lost_a_worker=frozenset(attempt.trial for attempt in attempts if _lost_its_worker(attempt)),
            worked=frozenset(int(named[1]) for named in map(_SLOT.match, workers) if named is not None),
        )

    def remove_strays(self) -> None:
        """Remove checkpoint files that no row names: of workers that were killed before they could speak of them."""
        kept = self._store.artifacts(self._study.id, kind=_CHECKPOINT)
        remove_strays(self._artifacts_dir, _CHECKPOINTS, kept)

    # What changed --------------------------------------------------------------------------------------------

    def add_trial(self, trial: Trial) -> None:
        """A trial was proposed."""
        self._journal.append(lambda write: write.add_trial(trial))

    def move(self, trial: Trial) -> None:
        """A trial is in a new state; everything else of it is written along."""
        fields = _fields(trial) | {"backend_state": trial.backend_state}
        self._journal.append(lambda write: write.move(trial.number, trial.state, **fields))

    def told(self, number: int, place: int) -> None:
        """The backend has been told of a trial."""
        self._journal.append(lambda write: write.tell(number, place))

    def backend_state(self, trial: Trial) -> None:
        """What the backend needs again has changed."""
        self._journal.append(lambda write: write.progress(trial.number, backend_state=trial.backend_state))

    def open_attempt(self, number: int, slot: str, host: str, from_epoch: int) -> None:
        """A slot was given a trial; its worker has not spoken yet."""
        self._journal.append(lambda write: write.start_attempt(number, slot, host, "", from_epoch))

    def attempt_started(self, event: Started) -> None:
        """The worker has said who it is."""
        self._worker_of[event.trial] = event.worker
        if event.worker not in self._workers:
            self._workers.add(event.worker)
            slot = event.worker.rpartition("-")[0]
            before = self._worker_in.get(slot)
            self._worker_in[slot] = event.worker
            if before is not None:
                self._journal.append(lambda write: write.end_workers(before))
            self._journal.append(lambda write: write.add_worker(event.worker, event.host, event.device, event.pid))
        self._journal.append(
            lambda write: write.update_attempt(
                event.trial, event.attempt, worker=event.worker, host=event.host, device=event.device
            )
        )

    def close_attempt(
        self,
        number: int,
        attempt: int,
        outcome: AttemptOutcome,
        error: str | None = None,
        peak_memory_bytes: int | None = None,
    ) -> None:
        """An attempt has ended; from here on its worker's words change nothing."""
        self._journal.append(lambda write: write.end_attempt(number, attempt, outcome, error, peak_memory_bytes))

    def worker_gone(self, number: int) -> None:
        """The worker that had a trial is no more."""
        name = self._worker_of.pop(number, None)
        if name is not None:  # else it went before it had spoken
            self._journal.append(lambda write: write.end_workers(name))

    def epoch(self, trial: Trial, event: EpochDone) -> None:
        """An epoch has finished."""

        def write_epoch(write: Write) -> None:
            if write.record_epoch(event.trial, event.attempt, event.epoch, event.values, event.seconds):
                write.progress(trial.number, **_fields(trial))

        self._journal.append(write_epoch)

    def progress(self, trial: Trial) -> None:
        """A trial has come further, with no epoch of its own."""
        self._journal.append(lambda write: write.progress(trial.number, **_fields(trial)))

    def checkpoint(self, number: int, saved: Saved) -> None:
        """A worker has written a checkpoint."""
        if saved.path is not None:  # else of an executor in this process: it lives as long as we do
            self._saved[saved.path] = number, saved

    def drop_checkpoint(self, saved: Saved) -> None:
        """A checkpoint is needed no more: its row goes with the next transaction, the file after it."""
        if saved.path is None:
            return
        if self._saved.pop(saved.path, None) is None:
            name = self._name(saved.path)
            self._journal.append(lambda write: write.remove_artifact(name))
        self._dropped.append(Path(saved.path))

    def _name(self, path: str) -> str:
        return str(Path(path).relative_to(self._artifacts_dir))

    def study_failed(self, why: str) -> None:
        """The study has failed, which is written with what made it fail."""
        self._journal.append(lambda write: write.set_study_state(StudyState.FAILED, why))

    def event(self, kind: str, text: str) -> None:
        """Something for the study's log."""
        self._journal.append(lambda write: write.add_event(kind, text))

    def flush(self, *, last: bool = False) -> None:
        """Write everything since the last call, in one transaction, once a second (and at `last`) with the time.

        Raises LeaseLost, StorageFull.
        """
        now = self._clock()
        passed = now - self._accounted_at
        counts = passed >= _LOOK_SECONDS or last
        if self._journal or self._saved or counts:
            self._write(passed if counts else 0.0)
        if counts:
            self._accounted_at = now
            self._seconds_before += passed
        dropped, self._dropped = self._dropped, []
        for path in dropped:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _write(self, seconds: float) -> None:
        journal, self._journal = self._journal, []
        saved, self._saved = self._saved, {}
        with self._writer.transaction() as write:
            for change in journal:
                change(write)
            for path, (number, checkpoint) in saved.items():
                write.add_artifact(
                    _CHECKPOINT,
                    self._name(path),
                    checkpoint.sha256,
                    checkpoint.size_bytes,
                    trial=number,
                    epoch=checkpoint.epoch,
                )
            if seconds > 0:
                write.add_seconds(seconds)

    # What people ask -----------------------------------------------------------------------------------------

    def stop_requested(self) -> bool:
        """Whether someone has asked for a stop; looked up once a second, and closed when seen."""
        now = self._clock()
        if now - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = now
        asked = self._store.pending_actions(self._study.id)
        for action in asked:
            self._journal.append(partial(_mark_done, action.id))
        return bool(asked)

    def seconds_so_far(self) -> float:
        """Time that coordinators have run this study, this one included."""
        return self._seconds_before + self._clock() - self._accounted_at


def _mark_done(action: int, write: Write) -> None:
    write.mark_done(action)


def _lost_its_worker(attempt: Attempt) -> bool:
    return attempt.outcome is AttemptOutcome.LOST and not (attempt.error or "").startswith(_NO_WORKERS_DEATH)


def _fields(trial: Trial) -> dict[str, object]:
    return {
        "epochs_done": trial.epochs_done,
        "value": trial.value,
        "last_value": trial.last_value,
        "best_epoch": trial.best_epoch,
        "seconds": trial.seconds,
        "error_kind": trial.error_kind,
        "error": trial.error,
    }
