"""The winners, trained to full epochs with seeds of their own (or taken as they are), then tested once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from hpsearch.execution.ends import Ends
from hpsearch.execution.executor import Executor
from hpsearch.execution.jobs import JobRunner
from hpsearch.execution.limits import ran_its_budget
from hpsearch.execution.messages import EpochDone, Event, Finished, Job, Saved, Started
from hpsearch.execution.setting import Setting
from hpsearch.report.choosing import last_checkpoint
from hpsearch.space import Space
from hpsearch.space.configuration import Configuration
from hpsearch.space.values import Plain
from hpsearch.storage import Artifact, EvaluationRecord, Store, Writer, remove_strays, write_artifact
from hpsearch.study import ErrorKind, Study, Trial, derive_seed, reason
from hpsearch.training.schedules import make_schedule
from hpsearch.training.task import Task

log = logging.getLogger(__name__)

RETRAINED = "retrained"  # trained anew
KEPT = "kept"  # the weights that the search has kept, as they are

_CHECKPOINT = "retrain_checkpoint"
_CHECKPOINTS = "retrains"  # the folder
_NEWS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One retrain that should exist: a trial, a repeat, what is trained and how."""

    trial: Trial
    repeat: int  # from 1
    role: str
    configuration: Configuration
    seed: int

    @property
    def epochs(self) -> int:
        """Epochs to train."""
        return self.trial.epochs_done if self.role == KEPT else int(self.configuration.training["epochs"])

    def is_what(self, record: EvaluationRecord) -> bool:
        """Whether `record` is this retrain, finished or not."""
        return (
            (record.trial, record.repeat, record.role, record.seed)
            == (self.trial.number, self.repeat, self.role, self.seed)
            and record.configuration == asdict_plain(self.configuration)
            and record.error is None
        )


def asdict_plain(configuration: Configuration) -> dict[str, Plain]:
    """A configuration as the JSON that is stored."""
    return {**asdict(configuration), "layers": list(configuration.layers)}


def what_is_wanted(
    store: Store,
    study: Study,
    space: Space,
    chosen: Sequence[Trial],
    *,
    epochs: int | None = None,
    repeats: int | None = None,
) -> list[Wanted]:
    """The retrains that the `retrain` section (or a person's `epochs`, `repeats`) asks of the chosen trials.

    Where they would change nothing but the seed, the weights that the search has kept are wanted, if it has.

    Raises:
        ConfigError: `epochs` that the cycles of the learning rate do not divide.
    """
    wanted = []
    changes = space.retrain.changes or epochs is not None or repeats is not None
    records = store.evaluations(study.id, finished=True)
    for trial in chosen:
        if not changes and ran_its_budget(trial, space.epochs_of(trial.parameters), space.limits, study.objective):
            kept = Wanted(trial, 1, KEPT, space.configuration(trial.parameters), trial.seed)
            if any(kept.is_what(record) for record in records) or last_checkpoint(store, study, trial) is not None:
                wanted.append(kept)
                continue
        configuration = space.retrain_configuration(trial.parameters, trial.best_epoch)
        if epochs is not None:
            make_schedule(configuration.training.get("learning_rate_schedule"), epochs)  # may refuse them
            configuration = replace(configuration, training={**configuration.training, "epochs": epochs})
        for repeat in range(1, (repeats or space.retrain.repeats) + 1):
            seed = derive_seed(study.seed, "retrain", repeat)
            wanted.append(Wanted(trial, repeat, RETRAINED, configuration, seed))
    return wanted


