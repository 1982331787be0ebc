"""What the sections say: numbers of the rows, the search's value and the test score apart."""

from __future__ import annotations

import ast
import contextlib
import re
import sqlite3

import pytest
from tests.new_study import new_study
from tests.report.reading import Page

from hpsearch.report.material import Material
from hpsearch.report.sections import best, epochs, facts, tested, trials
from hpsearch.report.specification import layer_lines
from hpsearch.storage import open_store
from hpsearch.study import StudyState

SCORES = """
SELECT scores.metric, scores.value FROM evaluation_scores scores JOIN evaluations ON evaluations.id = evaluation_id
JOIN studies ON studies.id = evaluations.study_id WHERE studies.name = ? ORDER BY scores.id
"""


@pytest.fixture
def material(studies_db):
    """``material(name)``: of a simulated study."""
    with open_store(studies_db) as store:
        yield lambda name: Material(store, store.study(name))


@pytest.fixture
def recorded_material(recorded):
    """``recorded_material(name)``: of a recorded study."""
    with open_store(recorded) as store:
        yield lambda name: Material(store, store.study(name))


def test_the_facts_name_settings_promise_and_costs(material):
    shown = facts.content(material("hyperband"))["facts"]

    assert shown["objective"] == "maximize validation accuracy (val_accuracy)"
    assert shown["search"].startswith("hyperband, max_epochs 9, factor 3")
    assert "lag 4" in shown["order"]
    assert "same table" in shown["order"]
    assert "last bit" in shown["arithmetic"]
    assert "in the search" in shown["epochs"]


def test_the_best_configuration_stands_beside_what_was_allowed(material):
    shown = best.content(material("random"))

    rows = {row["name"]: row for row in shown["rows"]}
    assert rows["learning_rate"]["allowed"] == "0.0001 to 0.1, log"
    assert rows["units"]["allowed"] == "16 to 64 in steps of 16"
    assert rows["optimizer"]["allowed"] == "adam, sgd"
    assert rows["momentum"]["when"] == "optimizer is sgd"
    assert rows["momentum"]["is_active"] is (rows["optimizer"]["value"] == "sgd")


def test_a_simulated_study_has_no_keras_code_and_says_why(material):
    shown = best.content(material("random"))

    assert shown["script"] == ""
    assert shown["why_no_script"] == "A simulated training has no Keras script: there is no model in it."


def test_the_best_configuration_is_code_that_python_reads(recorded_material):
    shown = best.content(recorded_material("cifar100"))

    ast.parse(shown["script"])
    assert "keras.datasets.cifar100.load_data()" in shown["script"]


def test_code_whose_data_are_not_here_is_left_out_with_the_reason(recorded):
    with contextlib.closing(sqlite3.connect(recorded)) as connection, connection:
        connection.execute(
            """UPDATE evaluations SET configuration = json_set(configuration, '$.dataset', json('{"name": "npz",
            "path": "nowhere.npz"}')) WHERE study_id = (SELECT id FROM studies WHERE name = 'cifar100')"""
        )

    with open_store(recorded) as store:
        shown = best.content(Material(store, store.study("cifar100")))

    assert shown["script"] == ""
    assert "nowhere.npz" in shown["why_no_script"]


def test_layers_of_ones_own_that_are_not_here_are_a_reason_too(recorded):
    with contextlib.closing(sqlite3.connect(recorded)) as connection, connection:
        connection.execute(
            """UPDATE evaluations SET configuration = json_set(configuration, '$.layers', json('["mine:Layer"]'))
            WHERE study_id = (SELECT id FROM studies WHERE name = 'cifar100')"""
        )

    with open_store(recorded) as store:
        shown = best.content(Material(store, store.study("cifar100")))

    assert shown["why_no_script"].startswith("mine:Layer cannot be imported")


def test_test_scores_are_those_of_the_rows_and_stand_apart_from_the_search(recorded_material, recorded):
    (shown,) = tested.content(recorded_material("cifar100"))["retrainings"]

    with contextlib.closing(sqlite3.connect(recorded)) as connection:
        scores = connection.execute(SCORES, ["cifar100"]).fetchall()
    assert [(name, float(value)) for name, value in shown["scores"].items()] == [
        (name, pytest.approx(value, abs=5e-5)) for name, value in scores
    ]
    assert len(shown["classes"]) == 100
    assert shown["ends"][0]["recall"] > shown["ends"][1]["recall"]
    assert shown["trial"].value not in [value for _, value in scores]


