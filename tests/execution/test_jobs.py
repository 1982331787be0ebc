"""Retrains and evaluations: jobs that run to their ends whatever is lost on the way."""

from __future__ import annotations

from random import Random

from tests.execution.laboratory import FailingExecutor
from tests.execution.test_worker_faults import Cursed

from hpsearch.execution import checkpoint_files
from hpsearch.execution.ends import Ends
from hpsearch.execution.executor import Slot
from hpsearch.execution.inline import InlineExecutor
from hpsearch.execution.jobs import JobRunner
from hpsearch.execution.messages import EpochDone, Finished, Job, SlotLost
from hpsearch.space.configuration import Configuration
from hpsearch.space.settings import Limits
from hpsearch.study import Direction, ErrorKind, Objective
from hpsearch.training.registry import make_trainer
from hpsearch.training.task import Task

OBJECTIVE = Objective("val_accuracy", Direction.MAXIMIZE)


def _run(*jobs, executor=None, before=None):
    """What jobs say, run without any retry, and which of them failed."""
    said, failures = [], []
    runner = JobRunner(
        executor or InlineExecutor([Slot(0)]),
        0,
        Ends(Limits(), OBJECTIVE),
        lambda: False,
        lambda job, event: said.append(event),
        lambda *failure: failures.append(failure),
    )
    assert runner.run(jobs, before)
    return said, failures


def _job(trial=1, epochs=3, **fields):
    training = {"trainer": "simulated", "epochs": epochs, "parameters": {"units": 32}}
    configuration = Configuration(dataset={}, layers=(), training=training)
    task = Task(configuration, OBJECTIVE, seed=11, split_seed=1, epochs=epochs)
    return Job(trial=trial, attempt=1, task=task, evaluate=True, **fields)


def test_a_job_whose_checkpoint_is_damaged_starts_over_and_ends_the_same(tmp_path):
    damaged = checkpoint_files.save(b"state", 2, str(tmp_path), "a.checkpoint")
    (tmp_path / "a.checkpoint").write_bytes(b"stat")

    said, failures = _run(_job(checkpoint=damaged))

    assert not failures
    assert _measured(said) == _measured(_run(_job())[0])


def test_a_job_whose_last_checkpoint_is_damaged_goes_on_from_the_one_before(tmp_path):
    trainer = make_trainer(_job().task)
    trainer.advance()
    before = checkpoint_files.save(trainer.checkpoint(), 1, str(tmp_path), "before.checkpoint")
    damaged = checkpoint_files.save(b"state", 2, str(tmp_path), "last.checkpoint")
    (tmp_path / "last.checkpoint").write_bytes(b"stat")

    said, failures = _run(_job(checkpoint=damaged), before={1: before})

    assert not failures
    assert [event.epoch for event in said if isinstance(event, EpochDone)] == [2, 3]
    assert _measured(said)[1] == _measured(_run(_job())[0])[1]


def test_a_job_that_runs_out_of_memory_is_tried_once_more_alone():
    executor = Cursed(3, hungry=lambda job: job.trial == 1 and not job.alone)

    said, failures = _run(_job(0, epochs=9), _job(1), _job(2, epochs=9), executor=executor)

    assert not failures
    assert sum(isinstance(event, Finished) for event in said) == 3
    assert [(job.trial, job.attempt, others) for _, job, others in executor.jobs if job.alone] == [(1, 2, {})]


class DiesAtTheEnd(FailingExecutor):
    """Every evaluation kills the worker."""

    def wait(self, timeout_seconds):
        said = super().wait(timeout_seconds)
        return [
            SlotLost(0, event.trial, event.attempt, "the worker was killed by signal SIGKILL")
            if isinstance(event, Finished)
            else event
            for event in said
        ]


def test_a_job_whose_evaluation_always_kills_its_worker_fails_as_lost(tmp_path):
    job = _job(epochs=3, checkpoint_dir=str(tmp_path))

    said, failures = _run(job, executor=DiesAtTheEnd([Slot(0)], Random(0)))

    assert [kind for _, kind, _ in failures] == [ErrorKind.LOST]
    assert [event.epoch for event in said if isinstance(event, EpochDone)] == [1, 2, 3, 1, 2, 3]


def test_jobs_fail_as_lost_when_the_last_slot_has_been_closed():
    executor = Cursed(2, deadly=lambda slot, trial: True)

    _, failures = _run(_job(0), _job(1), _job(2), _job(3), executor=executor)

    assert sorted(job.trial for job, _, _ in failures) == [0, 1, 2, 3]
    assert {kind for _, kind, _ in failures} == {ErrorKind.LOST}
    assert "no slot is left: slot" in failures[-1][2]


def _measured(said):
    epochs = [event.values for event in said if isinstance(event, EpochDone)]
    return epochs, [event.evaluation for event in said if isinstance(event, Finished)]