class Retraining:
    """Runs retrains and writes what they give.

    Args:
        study: its row.
        space: what it asked.
        store: for reading.
        writer: the study's, through its lease.
        executor: an open one, free.
        setting: folders, and how often a checkpoint is made.
        show: is given one line of news at a time.

    Attributes:
        failed: how many retrains ended without a model.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        store: Store,
        writer: Writer,
        executor: Executor,
        setting: Setting,
        show: Callable[[str], None],
    ) -> None:
        self._study = study
        self._space = space
        self._store = store
        self._writer = writer
        self._setting = setting
        self._show = show
        self._folder = store.artifacts_dir(study.id)
        self._wanted: dict[int, Wanted] = {}  # by evaluation id, which is the job's `trial`
        self._devices: dict[int, str] = {}
        self._checkpoints: dict[int, list[str]] = {}  # paths of the last two, the last one last
        self._before: dict[int, Saved] = {}
        self._shown_at = 0.0
        self.failed = 0
        self._runner = JobRunner(
            executor,
            space.limits.retries,
            Ends(space.limits, study.objective),
            self._stop_requested,
            self._take,
            self._fail,
        )

    def stop(self) -> None:
        """End after the present epochs, with checkpoints. Safe to call from a signal handler."""
        self._runner.stop()

    def run(self, wanted: Sequence[Wanted]) -> bool:
        """Do what of `wanted` is not done yet; False where `stop` came before the end."""
        records = self._store.evaluations(self._study.id)
        kept = self._store.artifacts(self._study.id, kind=_CHECKPOINT)
        remove_strays(self._folder, _CHECKPOINTS, kept)
        jobs = []
        self._before = {}
        for want in wanted:
            same = [record for record in records if want.is_what(record)]
            if any(record.finished_at is not None for record in same):
                continue
            jobs.append(self._job(want, same[-1].id if same else None))
        self._forget_superseded(kept, records, wanted)
        ended = self._runner.run(jobs, self._before)
        remove_strays(self._folder, _CHECKPOINTS, self._store.artifacts(self._study.id, kind=_CHECKPOINT))
        return ended

    def _forget_superseded(
        self, kept: Sequence[Artifact], records: Sequence[EvaluationRecord], wanted: Sequence[Wanted]
    ) -> None:
        """Let go of checkpoints of retrains that are wanted otherwise now: the file was changed amid them."""
        places = {(want.trial.number, want.repeat, want.role) for want in wanted}
        superseded = {
            record.id
            for record in records
            if record.id not in self._wanted and (record.trial, record.repeat, record.role) in places
        }
        paths = [artifact.path for artifact in kept if artifact.evaluation in superseded]
        if paths:
            with self._writer.transaction() as write:
                for path in paths:
                    write.remove_artifact(path)
        self._remove(paths)

    def _job(self, want: Wanted, evaluation: int | None) -> Job:
        if evaluation is None:
            with self._writer.transaction() as write:
                evaluation = write.add_evaluation(
                    want.trial.number, want.repeat, want.role, want.seed, want.epochs, asdict_plain(want.configuration)
                )
        self._wanted[evaluation] = want
        checkpoint = self._resume_from(evaluation)
        if want.role == KEPT:
            checkpoint = last_checkpoint(self._store, self._study, want.trial)
        return Job(
            trial=evaluation,
            attempt=1,
            task=Task(
                configuration=want.configuration,
                objective=self._study.objective,
                seed=want.seed,
                split_seed=self._study.seed,
                epochs=want.epochs,
                deterministic=self._study.deterministic,
                data_dir=self._setting.data_dir,
                cache_dir=self._setting.cache_dir,
            ),
            checkpoint=checkpoint,
            checkpoint_dir=str(self._folder / _CHECKPOINTS),
            evaluate=True,
            checkpoint_seconds=self._setting.checkpoint_seconds,
        )

    def _stop_requested(self) -> bool:
        asked = self._store.pending_actions(self._study.id)
        if asked:
            with self._writer.transaction() as write:
                for action in asked:
                    write.mark_done(action.id)
        return bool(asked)

    def _resume_from(self, evaluation: int) -> Saved | None:
        found = self._store.artifacts(self._study.id, kind=_CHECKPOINT, evaluation=evaluation)
        found = sorted(found, key=lambda artifact: artifact.epoch or 0)
        self._checkpoints[evaluation] = [artifact.path for artifact in found]
        saved = [
            Saved(artifact.epoch or 0, artifact.sha256, artifact.size_bytes, path=str(self._folder / artifact.path))
            for artifact in found
        ]
        if len(saved) > 1:
            self._before[evaluation] = saved[-2]
        return saved[-1] if saved else None

    def _take(self, job: Job, event: Event) -> None:
        want = self._wanted[job.trial]
        if isinstance(event, Started):
            self._devices[job.trial] = event.device
        elif isinstance(event, EpochDone):
            self._take_epoch(job, want, event)
        elif isinstance(event, Finished):
            self._take_end(job, want, event)

    def _take_epoch(self, job: Job, want: Wanted, event: EpochDone) -> None:
        with self._writer.transaction() as write:
            write.record_evaluation_epoch(
                job.trial, event.epoch, event.values, event.seconds, self._devices.get(job.trial)
            )
        self._keep(job.trial, event.checkpoint)
        if not self._is_news(event.epoch, want.epochs):
            return
        shown = ", ".join(f"{name} {event.values[name]:.4f}" for name in self._watched(event.values))
        self._show(f"retrain of trial {want.trial.number}: epoch {event.epoch}/{want.epochs}  {shown}")

    def _is_news(self, epoch: int, epochs: int) -> bool:
        """Whether an epoch is worth a line: the first, the last, and one every few seconds."""
        now = time.monotonic()
        if 1 < epoch < epochs and now - self._shown_at < _NEWS_SECONDS:
            return False
        self._shown_at = now
        return True

    def _watched(self, values: Mapping[str, float]) -> list[str]:
        metric = self._study.objective.metric
        return [name for name in (metric.removeprefix("val_"), metric) if name in values]

    def _take_end(self, job: Job, want: Wanted, event: Finished) -> None:
        if event.stopped:
            self._keep(job.trial, event.checkpoint)
            return
        scores = event.evaluation
        written = self._write_files(job, want, event)
        with self._writer.transaction() as write:
            for kind, path, sha256, size in written:
                write.add_artifact(kind, path, sha256, size, trial=want.trial.number, evaluation=job.trial)
            if scores is None:  # no test labels: there is a model and no score
                write.finish_evaluation(job.trial, {})
            else:
                write.finish_evaluation(
                    job.trial,
                    scores.metrics,
                    [asdict(score) for score in scores.classes],
                    scores.confusion,
                    scores.epoch,
                    scores.members,
                )
        self._forget_checkpoints(job.trial)

    def _write_files(self, job: Job, want: Wanted, event: Finished) -> list[tuple[str, str, str, int]]:
        """The model and the example images, each where there is one: kind, path, SHA-256 and size."""
        scores = event.evaluation
        shown = scores.examples if scores is not None and want.repeat == 1 else None  # one seed shows enough
        name = f"trial-{want.trial.number}-repeat-{want.repeat}-{job.trial}"
        files = [("model", f"models/{name}.keras", event.model_file), ("examples", f"examples/{name}.npz", shown)]
        return [(kind, path, *write_artifact(self._folder, path, content)) for kind, path, content in files if content]

    def _fail(self, job: Job, kind: ErrorKind, error: str) -> None:
        want = self._wanted[job.trial]
        self.failed += 1
        with self._writer.transaction() as write:
            write.fail_evaluation(job.trial, error)
        self._forget_checkpoints(job.trial)
        log.warning("the retrain of trial %d failed (%s): %s", want.trial.number, kind, reason(error))

    def _keep(self, evaluation: int, saved: Saved | None) -> None:
        if saved is None or saved.path is None:
            return
        path = saved.path.removeprefix(f"{self._folder}/")
        kept = [other for other in self._checkpoints.get(evaluation, []) if other != path]
        needless, self._checkpoints[evaluation] = kept[:-1], [*kept[-1:], path]
        with self._writer.transaction() as write:
            write.add_artifact(
                _CHECKPOINT, path, saved.sha256, saved.size_bytes, evaluation=evaluation, epoch=saved.epoch
            )
            for other in needless:
                write.remove_artifact(other)
        self._remove(needless)

    def _forget_checkpoints(self, evaluation: int) -> None:
        paths = self._checkpoints.pop(evaluation, [])
        if paths:
            with self._writer.transaction() as write:
                for path in paths:
                    write.remove_artifact(path)
        self._remove(paths)

    def _remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self._folder / path).unlink(missing_ok=True)
