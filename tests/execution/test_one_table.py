"""The same file, seed and lag give the same table, whatever finishes first and whatever breaks."""

from __future__ import annotations

import pytest
from tests.execution.laboratory import PowerCut

SEARCHES = {
    "random": {"backend": "random", "max_trials": 10},
    "grid": {"backend": "grid", "max_trials": 10},
    "hyperband": {"backend": "hyperband", "max_epochs": 9, "factor": 3},
    "bayesian": {"backend": "bayesian", "max_trials": 8},
    "tpe": {"backend": "optuna", "sampler": "tpe", "max_trials": 10},
    "tpe-median": {"backend": "optuna", "pruner": "median", "max_trials": 10, "order": "number"},
    "tpe-halving": {"backend": "optuna", "pruner": "successive_halving", "max_trials": 10, "order": "number"},
    "random-hyperband": {
        "backend": "optuna",
        "sampler": "random",
        "pruner": "hyperband",
        "max_trials": 10,
        "order": "number",
    },
}


@pytest.fixture(params=SEARCHES)
def space(request, laboratory):
    search = SEARCHES[request.param]
    training = {"trainer": "simulated"} | ({} if "max_epochs" in search else {"epochs": 5})
    sections = {"search": search, "training": training}
    if request.param == "grid":
        sections["parameters"] = {"units": {"type": "int", "min": 1, "max": 8}, "activation": ["relu", "tanh"]}
    return laboratory.space(**sections)


def test_two_four_and_eight_slots_give_one_table_at_one_lag_whatever_finishes_first(laboratory, space):
    laboratory.run(space, name="one slot", lag=8)
    expected = laboratory.table("one slot")

    for durations in range(20):
        slots = (2, 4, 8)[durations % 3]
        name = f"durations-{durations}"
        laboratory.run(space, name=name, slots=slots, lag=8, durations=durations)
        assert laboratory.table(name) == expected


def test_a_study_cut_at_any_point_ends_with_the_table_of_an_undisturbed_one(laboratory, space):
    laboratory.run(space, name="calm", slots=3, lag=6)

    for cut_after in (1, 9, 23):
        name = f"cut-{cut_after}"
        with pytest.raises(PowerCut):
            laboratory.run(space, name=name, slots=3, lag=6, durations=cut_after, cut_after=cut_after)
        for again in range(40):
            try:
                laboratory.run(space, name=name, slots=2, lag=6, durations=again, cut_after=25)
                break
            except PowerCut:
                continue
        assert laboratory.table(name) == laboratory.table("calm")


def test_lost_workers_change_nothing(laboratory, space):
    laboratory.run(space, name="calm", slots=2, lag=4)
    laboratory.run(space, name="stormy", slots=2, lag=4, durations=5, losses=0.2)

    assert laboratory.table("stormy") == laboratory.table("calm")
