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


@pytest.mark.parametrize("sets", [range(10), range(10, 20)], ids=["first ten", "last ten"])
def test_two_four_and_eight_slots_give_one_table_at_one_lag_whatever_finishes_first(laboratory, space, sets):
    laboratory.run(space, name="one slot", lag=8)
    expected = laboratory.table("one slot")

    for durations in sets:
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


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_a_pruned_search_told_as_trials_finish_goes_on_exactly_from_its_rows(laboratory, pruner):
    search = {"backend": "optuna", "pruner": pruner, "max_trials": 14, "order": "finished"}
    space = laboratory.space(search=search, training={"trainer": "simulated", "epochs": 5})
    laboratory.run(space, name="calm")

    for cut_after in (1, 12, 30):
        name = f"cut-{cut_after}"
        with pytest.raises(PowerCut):
            laboratory.run(space, name=name, cut_after=cut_after)
        laboratory.run(space, name=name)
        assert laboratory.table(name) == laboratory.table("calm")


def test_told_as_they_finish_every_place_of_telling_is_given_once_over_restarts(laboratory):
    search = {"backend": "optuna", "pruner": "median", "max_trials": 14}
    space = laboratory.space(search=search, training={"trainer": "simulated", "epochs": 5})
    for cut_after in (9, 14, 23):
        with pytest.raises(PowerCut):
            laboratory.run(space, slots=3, durations=cut_after, cut_after=cut_after)

    laboratory.run(space, slots=3)

    assert sorted(trial.told for trial in laboratory.trials()) == list(range(14))
    assert all(trial.known <= trial.number for trial in laboratory.trials())
