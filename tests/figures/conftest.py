"""Studies on real SQLite with simulated training, and their rows as figures take them."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest
from tests.end_to_end.command import hpsearch
from tests.made_once import made_once
from tests.new_study import new_study

from hpsearch.figures.rows import StudyRows
from hpsearch.storage import open_store
from hpsearch.study import Trial, TrialState

PARAMETERS = {
    "learning_rate": {"type": "float", "min": 1e-4, "max": 1e-1, "scale": "log"},
    "units": {"type": "int", "min": 16, "max": 64, "step": 16},
    "optimizer": ["adam", "sgd"],
    "momentum": {"type": "float", "min": 0.5, "max": 0.95, "when": {"optimizer": "sgd"}},
}
STUDIES = {
    "random": {
        "training": {"trainer": "simulated", "epochs": 4, "failure_rate": 0.1, "nan_rate": 0.1},
        "search": {"backend": "random", "max_trials": 30, "lag": 4},
        "limits": {"target": 0.999},
    },
    "hyperband": {
        "training": {"trainer": "simulated"},
        "search": {"backend": "hyperband", "max_epochs": 9, "factor": 3, "lag": 4},
    },
    "pruned": {
        "training": {"trainer": "simulated", "epochs": 6},
        "search": {"backend": "optuna", "sampler": "random", "pruner": "median", "max_trials": 24, "order": "number"},
    },
    "minimized": {
        "training": {"trainer": "simulated", "epochs": 3},
        "objective": {"metric": "val_loss", "direction": "minimize"},
        "search": {"backend": "random", "max_trials": 10},
    },
}


@pytest.fixture(scope="session")
def studies_db(tmp_path_factory):
    """A database with the four studies above, one that has no trial, one of failures only, and one of one trial."""
    return made_once(tmp_path_factory, "figures", _make) / "studies.db"


def _make(folder):
    for name, sections in STUDIES.items():
        space = {"study": name, "seed": 7, "parameters": PARAMETERS, **sections}
        (folder / f"{name}.yaml").write_text(json.dumps(space))
        done = hpsearch("run", f"{name}.yaml", "--workers", 2, "--no-retrain", "--quiet", folder=folder)
        assert done.returncode == 0, done.stderr
    with open_store(folder / "studies.db", create=True) as store:
        for name in ("empty", "failures", "one"):
            study = store.create_study(new_study(name, {"parameters": PARAMETERS}))
            with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
                if name == "failures":
                    for number in range(3):
                        failed = Trial(number, TrialState.WAITING, {"learning_rate": 0.01, "units": 16}, 4, seed=number)
                        write.add_trial(failed)
                        write.move(
                            number, TrialState.FAILED, error_kind="error", error="ValueError: <script>no</script>"
                        )
                if name == "one":
                    write.add_trial(Trial(0, TrialState.WAITING, {"learning_rate": 0.01, "units": 16}, 4, seed=1))
                    write.move(0, TrialState.RUNNING)
                    attempt = write.start_attempt(0, "slot-0", "here", "cpu", from_epoch=0)
                    write.record_epoch(0, attempt, 1, {"loss": 1.0, "val_accuracy": 0.5}, seconds=0.5)
                    write.end_attempt(0, attempt, "complete")
                    write.move(
                        0, TrialState.COMPLETE, value=0.5, last_value=0.5, best_epoch=1, epochs_done=1, seconds=0.5
                    )


@pytest.fixture
def rows(studies_db):
    """``rows(name)``: the rows of a study of `studies_db`."""
    with open_store(studies_db) as store:
        yield lambda name: StudyRows(store, store.study(name))


@pytest.fixture
def sql(studies_db):
    """``sql(query, *values)``: what a query finds, as people would ask it."""

    def ask(query, *values):
        with contextlib.closing(sqlite3.connect(f"file:{studies_db}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    return ask


@pytest.fixture
def changed(studies_db, tmp_path):
    """``changed(name, *statements)``: the rows of a study in a copy of `studies_db` that SQL has changed."""
    with contextlib.ExitStack() as stack:

        def change(name, *statements):
            copy = tmp_path / "changed.db"
            source = stack.enter_context(contextlib.closing(sqlite3.connect(f"file:{studies_db}?mode=ro", uri=True)))
            with contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
                for statement in statements:
                    target.execute(statement)
                target.commit()
            store = stack.enter_context(open_store(copy))
            return StudyRows(store, store.study(name))

        yield change
