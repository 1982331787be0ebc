"""Whatever fails on a machine, a study goes on to the table that it would have had, or says in a sentence why not."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import time

import numpy as np
import psutil
import pytest
from tests.end_to_end.command import SIMULATED, hpsearch, start, table
from tests.end_to_end.test_interrupted import SLOW, until_an_epoch
from tests.processes import alive, alive_after

from hpsearch.storage import open_store

pytestmark = pytest.mark.timeout(240)


def workers_of(process):
    return psutil.Process(process.pid).children(recursive=True)


def attempts(database):
    with open_store(database) as store:
        return store.attempts(store.study("simulated").id)


def dump(database):
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
        return "".join(rows.iterdump())


def test_a_worker_that_hangs_is_ended_after_epoch_timeout_and_its_trial_goes_on(tmp_path, calm):
    (tmp_path / "slow.yaml").write_text(SLOW + "limits: {epoch_timeout: 3s}\n")
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as process:
        until_an_epoch(process, tmp_path / "studies.db")
        hanging = workers_of(process)[0]

        hanging.suspend()

        said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert not alive(hanging)
    assert table(tmp_path / "studies.db", "simulated") == calm
    timeouts = [attempt for attempt in attempts(tmp_path / "studies.db") if attempt.outcome == "timeout"]
    (timeout,) = timeouts  # it may have been looked at a moment late
    assert re.fullmatch(r"no epoch finished in \d+ s \(epoch_timeout is 3 s\)", timeout.error)


def test_a_coordinator_that_stood_still_and_lost_its_lease_writes_nothing_more(tmp_path, calm):
    (tmp_path / "slow.yaml").write_text(SLOW)
    database = tmp_path / "studies.db"
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as first:
        until_an_epoch(first, database)
        workers = workers_of(first)
        os.kill(first.pid, signal.SIGSTOP)
        second = hpsearch("run", "slow.yaml", folder=tmp_path)
        assert (second.returncode, f"process {first.pid}" in second.stderr) == (2, True)

        with contextlib.closing(sqlite3.connect(database, timeout=30)) as rows, rows:  # a minute later
            rows.execute("UPDATE studies SET lease_heartbeat_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-70 seconds')")
        second = hpsearch("run", "slow.yaml", "--workers", 1, "--quiet", folder=tmp_path)
        before = dump(database)
        os.kill(first.pid, signal.SIGCONT)

        said = first.communicate(timeout=60)[1]
    assert (first.returncode, second.returncode) == (1, 0)
    assert said.strip().endswith(
        "Another coordinator has taken this study over; this one has stopped and wrote nothing more."
    )
    assert dump(database) == before
    assert table(database, "simulated") == calm
    assert not alive_after(workers, 2.0)


def test_two_studies_at_once_share_one_file(tmp_path, calm):
    (tmp_path / "slow.yaml").write_text(SLOW.replace("0.3", "0.05"))
    names = ["one", "two", "three"]
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(start("run", "slow.yaml", "--study", name, "--workers", 2, folder=tmp_path))
            for name in names
        ]
        ended = [process.communicate(timeout=200)[1] for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], ended
    assert all(table(tmp_path / "studies.db", name) == calm for name in names)


def test_a_database_that_another_program_has_locked_is_waited_for(tmp_path, calm):
    (tmp_path / "slow.yaml").write_text(SLOW)
    database = tmp_path / "studies.db"
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as process:
        until_an_epoch(process, database)

        with contextlib.closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as rows:
            rows.execute("BEGIN IMMEDIATE")
            time.sleep(3.0)
            rows.execute("ROLLBACK")

        said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert table(database, "simulated") == calm


def test_a_second_ctrl_c_ends_at_once_and_leaves_no_worker(tmp_path, calm):
    (tmp_path / "slow.yaml").write_text(SLOW.replace("0.3", "20"))
    with start("run", "slow.yaml", "--workers", 2, folder=tmp_path) as process:
        for _ in range(1_200):
            if (tmp_path / "studies.db").exists() and len(workers_of(process)) == 2:
                break
            time.sleep(0.05)
        time.sleep(1.0)
        workers = workers_of(process)

        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)

        said = process.communicate(timeout=15)[1]
    assert process.returncode == 130
    assert "stopped at once; go on with: hpsearch resume --study simulated" in said
    assert not alive_after(workers, 2.0)

    (tmp_path / "slow.yaml").write_text(SIMULATED)
    resumed = hpsearch("run", "slow.yaml", "--study", "other", "--workers", 2, folder=tmp_path)
    assert resumed.returncode == 0
    assert table(tmp_path / "studies.db", "other") == calm


BROKEN_MACHINE = """
import os, sys
if "hpsearch.execution.worker" in sys.orig_argv:
    os.write(2, b"libcudart.so: cannot open shared object file")
    os._exit(127)
"""


def test_workers_that_cannot_start_end_the_study_as_failed_with_their_last_words(tmp_path, calm):
    (tmp_path / "fast.yaml").write_text(SIMULATED)
    (tmp_path / "sitecustomize.py").write_text(BROKEN_MACHINE)

    failed = hpsearch("run", "fast.yaml", "--workers", 2, folder=tmp_path)

    assert failed.returncode == 1
    assert "no slot is left: slot" in failed.stderr.strip().splitlines()[-1]
    assert "exit code 127: libcudart.so: cannot open shared object file" in failed.stderr.strip().splitlines()[-1]
    with open_store(tmp_path / "studies.db") as store:
        assert store.study("simulated").state == "failed"

    shown = hpsearch("show", "--study", "simulated", "--trial", 0, folder=tmp_path).stdout
    assert "libcudart.so: cannot open shared object file" in shown

    (tmp_path / "sitecustomize.py").unlink()
    assert hpsearch("run", "fast.yaml", "--workers", 2, folder=tmp_path).returncode == 0
    again = table(tmp_path / "studies.db", "simulated")
    assert sum(row == other for row, other in zip(again, calm, strict=True)) >= len(calm) - 2


ARRAYS = """\
study: simulated
dataset: {name: npz, path: images.npz, validation: 0.2}
parameters:
  units: {type: int, min: 2, max: 8}
  rate: {type: float, min: 1e-3, max: 1e-2, scale: log}
model:
  - Flatten
  - Dense: {units: $units, activation: relu}
  - Dense: {units: $classes, activation: softmax}
training:
  epochs: 3
  optimizer: {name: adam, learning_rate: $rate}
  loss: sparse_categorical_crossentropy
search: {backend: random, max_trials: 4, lag: 4}
retrain: {epochs: 2}
"""


def test_a_study_goes_on_from_another_folder_with_other_workers_to_the_last_bit(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    random = np.random.default_rng(0)
    x = random.integers(0, 255, (200, 6, 6), dtype=np.uint8)
    np.savez(home / "images.npz", x_train=x, y_train=x[:, 0, 0] % 3, x_test=x[:40], y_test=x[:40, 0, 0] % 3)
    (home / "arrays.yaml").write_text(ARRAYS)
    once = hpsearch("run", "arrays.yaml", "--database", "calm.db", "--workers", 2, folder=home)
    assert once.returncode == 0, once.stderr

    with start("run", "arrays.yaml", "--workers", 2, folder=home) as process:
        until_an_epoch(process, home / "studies.db")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    resumed = hpsearch(
        "resume", "--study", "simulated", "--database", home / "studies.db", "--workers", 1, folder=elsewhere
    )

    assert resumed.returncode == 0, resumed.stderr
    assert table(home / "studies.db", "simulated") == table(home / "calm.db", "simulated")
