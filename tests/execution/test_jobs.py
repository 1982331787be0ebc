"""Retrains and evaluations: jobs that run to their ends whatever is lost on the way."""

from __future__ import annotations

from hpsearch.execution import checkpoint_files
from hpsearch.execution.ends import Ends
from hpsearch.execution.executor import Slot
from hpsearch.execution.inline import InlineExecutor
from hpsearch.execution.jobs import JobRunner
from hpsearch.execution.messages import EpochDone, Finished, Job
from hpsearch.space.configuration import Configuration
from hpsearch.space.settings import Limits
from hpsearch.study import Direction, Objective
from hpsearch.training.task import Task

OBJECTIVE = Objective("val_accuracy", Direction.MAXIMIZE)


def _run(job):
    """What a job says, run without any retry, and whether it failed."""
    said, failures = [], []
    runner = JobRunner(
        InlineExecutor([Slot(0)]),
        0,
        Ends(Limits(), OBJECTIVE),
        lambda: False,
        lambda job, event: said.append(event),
        lambda *failure: failures.append(failure),
    )
    assert runner.run([job])
    return said, failures


def test_a_job_whose_checkpoint_is_damaged_starts_over_and_ends_the_same(tmp_path):
    training = {"trainer": "simulated", "epochs": 3, "parameters": {"units": 32}}
    task = Task(Configuration(dataset={}, layers=(), training=training), OBJECTIVE, seed=11, split_seed=1, epochs=3)
    whole = Job(trial=1, attempt=1, task=task, evaluate=True)
    damaged = checkpoint_files.save(b"state", 2, str(tmp_path), "a.checkpoint")
    (tmp_path / "a.checkpoint").write_bytes(b"stat")

    said, failures = _run(Job(trial=1, attempt=1, task=task, evaluate=True, checkpoint=damaged))

    assert not failures
    assert _measured(said) == _measured(_run(whole)[0])


def _measured(said):
    epochs = [event.values for event in said if isinstance(event, EpochDone)]
    return epochs, [event.evaluation for event in said if isinstance(event, Finished)]
