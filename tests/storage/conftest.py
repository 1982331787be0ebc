"""A store on a real file, a study in it, and trials made with few words."""

from __future__ import annotations

import pytest

from hpsearch.storage import NewStudy, open_store
from hpsearch.study import AttemptOutcome, Direction, Objective, Order, Trial, TrialState


@pytest.fixture
def new_study():
    def make(name="digits", direction=Direction.MAXIMIZE, **fields):
        given = {
            "name": name,
            "description": "A small study",
            "seed": 7,
            "objective": Objective("val_accuracy", direction),
            "yaml": f"study: {name}\nseed: 7\n",
            "resolved": {"study": name, "search": {"backend": "random", "max_trials": 20}},
            "decisive": {"seed": 7},
            "hash": "0" * 64,
            "backend": "random",
            "order": Order.NUMBER,
            "lag": 4,
            "threads": 1,
            "versions": {"keras": "3.15.1"},
        }
        return NewStudy(**given | fields)

    return make


@pytest.fixture
def database(tmp_path):
    return tmp_path / "studies.db"


@pytest.fixture
def store(database):
    with open_store(database, create=True) as store:
        yield store


@pytest.fixture
def study(store, new_study):
    return store.create_study(new_study())


@pytest.fixture
def lease(store, study):
    lease = store.claim(study.id)
    yield lease
    lease.release()


@pytest.fixture
def writer(store, lease):
    return store.writer(lease)


@pytest.fixture
def trial():
    def make(number=0, state=TrialState.WAITING, **fields):
        given = {"parameters": {"units": 32}, "epochs": 3, "seed": number + 100}
        return Trial(number, state, **given | fields)

    return make


@pytest.fixture
def train(writer, trial):
    """Writes a whole trial with one value an epoch."""

    def write_whole(number, values, state=TrialState.COMPLETE, first=1, **fields):
        with writer.transaction() as write:
            write.add_trial(trial(number, **fields))
            write.move(number, TrialState.RUNNING)
            attempt = write.start_attempt(number, "worker-0", "here", "cpu", from_epoch=first - 1)
            for epoch, value in enumerate(values, start=first):
                write.record_epoch(number, attempt, epoch, {"val_accuracy": value}, seconds=0.5)
            write.end_attempt(number, attempt, AttemptOutcome.COMPLETE)
            last = first - 1 + len(values)
            write.move(number, state, value=max(values), last_value=values[-1], epochs_done=last, seconds=1.5)

    return write_whole