def test_the_epochs_of_a_retraining_have_their_learning_rates(recorded_material, recorded):
    (table,) = epochs.content(recorded_material("cifar100"))["tables"]

    with contextlib.closing(sqlite3.connect(recorded)) as connection:
        rates = connection.execute(
            "SELECT p.epoch, value FROM evaluation_epochs p JOIN evaluations e ON e.id = evaluation_id "
            "JOIN studies s ON s.id = e.study_id WHERE s.name = 'cifar100' AND p.metric = 'learning_rate' ORDER BY 1"
        ).fetchall()
    assert table["columns"][0] == "learning_rate"
    assert [(row["epoch"], float(row["values"][0])) for row in table["rows"]] == [
        (epoch, pytest.approx(rate, rel=1e-5)) for epoch, rate in rates
    ]
    assert len(rates) > 1


def test_where_nothing_was_retrained_the_epochs_are_those_of_the_search(material):
    (table,) = epochs.content(material("hyperband"))["tables"]

    assert table["title"].endswith("in the search")
    assert [row["epoch"] for row in table["rows"]] == list(range(1, 10))  # a promotion's parents' included


def test_metrics_stand_beside_their_validation(material):
    (table,) = epochs.content(material("random"))["tables"]

    assert table["columns"] == ["learning_rate", "loss", "val_loss", "accuracy", "val_accuracy"]


def test_a_hyperband_study_has_rungs_in_its_table(material):
    assert trials.content(material("hyperband"))["has_rungs"]
    assert not trials.content(material("random"))["has_rungs"]


def test_layers_are_lines_and_residuals_are_indented():
    layers = ["Flatten", {"Dense": {"units": 10, "activation": "relu"}}, {"Dropout": 0.5}]

    lines = layer_lines([*layers, {"residual": [{"Conv2D": {"filters": 8, "kernel_size": [3, 3]}}]}])

    assert lines == [
        "Flatten",
        "Dense  units 10, activation relu",
        "Dropout  0.5",
        "residual",
        "    Conv2D  filters 8, kernel_size [3, 3]",
    ]


def test_repeats_of_one_retraining_are_one_result_with_a_deviation(recorded):
    with open_store(recorded, read_only=False) as store:
        study = store.study("cifar100")
        first = Material(store, study).tested[0].evaluations[0]
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            made = write.add_evaluation(first.trial, 2, first.role, 5, first.epochs, dict(first.configuration))
            write.finish_evaluation(made, {"accuracy": 0.5}, list(first.classes), first.confusion, 1)

        (result,) = Material(store, study).tested

    assert [record.repeat for record in result.evaluations] == [1, 2]
    assert result.deviations["accuracy"] > 0


def test_a_retrain_that_failed_says_why_there_is_no_score(recorded):
    with open_store(recorded, read_only=False) as store:
        study = store.study("cifar10")
        with contextlib.closing(sqlite3.connect(recorded)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("DELETE FROM evaluations WHERE study_id = ?", [study.id])
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            made = write.add_evaluation(8, 1, "retrained", 5, 3, {})
            write.fail_evaluation(made, "ValueError: no room")

        shown = tested.content(Material(store, study))

    assert shown == "The retrain of trial 8 failed: ValueError: no room"


def test_a_page_names_search_value_and_test_score_apart(recorded_page):
    text = recorded_page("cifar100").text("content")

    assert re.search(r"best in the search 0\.\d{4} validation accuracy, trial \d+", text)
    assert re.search(r"on the test split 0\.\d{4} accuracy, retrained, evaluated once", text)
    assert isinstance(recorded_page("cifar100"), Page)


def test_a_study_whose_coordinator_ended_without_a_word_is_not_running(tmp_path):
    with open_store(tmp_path / "studies.db", create=True) as store:
        study = store.create_study(new_study("left", {}))
        with store.claim(study.id) as lease:
            with store.writer(lease).transaction() as write:
                write.set_study_state(StudyState.RUNNING)
            running = facts.content(Material(store, store.study("left")))["facts"]["state"]

        left = facts.content(Material(store, store.study("left")))["facts"]["state"]

    assert running == "running"
    assert left == "running when its coordinator ended without a word; `hpsearch run` goes on"
