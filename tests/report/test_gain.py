"""What a search gained: the best of its first random trials against the best of all."""

from __future__ import annotations

import pytest

from hpsearch.report.gain import FIRST, gain
from hpsearch.report.material import Material
from hpsearch.storage import open_store
from hpsearch.study import Direction, Objective, Order, Study, StudyState, Trial, TrialState

RUNG_0 = """
SELECT count(*), sum(epochs_done), max(CASE WHEN trials.state = 'complete' THEN value END)
FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'hyperband' AND rung = 0 AND trials.state != 'invalid'
"""
ALL = """
SELECT count(*), (SELECT count(*) FROM epochs JOIN trials t ON t.id = trial_id WHERE t.study_id = s.id),
       max(CASE WHEN trials.state = 'complete' THEN value END)
FROM trials JOIN studies s ON s.id = study_id WHERE s.name = ? AND trials.state != 'invalid'
"""


@pytest.fixture
def material(studies_db):
    """``material(name)``: of a simulated study."""
    with open_store(studies_db) as store:
        yield lambda name: Material(store, store.study(name))


def found(material):
    return gain(material.study, material.trials, len(material.rows.definitions))


def numbers(stage):
    return stage.trials, stage.epochs, stage.best.value


def test_hyperband_is_compared_with_its_rung_0(material, sql):
    first, full, everything = found(material("hyperband")).stages

    assert numbers(first) == sql(RUNG_0)[0]
    assert numbers(everything) == sql(ALL, "hyperband")[0]
    assert full.trials < first.trials


def test_random_search_is_compared_with_its_first_trials_and_no_learning_is_claimed(material, sql):
    shown = found(material("random"))

    assert "does not learn" in shown.text
    assert numbers(shown.stages[-1]) == sql(ALL, "random")[0]
    complete = sql(
        "SELECT value FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random' AND trials.state = "
        "'complete' ORDER BY number LIMIT ?",
        FIRST,
    )
    assert shown.stages[0].best.value == max(complete)[0]


def test_what_pruning_saved_is_counted(material, sql):
    shown = found(material("pruned"))

    (pruned,) = sql(
        "SELECT count(*), sum(trials.epochs - epochs_done) FROM trials JOIN studies s ON s.id = study_id "
        "WHERE s.name = 'pruned' AND trials.state = 'pruned'"
    )
    assert f"Pruning ended {pruned[0]} trials early, which saved {pruned[1]} epochs." in shown.text


@pytest.mark.parametrize("name", ["empty", "failures"])
def test_without_a_complete_trial_there_is_nothing_to_say(material, name):
    assert found(material(name)) is None


def test_too_few_trials_of_a_random_search_are_compared_with_nothing(material):
    shown = found(material("one"))

    assert [stage.name for stage in shown.stages] == ["all trials"]
    assert "With 1 complete trial" in shown.text


def test_the_random_start_of_tpe_ends_when_it_knows_ten_results():
    # told in order, three later than proposed; trial 2 failed, so it is no result
    states = [TrialState.FAILED if number == 2 else TrialState.COMPLETE for number in range(20)]
    trials = [a_trial(number, state, known=max(0, number - 3)) for number, state in enumerate(states)]

    shown = gain(a_study("optuna", {"sampler": "tpe"}), trials, 4)

    assert shown.stages[0].trials == 14  # trial 14 knows 0 to 10, of which ten have a result
    assert shown.stages[0].best.number == 13
    assert "gain of 0.0600, for 6 trials and 12 epochs more" in shown.text


def test_the_random_start_of_bayesian_optimisation_is_three_trials_a_parameter():
    trials = [a_trial(number, TrialState.COMPLETE, known=number) for number in range(20)]

    shown = gain(a_study("bayesian", {"enqueue": [{}]}), trials, 5)

    assert shown.stages[0].trials == 15
    assert "The first 1 trial the file has named itself" in shown.text


def test_a_smaller_value_is_a_gain_where_the_study_minimizes():
    trials = [a_trial(number, TrialState.COMPLETE, known=number, value=1 - number / 100) for number in range(20)]

    shown = gain(a_study("optuna", {"sampler": "tpe"}, Direction.MINIMIZE), trials, 2)

    assert shown.stages[-1].best.number == 19
    assert "from 0.9100 (trial 9) to 0.8100 (trial 19), a gain of 0.1000" in shown.text


def test_a_search_that_found_nothing_better_is_said_to_have_found_nothing_better():
    trials = [a_trial(number, TrialState.COMPLETE, known=number, value=1 - number / 100) for number in range(20)]

    shown = gain(a_study("optuna", {"sampler": "tpe"}), trials, 2)

    assert "learning has not found a better validation accuracy than 1.0000" in shown.text


def a_trial(number, state, known, value=None):
    value = number / 100 if value is None else value
    return Trial(
        number,
        state,
        {},
        2,
        seed=1,
        epochs_done=2,
        known=known,
        told=number,
        value=value if state is TrialState.COMPLETE else None,
    )


def a_study(backend, search, direction=Direction.MAXIMIZE):
    from datetime import UTC, datetime

    return Study(
        id=1,
        name="written",
        description="",
        state=StudyState.COMPLETE,
        seed=1,
        objective=Objective("val_accuracy", direction),
        yaml="",
        resolved={"search": search},
        hash="",
        backend=backend,
        order=Order.NUMBER,
        lag=3,
        threads=1,
        deterministic=True,
        onednn=True,
        versions={},
        created_at=datetime.now(UTC),
    )
