"""One database that holds what is hard to show, and the whole application about it, with a token and without."""

from __future__ import annotations

import math

import pytest
from tests.new_study import new_study as a_study

from hpsearch.storage import open_store
from hpsearch.study import Trial, TrialState

TOKEN = "a-token-of-the-tests-0123456789"
EVIL = "<script>alert('description')</script>"
TRACEBACK = "Traceback (most recent call last):\n  ...\nValueError: <script>no</script>"


def new_study(name, description=""):
    """A study of two epochs a trial, as it is about to be written."""
    return a_study(name, {"training": {"epochs": 2}}, description=description)


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """``digits`` with six trials that ended in all ways, one of them going on from another; ``empty`` with none."""
    file = tmp_path_factory.mktemp("dashboard") / "studies.db"
    with open_store(file, create=True) as store:
        study = store.create_study(new_study("digits", EVIL))
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            for number, value in enumerate([0.5, 0.75, 0.25, None, None]):
                write.add_trial(
                    Trial(number, TrialState.WAITING, {"rate": 10.0**-number, "kind": "<b>"}, 2, seed=number)
                )
                write.move(number, TrialState.RUNNING)
                attempt = write.start_attempt(number, "slot-0", "here", "cpu", from_epoch=0)
                for epoch in (1, 2) if value is not None else (1,):
                    write.record_epoch(
                        number, attempt, epoch, {"loss": math.nan, "val_accuracy": value or math.inf}, seconds=0.5
                    )
                if value is None:
                    write.end_attempt(number, attempt, "error", error=TRACEBACK)
                    write.move(number, TrialState.FAILED, error_kind="error", error=TRACEBACK, epochs_done=1)
                else:
                    write.end_attempt(number, attempt, "complete")
                    state = TrialState.PRUNED if number == 2 else TrialState.COMPLETE
                    write.move(number, state, value=value, last_value=value, best_epoch=2, epochs_done=2, seconds=1.0)
            write.add_trial(Trial(5, TrialState.WAITING, {"rate": 0.1}, 4, seed=5, parent=1))
        store.create_study(new_study("empty"))
    return file


@pytest.fixture(scope="session")
def store(database):
    """That database, opened for reading."""
    with open_store(database) as store:
        yield store


@pytest.fixture(scope="session")
def app(store):
    """The whole application, open to this machine."""
    from hpsearch.dashboard.server import make_app

    return make_app(store)


@pytest.fixture(scope="session")
def locked_app(store):
    """The whole application, which asks for `TOKEN`."""
    from hpsearch.dashboard.server import make_app

    return make_app(store, token=TOKEN)
