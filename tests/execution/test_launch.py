"""A study's row: what may change in a study that goes on, and how many workers it can feed."""

from __future__ import annotations

import pytest

from hpsearch.errors import StudyChanged
from hpsearch.execution import launch
from hpsearch.storage import open_store

TPE = {"backend": "optuna", "max_trials": 6}


@pytest.fixture
def store(laboratory):
    with open_store(laboratory.database, create=True) as store:
        yield store


def _create(store, space, slots):
    return launch.create(store, space, "simulated", slots=slots, threads=1, onednn=True)


def test_the_lag_of_the_first_run_stays_whatever_the_file_leaves_out(laboratory, store):
    study = _create(store, laboratory.space(search=TPE), slots=4)

    made = launch.changes(store, study, laboratory.space(search=TPE), "--study NEW")

    assert study.lag == 8
    assert not made


def test_a_lag_below_the_one_that_held_so_far_is_refused_even_where_no_file_named_it(laboratory, store):
    study = _create(store, laboratory.space(search=TPE), slots=4)

    with pytest.raises(StudyChanged, match=r"search\.lag of study 'simulated' is 8 and cannot shrink to 3"):
        launch.changes(store, study, laboratory.space(search=TPE | {"lag": 3}), "--study NEW")


def test_a_raised_lag_is_recorded_with_the_trial_from_which_it_holds(laboratory, store):
    laboratory.run(laboratory.space(search=TPE), slots=2)
    study = store.study("simulated")
    space = laboratory.space(search=TPE | {"lag": 6, "max_trials": 12})
    made = launch.changes(store, study, space, "--study NEW")

    with store.claim(study.id) as lease:
        changed = launch.adopt(store, study, space, made, store.writer(lease))

    assert changed.lag == 6
    event = store.events(study.id)[-1]
    assert "search.lag: was 4, is 6" in event.text
    assert "holds from trial 6 on" in event.text


@pytest.mark.parametrize(
    ("search", "most"),
    [
        (TPE, 1),
        (TPE | {"lag": 3}, 3),
        (TPE | {"pruner": "median"}, None),
        ({"backend": "random", "max_trials": 6}, None),
    ],
)
def test_a_lag_limits_the_workers_only_where_somebody_waits_for_it(laboratory, store, search, most):
    space = laboratory.space(search=search)
    study = _create(store, space, slots=1)

    assert launch.most_slots(study, space) == most
