"""Parameter importances: what they rest on is what the rows say, and they are PED-ANOVA's."""

from __future__ import annotations

import json
import warnings

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from tests.figures.written import written

from hpsearch.figures import importances

COMPLETE = """
SELECT count(*) FROM trials JOIN studies ON studies.id = trials.study_id
WHERE studies.name = ? AND trials.state = 'complete'
"""
ACTIVE = """
SELECT trial_parameters.name, count(*)
FROM trials JOIN studies ON studies.id = trials.study_id JOIN trial_parameters ON trial_parameters.trial_id = trials.id
WHERE studies.name = ? AND trials.state = 'complete' GROUP BY trial_parameters.name
"""
PARAMETERS = """
SELECT best_trials.value, best_trials.parameters FROM best_trials WHERE study = ?
"""
DISTRIBUTIONS = {
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "units": IntDistribution(16, 64, step=16),
    "optimizer": CategoricalDistribution(["adam", "sgd"]),
    "momentum": FloatDistribution(0.5, 0.95),
}


@pytest.mark.parametrize("name", ["random", "hyperband", "minimized"])
def test_they_rest_on_the_complete_trials_that_have_the_parameter(rows, sql, name):
    facts = importances.facts(rows(name))

    assert facts.trials == sql(COMPLETE, name)[0][0]
    assert dict(zip(facts.parameters["parameter"], facts.parameters["active"], strict=True)) == dict(sql(ACTIVE, name))
    assert facts.parameters["importance"].sum() == pytest.approx(1)
    assert facts.parameters["importance"].is_monotonic_decreasing


@pytest.mark.parametrize("name", ["random", "hyperband", "minimized"])
def test_they_are_those_of_optuna_for_the_same_trials(rows, sql, name):
    found = importances.facts(rows(name)).parameters

    study = optuna.create_study(direction="minimize" if name == "minimized" else "maximize")
    for value, text in sql(PARAMETERS, name):
        values = json.loads(text)
        distributions = {parameter: DISTRIBUTIONS[parameter] for parameter in values}
        study.add_trial(optuna.create_trial(value=value, params=values, distributions=distributions))
    expected = optuna.importance.get_param_importances(study)
    assert dict(zip(found["parameter"], found["importance"], strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["pruned", "one", "empty", "failures"])
def test_with_too_few_trials_it_says_so(rows, sql, name):
    facts = importances.facts(rows(name))

    count = sql(COMPLETE, name)[0][0]
    assert (facts.reason is not None) == (count < 10)
    if facts.reason:
        assert str(count) in facts.reason
        assert not importances.figure(facts).data


def test_what_decides_comes_first(tmp_path):
    space = {
        "idle": {"type": "float", "min": 0, "max": 1},
        "decides": {"type": "float", "min": 1e-4, "max": 1, "scale": "log"},
        "layers": {"type": "int", "min": 1, "max": 3},
        "units": {"type": "int", "min": 8, "max": 64, "each": "$layers"},
        "bias": [None, 1, True, "x"],
    }
    trials = []
    for number in range(60):
        decides = 10 ** (-4 + 4 * (number * 0.618 % 1))
        layers = number % 3 + 1
        values = {"idle": number * 0.414 % 1, "decides": decides, "layers": layers}
        values |= {f"units_{member}": 8 + number * (7 + member) % 57 for member in range(layers)}
        trials.append(("complete", values | {"bias": [None, 1, True, "x"][number // 3 % 4]}, [decides**0.5]))
    with written(tmp_path, space, trials) as rows:
        facts = importances.facts(rows)

    active = dict(zip(facts.parameters["parameter"], facts.parameters["active"], strict=True))
    assert facts.parameters["parameter"].iloc[0] == "decides"
    assert facts.best == 6
    assert active == dict.fromkeys(["idle", "decides", "layers", "bias", "units_0"], 60) | {
        "units_1": 40,
        "units_2": 20,
    }
    assert "units_2 (20 do)" in importances.caption(facts)


def test_values_that_are_all_the_same_give_none(tmp_path):
    space = {"rate": {"type": "float", "min": 0, "max": 1}}
    with written(tmp_path, space, [("complete", {"rate": n / 20}, [0.1]) for n in range(20)]) as rows:
        facts = importances.facts(rows)

    assert "hardly differ" in facts.reason
    assert "hardly differ" in importances.caption(facts)


def test_a_parameter_that_one_trial_lacks_raises_no_warning(tmp_path):
    space = {"kind": ["a", "b"], "rate": {"type": "float", "min": 0, "max": 1, "when": {"kind": "a"}}}
    trials = [("complete", {"kind": "a", "rate": n / 20}, [n / 20]) for n in range(20)]
    with written(tmp_path, space, [*trials, ("complete", {"kind": "b"}, [0.5])]) as rows, warnings.catch_warnings():
        warnings.simplefilter("error")
        facts = importances.facts(rows)

    assert set(facts.parameters["parameter"]) == {"kind", "rate"}


def test_a_bar_is_a_parameter_with_the_most_important_on_top(rows):
    facts = importances.facts(rows("random"))

    (bars,) = importances.figure(facts).data

    assert list(bars.y) == list(reversed(facts.parameters["parameter"].tolist()))
    assert list(bars.x) == list(reversed(facts.parameters["importance"].tolist()))
