from dataclasses import replace

import pytest
from tests.search.spaces import FINITE, MAXIMIZE, MIXED, SETTINGS, SMALL

from hpsearch.search.backend import Proposal
from hpsearch.search.plan import hyperband_brackets, plan
from hpsearch.search.points import Points
from hpsearch.search.registry import make_backend
from hpsearch.study import Order, Trial, TrialState


def hyperband(max_epochs, factor=3, iterations=1):
    arguments = {"max_epochs": max_epochs, "factor": factor, "iterations": iterations}
    return replace(SETTINGS["hyperband"], arguments=arguments)


def proposed(parameters, settings):
    """What the backend proposes when nothing fails: {(bracket, rung): (trials, epochs)} and the epochs trained."""
    backend = make_backend(parameters, settings, MAXIMIZE, settings.arguments["max_epochs"], seed=7)
    table, trained, rows = {}, 0, []
    while isinstance(answer := backend.ask(len(rows)), Proposal):
        place = answer.bracket, answer.rung
        table[place] = (table.get(place, (0, 0))[0] + 1, answer.epochs)
        trained += answer.epochs - (0 if answer.parent is None else rows[answer.parent].epochs)
        number = len(rows)
        rows.append(Trial(number, TrialState.COMPLETE, answer.parameters, answer.epochs, seed=1, value=number % 17))
        backend.tell(rows[-1])
    return table, trained


def planned(found):
    table = {}
    for bracket in found.brackets:
        for rung in bracket.rungs:
            place = bracket.bracket, rung.rung
            table[place] = (table.get(place, (0, 0))[0] + rung.trials, rung.epochs)
    return table, found.epochs


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 10])
def test_the_plan_is_what_hyperband_really_proposes(factor):
    for max_epochs in (1, 2, 3, 4, 5, 8, 9, 10, 16, 25, 27, 30, 64, 81, 100):
        settings = hyperband(max_epochs, factor, iterations=1 + max_epochs % 2)

        assert planned(plan(SMALL, settings, max_epochs)) == proposed(SMALL, settings)


def test_the_sizes_are_keras_tuners_for_every_budget_up_to_1000():
    from keras_tuner.oracles import HyperbandOracle

    for factor in (2, 3, 4, 7):
        for max_epochs in range(1, 1001):
            oracle = HyperbandOracle.__new__(HyperbandOracle)
            oracle.max_epochs, oracle.factor, oracle.min_epochs = max_epochs, factor, 1
            expected = [
                [(oracle._get_size(s, rung), oracle._get_epochs(s, rung)) for rung in range(s + 1)]
                for s in reversed(range(oracle._get_num_brackets()))
            ]
            brackets = hyperband_brackets(max_epochs, factor)

            assert [[(rung.trials, rung.epochs) for rung in bracket.rungs] for bracket in brackets] == expected


def test_ten_epochs_by_three_are_thirty_trials_and_120_epochs():
    found = plan(MIXED, hyperband(10), 10)

    assert [str(bracket) for bracket in found.brackets] == ["12@2, 4@4, 2@10", "6@4, 2@10", "4@10"]
    assert [bracket.bracket for bracket in found.brackets] == [2, 1, 0]
    assert (found.trials, found.epochs) == (30, 120)


def test_thirty_epochs_by_three_are_ninety_trials_and_576_epochs():
    found = plan(MIXED, hyperband(30), 30)

    assert (found.trials, found.epochs) == (90, 576)


def test_a_space_smaller_than_the_plan_ends_it_early():
    parameters = {key: FINITE[key] for key in ("activation", "alpha", "blocks")}  # 27 configurations

    assert planned(plan(parameters, hyperband(9, iterations=3), 9)) == proposed(parameters, hyperband(9, iterations=3))


def test_other_searches_are_trials_times_epochs():
    random = plan(MIXED, replace(SETTINGS["random"], max_trials=20), 5)
    grid = plan(FINITE, SETTINGS["grid"], 5)
    some = plan(FINITE, replace(SETTINGS["grid"], max_trials=20), 5)

    assert (random.trials, random.epochs, random.order) == (20, 100, Order.NUMBER)
    assert (grid.trials, grid.epochs) == (Points(FINITE).size, Points(FINITE).size * 5)
    assert (some.trials, some.epochs) == (20, 100)


def test_the_order_and_its_reason_are_part_of_the_plan():
    pruned = plan(MIXED, replace(SETTINGS["optuna-tpe-median-number"], order=None), 5)
    asked = plan(MIXED, SETTINGS["optuna-tpe-median-number"], 5)

    assert (pruned.order, asked.order) == (Order.FINISHED, Order.NUMBER)
    assert "pruner" in pruned.reason
    assert "asks for" in asked.reason
