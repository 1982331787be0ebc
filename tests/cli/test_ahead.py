"""Workers that are started while the space is still being checked."""

from __future__ import annotations

import os

import pytest
from tests.processes import own_workers

from hpsearch.cli.ahead import Ahead
from hpsearch.execution.devices import make_slots, this_machine

KERAS = {"training": {"epochs": 1}, "search": {"backend": "random", "max_trials": 2}}


def slots(workers=2, trials=2):
    return make_slots(this_machine(dict(os.environ)), workers, trials)


@pytest.fixture
def ahead():
    with Ahead() as one:
        yield one
    assert own_workers() == []


def start(ahead, document=KERAS, count=2):
    ahead.start(document, dict(os.environ), count, None, onednn=True)


def test_the_workers_that_were_started_ahead_are_those_that_a_study_takes(ahead):
    start(ahead)
    started = {worker.pid for worker in own_workers()}

    executor = ahead.take(slots(), deterministic=True, onednn=True)

    assert executor is not None
    executor.open()
    assert {worker.pid for worker in own_workers()} == started
    assert len(started) == 2
    executor.close()


@pytest.mark.parametrize("differently", [{"deterministic": False}, {"onednn": False}, {"slots": slots(1)}])
def test_workers_that_a_study_cannot_use_end_at_once(ahead, differently):
    start(ahead)

    wanted = {"slots": slots(), "deterministic": True, "onednn": True} | differently

    assert ahead.take(wanted.pop("slots"), **wanted) is None
    assert own_workers() == []


@pytest.mark.parametrize(
    "document",
    [
        {"training": {"trainer": "simulated", "epochs": 1}},
        {"training": {"trainer": 7}},
        {**KERAS, "training": {"trainer": "nonsense"}},
    ],
)
def test_nothing_is_started_where_it_is_no_use(ahead, document):
    start(ahead, document)

    assert own_workers() == []


@pytest.mark.parametrize("document", [{}, {"training": None, "search": 3}, {"search": {"max_trials": True}}])
def test_a_document_that_will_be_refused_does_no_harm(ahead, document):
    start(ahead, document, count=1)

    assert len(own_workers()) == 1


def test_what_nobody_takes_is_ended():
    def interrupted():
        with Ahead() as one:
            start(one)
            assert len(own_workers()) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert own_workers() == []
