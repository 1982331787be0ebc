"""hpsearch from Python: a script without a guard, and a notebook."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient
from tests.end_to_end.command import python, table

pytestmark = pytest.mark.timeout(200)

SPACE = {
    "study": "door",
    "dataset": {"name": "digits"},
    "parameters": {"units": [16, 32], "learning_rate": {"type": "float", "min": 1e-3, "max": 1e-2, "scale": "log"}},
    "model": ["Flatten", {"Dense": "$units"}, {"Dense": {"units": "$classes", "activation": "softmax"}}],
    "training": {
        "epochs": 2,
        "optimizer": {"name": "adam", "learning_rate": "$learning_rate"},
        "loss": "sparse_categorical_crossentropy",
    },
    "search": {"backend": "random", "max_trials": 4},
}

SCRIPT = f"""
import json, sys
import hpsearch

study = hpsearch.run({SPACE!r}, database="studies.db", workers=2)
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
trials, epochs = study.trials(), study.epochs()
assert list(trials.index) == [0, 1, 2, 3]
assert {{"units", "learning_rate", "state", "value"}} <= set(trials.columns)
assert len(epochs) == 8 and "val_accuracy" in epochs.columns
best = study.best()
assert best.value == trials["value"].max()
assert 0 < best.scores["accuracy"] <= 1
print(json.dumps([best.trial, best.value]))
"""


def test_a_script_without_a_guard_can_run_a_study(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)

    printed = python("import runpy; runpy.run_path('script.py', run_name='__main__')", folder=tmp_path)

    number, value = json.loads(printed.splitlines()[-1])
    assert table(tmp_path / "studies.db", "door")[number][5] == value


def test_a_notebook_can_run_a_study_and_load_its_model(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("import keras\nbackend = keras.backend.backend()"),
            nbformat.v4.new_code_cell(SCRIPT.replace('assert "keras" not in sys.modules and ', "assert ")),
            nbformat.v4.new_code_cell("study.load_model().output_shape"),
            nbformat.v4.new_code_cell("assert keras.backend.backend() == backend\nhpsearch.open_study('door')"),
        ]
    )

    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(tmp_path)}}).execute()

    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "(None, 10)"
    assert any("study door: 4 complete" in output.get("text", "") for output in notebook.cells[1].outputs)


SLOW = {
    "study": "slow",
    "parameters": {"blocks": [1, 2]},
    "training": {
        "trainer": "simulated",
        "epochs": 8,
        # keys that are numbers, as JSON has none
        "seconds_per_epoch": {"switch": "$blocks", "cases": {1: 0.4, 2: 0.5}},
    },
    "search": {"backend": "random", "max_trials": 2},
}


def test_one_ctrl_c_ends_after_the_running_epochs_and_the_same_call_goes_on(tmp_path):
    script = f"import hpsearch\nprint(len(hpsearch.run({SLOW!r}, database='studies.db', workers=1).trials()))\n"
    running = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while "planned" not in (line := running.stderr.readline()):
        assert line
    time.sleep(1)

    os.killpg(running.pid, signal.SIGINT)  # as a terminal and a notebook's kernel do

    _, words = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGINT
    assert "stopping after the running epochs" in words
    assert "stopped at once" not in words
    assert python(script, folder=tmp_path).splitlines()[-1] == "2"


def test_a_mistake_is_an_error_of_ours_with_its_sentence(tmp_path):
    printed = python(
        f"""
        import hpsearch
        from hpsearch.errors import ConfigError
        try:
            hpsearch.run({SPACE | {"training": {**SPACE["training"], "optimizer": "adamm"}}!r}, quiet=True)
        except ConfigError as error:
            print(error)
        """,
        folder=tmp_path,
    )

    assert "adamm" in printed
    assert "adam" in printed
    assert list(tmp_path.iterdir()) == []
