"""What every executor promises its owner, tested on simulated training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import psutil
import pytest
from tests.processes import alive_after

from hpsearch.execution import checkpoint_files
from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.inline import InlineExecutor
from hpsearch.execution.local import LocalExecutor
from hpsearch.execution.messages import (
    CheckpointLost,
    Crashed,
    EpochDone,
    Event,
    Finished,
    Job,
    LastWord,
    SlotLost,
    Started,
)
from hpsearch.space.configuration import Configuration
from hpsearch.study import Direction, ErrorKind, Objective
from hpsearch.training.task import Task

EXECUTORS: dict[str, Callable[[Sequence[Slot]], Executor]] = {
    "inline": InlineExecutor,
    "local": lambda slots: LocalExecutor(slots, os.environ, prepare=False),
}


@pytest.fixture(params=EXECUTORS)
def executor(request):
    executor = EXECUTORS[request.param]([Slot(0), Slot(1)])
    executor.open()
    yield executor
    executor.close()


@pytest.fixture
def local():
    executor = LocalExecutor([Slot(0), Slot(1)], os.environ, prepare=False)
    executor.open()
    yield executor
    executor.close()


def a_job(trial: int = 0, attempt: int = 1, epochs: int = 3, checkpoint=None, **settings) -> Job:
    training = {"trainer": "simulated", "epochs": 9, "parameters": {"units": 32}, **settings}
    return Job(
        trial=trial,
        attempt=attempt,
        task=Task(
            configuration=Configuration(dataset={}, layers=(), training=training),
            objective=Objective("val_accuracy", Direction.MAXIMIZE),
            seed=11,
            split_seed=1,
            epochs=epochs,
        ),
        checkpoint=checkpoint,
        final_checkpoint=True,
    )


def until_ended(executor: Executor, jobs: int = 1, seconds: float = 20.0) -> list[Event]:
    """All events up to the end of so many jobs."""
    events: list[Event] = []
    deadline = time.monotonic() + seconds
    while sum(isinstance(event, LastWord | SlotLost) for event in events) < jobs:
        assert time.monotonic() < deadline, events
        events += executor.wait(1.0)
    return events


def test_a_job_says_that_it_started_each_epoch_and_its_end(executor):
    executor.submit(executor.slots[0], a_job())
    executor.advance(executor.slots[0], 3)

    events = until_ended(executor)

    assert [type(event) for event in events] == [Started, EpochDone, EpochDone, EpochDone, Finished]
    assert [event.epoch for event in events[1:4]] == [1, 2, 3]
    assert {(event.trial, event.attempt) for event in events} == {(0, 1)}
    assert all("val_accuracy" in event.values for event in events[1:4])


def test_a_job_waits_for_its_next_grant(executor):
    executor.submit(executor.slots[0], a_job())
    executor.advance(executor.slots[0], 1)
    events: list[Event] = []
    while not any(isinstance(event, EpochDone) for event in events):
        events += executor.wait(1.0)

    assert not executor.wait(0.3)


def test_three_epochs_and_six_more_from_the_checkpoint_are_nine(executor):
    executor.submit(executor.slots[0], a_job(epochs=9))
    executor.advance(executor.slots[0], 9)
    nine = [event.values for event in until_ended(executor) if isinstance(event, EpochDone)]

    executor.submit(executor.slots[0], a_job(epochs=3))
    executor.advance(executor.slots[0], 3)
    three = until_ended(executor)
    executor.submit(executor.slots[1], a_job(attempt=2, epochs=9, checkpoint=three[-1].checkpoint))
    executor.advance(executor.slots[1], 6)
    six = until_ended(executor)

    assert [event.values for event in three + six if isinstance(event, EpochDone)] == nine
    assert six[0].from_epoch == 3


def test_stop_overtakes_granted_epochs_and_leaves_a_checkpoint(executor):
    executor.submit(executor.slots[0], a_job(epochs=9, seconds_per_epoch=0.2))
    executor.advance(executor.slots[0], 9)
    events: list[Event] = []
    while not any(isinstance(event, EpochDone) for event in events):
        events += executor.wait(1.0)

    executor.stop(executor.slots[0], checkpoint=True)

    ended = until_ended(executor)[-1]
    assert isinstance(ended, Finished)
    assert ended.stopped
    assert ended.epoch < 9
    assert ended.checkpoint.epoch == ended.epoch


def test_a_training_that_raises_is_told_with_its_whole_traceback_and_the_slot_goes_on(executor):
    executor.submit(executor.slots[0], a_job(failure_rate=1.0))
    executor.advance(executor.slots[0], 3)

    crashed = until_ended(executor)[-1]
    executor.submit(executor.slots[0], a_job(trial=1))
    executor.advance(executor.slots[0], 3)

    assert isinstance(crashed, Crashed)
    assert crashed.kind is ErrorKind.ERROR
    assert "Traceback" in crashed.error
    assert isinstance(until_ended(executor)[-1], Finished)


def test_a_changed_checkpoint_is_told_before_anything_begins_and_the_slot_goes_on(executor, tmp_path):
    saved = checkpoint_files.save(b"state", 3, str(tmp_path), "a.checkpoint")
    (tmp_path / "a.checkpoint").write_bytes(b"stat")

    executor.submit(executor.slots[0], a_job(checkpoint=saved))
    executor.advance(executor.slots[0], 3)

    (lost,) = until_ended(executor)
    executor.submit(executor.slots[0], a_job(attempt=2))
    executor.advance(executor.slots[0], 3)
    assert isinstance(lost, CheckpointLost)
    assert "other content" in lost.error
    assert isinstance(until_ended(executor)[-1], Finished)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_killed_worker_is_told_as_lost_and_replaced(local, sent):
    slow = a_job(epochs=9, seconds_per_epoch=5.0)
    local.submit(local.slots[0], slow)
    local.advance(local.slots[0], 9)
    started = local.wait(10.0)
    pid = int(started[0].worker.rsplit("-", 1)[1])

    os.kill(pid, sent)

    lost = until_ended(local)[-1]
    local.submit(local.slots[0], a_job(attempt=2))
    local.advance(local.slots[0], 3)
    assert lost == SlotLost(0, 0, 1, f"the worker was killed by signal {sent.name}")
    assert isinstance(until_ended(local)[-1], Finished)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_leaves_it_to_the_coordinator_to_stop_a_worker(local, sent):
    local.submit(local.slots[0], a_job(epochs=2, seconds_per_epoch=0.2))
    (started,) = local.wait(10.0)
    local.advance(local.slots[0], 2)

    os.kill(started.pid, sent)

    assert isinstance(until_ended(local)[-1], Finished)


def test_a_closed_slot_is_offered_no_more_and_the_others_go_on(executor):
    closed, left = executor.slots

    executor.retire(closed)

    assert list(executor.slots) == [left]
    executor.submit(left, a_job())
    executor.advance(left, 3)
    assert isinstance(until_ended(executor)[-1], Finished)


def test_a_job_that_runs_alone_gets_a_fresh_worker_without_another_beside_it(local):
    first, second = local.slots
    for slot in local.slots:
        local.submit(slot, a_job(trial=slot.index, epochs=1))
        local.advance(slot, 1)
    before = {event.pid for event in until_ended(local, jobs=2) if isinstance(event, Started)}
    assert len(before) == 2

    local.submit(first, replace(a_job(trial=7, epochs=1), alone=True))
    local.advance(first, 1)
    alone = until_ended(local)[0]

    assert alone.pid not in before
    assert not alive_after([psutil.Process(pid) for pid in before if psutil.pid_exists(pid)], 2.0)
    local.submit(second, a_job(trial=8, epochs=1))
    local.advance(second, 1)
    assert isinstance(until_ended(local)[-1], Finished)


def test_a_worker_that_has_grown_is_replaced_between_two_jobs(local, monkeypatch):
    monkeypatch.setattr("hpsearch.execution.local._SETTLED_JOBS", 2)
    monkeypatch.setattr("hpsearch.execution.local._MOST_GROWTH", 0.5)  # as if it had doubled
    workers = []
    for trial in range(6):
        local.submit(local.slots[0], a_job(trial=trial, epochs=1))
        local.advance(local.slots[0], 1)
        workers += [event.worker for event in until_ended(local) if isinstance(event, Started)]

    assert [workers.index(worker) for worker in workers] == [0, 0, 0, 3, 3, 3]


def test_two_slots_train_at_once(local):
    for slot in local.slots:
        local.submit(slot, a_job(trial=slot.index, seconds_per_epoch=0.5))
    started: list[Event] = []
    while len(started) < 2:
        started += local.wait(10.0)
    before = time.monotonic()

    for slot in local.slots:
        local.advance(slot, 3)
    until_ended(local, jobs=2)

    assert time.monotonic() - before < 2.9  # one after the other: 3.0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_are_gone_within_two_seconds_of_their_coordinator(how):
    script = textwrap.dedent(
        """
        import os, time
        from hpsearch.execution.executor import Slot
        from hpsearch.execution.local import LocalExecutor
        executor = LocalExecutor([Slot(0), Slot(1)], os.environ, prepare=False)
        executor.open()
        time.sleep(1.0)
        os.write(1, b"ready\\n")
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as coordinator:
        coordinator.stdout.readline()
        workers = psutil.Process(coordinator.pid).children(recursive=True)
        assert len(workers) == 2

        coordinator.send_signal(how)
        coordinator.wait()

        assert not alive_after(workers, 2.0)


def test_a_worker_gets_a_keras_of_its_own_whatever_the_coordinator_has(local, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")

    environment = local._environment_of(Slot(0, gpu=None, threads=2))

    assert environment["KERAS_BACKEND"] == "tensorflow"
    assert environment["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environment["OMP_NUM_THREADS"] == "2"
