"""A study that is stopped, interrupted or killed goes on where it was."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest
from tests.end_to_end.command import SIMULATED, command, hpsearch, start, state, table
from tests.processes import alive_after

from hpsearch.errors import DatabaseUnusable, StudyNotFound
from hpsearch.storage import open_store

SLOW = SIMULATED.replace("epochs: 4", "epochs: 4, seconds_per_epoch: 0.3")


def until_an_epoch(process, database):
    """Wait until the running study has written an epoch."""
    for _ in range(1_200):
        assert process.poll() is None, process.stderr.read()
        if database.exists():
            # the first moments of a new database are not ours to see
            with contextlib.suppress(DatabaseUnusable, StudyNotFound):
                if any(row[-1] for row in table(database, "simulated")):
                    return
        time.sleep(0.05)
    raise AssertionError("no epoch in a minute")


def running_workers(database):
    """The workers that have not ended, by the database."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT name FROM workers WHERE ended_at IS NULL").fetchall()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_running_epochs_and_resume_goes_on_to_the_same_table(tmp_path, calm, sent, code):
    (tmp_path / "slow.yaml").write_text(SLOW)
    database = tmp_path / "studies.db"
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as process:
        until_an_epoch(process, database)

        process.send_signal(sent)

        _, news = process.communicate(timeout=60)
    assert process.returncode == code
    assert "go on with: hpsearch resume --study simulated" in news
    with open_store(database) as store:
        assert store.study("simulated").state == "stopped"
        assert not any(trial.state == "running" for trial in store.trials(store.study("simulated").id))

    assert hpsearch("resume", "--study", "simulated", "--workers", 3, folder=tmp_path).returncode == 0
    assert table(database, "simulated") == calm
    assert not running_workers(database)


LOST = """
import gc, os, signal
from hpsearch.cli.main import main

def callback(phase, info):
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        gc.callbacks.remove(callback)
        os.kill(os.getpid(), signal.SIGINT)

gc.callbacks.append(callback)
main(["run", "slow.yaml", "--workers", "1"])
"""


def test_an_interrupt_that_gets_lost_while_the_program_starts_is_heeded_before_the_work(tmp_path):
    (tmp_path / "slow.yaml").write_text(SLOW)

    done = subprocess.run(
        [sys.executable, "-c", LOST], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )

    assert "Exception ignored" in done.stderr
    assert done.returncode == 130
    assert table(tmp_path / "studies.db", "simulated") == []
    assert state(tmp_path / "studies.db", "simulated") == "stopped"


def test_a_killed_coordinator_leaves_no_worker_and_the_same_file_goes_on_to_the_same_table(tmp_path, calm):
    (tmp_path / "slow.yaml").write_text(SLOW)
    database = tmp_path / "studies.db"
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as process:
        until_an_epoch(process, database)
        workers = psutil.Process(process.pid).children(recursive=True)

        os.kill(process.pid, signal.SIGKILL)

        process.communicate()
    assert len(workers) == 2
    assert not alive_after(workers, 2.0)

    assert hpsearch("run", "slow.yaml", "--workers", 1, folder=tmp_path).returncode == 0
    assert table(database, "simulated") == calm
    assert not running_workers(database)


def test_stop_from_another_process_takes_effect_within_an_epoch_and_is_no_failure(tmp_path):
    (tmp_path / "slow.yaml").write_text(SLOW)
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as process:
        until_an_epoch(process, tmp_path / "studies.db")

        assert hpsearch("stop", "--study", "simulated", folder=tmp_path).returncode == 0

        _, news = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped; go on with" in news


def test_a_second_run_of_a_running_study_says_who_has_it(tmp_path):
    (tmp_path / "slow.yaml").write_text(SLOW.replace("0.3", "2.0"))
    with start("run", "slow.yaml", folder=tmp_path) as process:
        until_an_epoch(process, tmp_path / "studies.db")

        second = hpsearch("run", "slow.yaml", folder=tmp_path)

        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert second.returncode == 2
    assert str(process.pid) in second.stderr


WIDE = """\
study: wide
dataset: {name: digits}
parameters:
  rate: {type: float, min: 1.0e-4, max: 1.0e-2, scale: log}
model:
  - Flatten
  - {Dense: {units: 4000, activation: relu}}
  - {Dense: {units: 10, activation: softmax}}
training:
  epochs: 1
  optimizer: {name: adam, learning_rate: $rate}
  loss: sparse_categorical_crossentropy
  batch_size: 512
search: {backend: random, max_trials: 1}
retrain: {epochs: 2}
"""


def test_a_disk_without_room_for_the_model_stops_the_study_and_resume_goes_on(tmp_path):
    (tmp_path / "wide.yaml").write_text(WIDE)
    program = command("run", "wide.yaml", "--workers", 1)
    within = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); "

    full = subprocess.run(
        [sys.executable, "-c", f"{within}os.execv(sys.argv[1], sys.argv[1:])", *program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert full.returncode == 1
    assert "No room left" in full.stderr.splitlines()[-1]
    with open_store(tmp_path / "studies.db") as store:
        study = store.study("wide")
        assert study.state == "stopped"
        assert [trial.state for trial in store.trials(study.id)] == ["complete"]
        assert store.evaluations(study.id, finished=True) == []
    assert hpsearch("resume", "--study", "wide", "--workers", 1, folder=tmp_path).returncode == 0
    with open_store(tmp_path / "studies.db") as store:
        assert store.study("wide").state == "complete"
        assert len(store.evaluations(study.id, finished=True)) == 1
