"""Figures of retrained models, on recorded studies of 10 and of 100 classes: their numbers are those of the rows."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from hpsearch.figures import classes, confusion, examples, members, retrain_curves
from hpsearch.figures.registry import RETRAIN_FIGURES, figure_module
from hpsearch.figures.rows import StudyRows
from hpsearch.storage import open_store

RECORDED = Path(__file__).parents[2] / "studies.db"
TEN, HUNDRED = "cifar10-random", "cifar100"

CURVE = """
SELECT points.epoch, points.metric, points.value
FROM evaluation_epochs points JOIN evaluations ON evaluations.id = points.evaluation_id
JOIN studies ON studies.id = evaluations.study_id WHERE studies.name = ? ORDER BY points.epoch, points.id
"""
CURVE_OF_THE_SEARCH = """
SELECT points.epoch, points.metric, points.value
FROM epoch_values points JOIN trials ON trials.id = points.trial_id
JOIN studies ON studies.id = trials.study_id WHERE studies.name = ? AND trials.number = ?
"""
BEST_EPOCH = """
SELECT points.epoch FROM evaluation_epochs points JOIN evaluations ON evaluations.id = points.evaluation_id
JOIN studies ON studies.id = evaluations.study_id
WHERE studies.name = ? AND points.metric = studies.metric ORDER BY points.value DESC, points.epoch LIMIT 1
"""
CELLS = """
SELECT rows.key, cells.key, cells.value
FROM evaluations JOIN studies ON studies.id = evaluations.study_id,
     json_each(evaluations.confusion) rows, json_each(rows.value) cells
WHERE studies.name = ? ORDER BY rows.key, cells.key
"""
CLASSES = """
SELECT classes.key, classes.value ->> 'name', classes.value ->> 'precision', classes.value ->> 'recall',
       classes.value ->> 'f1', classes.value ->> 'support'
FROM evaluations JOIN studies ON studies.id = evaluations.study_id, json_each(evaluations.classes) classes
WHERE studies.name = ? ORDER BY 4 DESC, 1
"""
PAIRS = """
SELECT truth.name, said.name, cells.count FROM
    (SELECT rows.key AS row, cells.key AS cell, cells.value AS count
     FROM evaluations JOIN studies ON studies.id = evaluations.study_id,
          json_each(evaluations.confusion) rows, json_each(rows.value) cells
     WHERE studies.name = :study) cells
JOIN ({names}) truth ON truth.key = cells.row JOIN ({names}) said ON said.key = cells.cell
WHERE cells.row != cells.cell AND cells.count > 0 ORDER BY cells.count DESC, cells.row, cells.cell LIMIT 5
""".format(
    names="""
    SELECT classes.key AS key, classes.value ->> 'name' AS name
    FROM evaluations JOIN studies ON studies.id = evaluations.study_id, json_each(evaluations.classes) classes
    WHERE studies.name = :study"""
)
MEMBERS = """
SELECT members.key + 1, members.value ->> 'accuracy' FROM evaluations, json_each(evaluations.members) members
WHERE evaluations.id = ?
"""


@pytest.fixture
def database(tmp_path):
    """A copy of the recorded studies."""
    return Path(shutil.copy(RECORDED, tmp_path / "studies.db"))


@pytest.fixture
def rows(database):
    """``rows(name)``: the rows of a recorded study."""
    with open_store(database) as store:
        yield lambda name: StudyRows(store, store.study(name))


@pytest.fixture
def sql(database):
    """``sql(query, values)``: what a query finds."""

    def ask(query, values):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            return connection.execute(query, values).fetchall()

    return ask


@pytest.fixture
def tested(database):
    """``tested(trial, accuracy, ...)``: one more retraining of `TEN` with made-up scores of two classes; its id."""

    def write_evaluation(
        trial=7,
        accuracy=0.5,
        role="retrained",
        repeat=1,
        training=None,
        members=(),
        epochs=6,
        names=("<b>cat</b>", "dog"),
    ):
        with open_store(database, read_only=False) as store:
            study = store.study(TEN)
            with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
                configuration = {"training": {"epochs": epochs, **(training or {})}}
                made = write.add_evaluation(trial, repeat, role, 3, epochs, configuration)
                for epoch in range(1, epochs + 1) if role == "retrained" else ():
                    values = {"loss": 1 / epoch, "val_accuracy": epoch / 10, "learning_rate": 0.1**epoch}
                    write.record_evaluation_epoch(made, epoch, values, 0.1)
                scores = [{"name": name, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4} for name in names]
                write.finish_evaluation(
                    made, {"accuracy": accuracy}, scores, [[2, 2], [2, 2]], None if members else epochs, members
                )
        return made

    return write_evaluation


def the_rows_of(table):
    """(epoch, metric) -> value of a table of epochs."""
    return {(epoch, metric): value for metric in table for epoch, value in table[metric].items()}


@pytest.mark.parametrize("name", [TEN, HUNDRED])
def test_the_curves_are_all_metrics_of_all_epochs_with_their_learning_rate(rows, sql, name):
    facts = retrain_curves.facts(rows(name))

    recorded = sql(CURVE, [name])
    assert the_rows_of(facts.table) == {(epoch, metric): value for epoch, metric, value in recorded}
    assert "learning_rate" in facts.table
    assert facts.best == sql(BEST_EPOCH, [name])[0][0]
    tested = sql("SELECT epoch FROM evaluations JOIN studies s ON s.id = study_id WHERE s.name = ?", [name])
    assert [(facts.tested,)] == tested


def test_the_curves_of_a_retraining_that_somebody_does_are_shown_as_far_as_they_are(database, sql):
    with open_store(database, read_only=False) as store:
        study = store.study(TEN)
        with store.claim(study.id) as lease:
            with store.writer(lease).transaction() as write:
                underway = write.add_evaluation(7, 0, "retrained", 3, 20, {"training": {"epochs": 20}})
                for epoch in (1, 2):
                    write.record_evaluation_epoch(underway, epoch, {"loss": 1.0, "val_accuracy": 0.1 * epoch}, 0.1)
            now = retrain_curves.facts(StudyRows(store, study))
        later = retrain_curves.facts(StudyRows(store, study))

    recorded = sql("SELECT epoch, metric, value FROM evaluation_epochs WHERE evaluation_id = ?", [underway])
    assert the_rows_of(now.table) == {(epoch, metric): value for epoch, metric, value in recorded}
    assert (now.best, now.tested) == (2, None)
    assert retrain_curves.caption(now).startswith("Trial 7, retrained for 2 of 20 epochs so far.")
    assert later.retraining.id != underway, "nobody does it any more, and there is one that has ended"


def test_training_is_dashed_validation_solid_and_the_learning_rate_has_the_panel_below(rows):
    drawn = {trace.name: trace for trace in retrain_curves.figure(retrain_curves.facts(rows(HUNDRED))).data}

    assert drawn["training accuracy"].yaxis == drawn["validation accuracy"].yaxis
    assert (drawn["training loss"].line.dash, drawn["validation loss"].line.dash) == ("dash", "solid")
    assert drawn["learning rate"].yaxis == "y3"


def test_kept_weights_show_the_curve_of_the_search(rows, sql, tested):
    tested(role="kept")

    facts = retrain_curves.facts(rows(TEN))

    recorded = sql(CURVE_OF_THE_SEARCH, [TEN, 7])
    assert the_rows_of(facts.table) == {(epoch, metric): value for epoch, metric, value in recorded}
    assert "the search has kept" in retrain_curves.caption(facts)


def test_snapshots_are_marked_at_the_ends_of_their_cycles(rows, tested):
    tested(training={"snapshots": {"count": 3}}, members=[{"accuracy": 0.4}] * 3)

    facts = retrain_curves.facts(rows(TEN))

    assert facts.snapshots == (2, 4, 6)
    assert facts.tested is None
    assert [shape.x0 for shape in retrain_curves.figure(facts).layout.shapes] == [2, 4, 6]
    assert "after epochs 2, 4, 6" in retrain_curves.caption(facts)


def test_rates_that_fall_far_are_drawn_on_a_logarithmic_axis(rows, tested):
    tested()

    falling = retrain_curves.figure(retrain_curves.facts(rows(TEN)))
    steady = retrain_curves.figure(retrain_curves.facts(rows(HUNDRED)))

    assert falling.layout.yaxis3.type == "log"
    assert steady.layout.yaxis3.type is None


@pytest.mark.parametrize(("name", "count"), [(TEN, 10), (HUNDRED, 100)])
def test_the_confusion_matrix_is_the_recorded_one(rows, sql, name, count):
    facts = confusion.facts(rows(name))

    recorded = sql(CELLS, [name])
    assert len(recorded) == count**2
    assert [(true, said, facts.counts.loc[true, said]) for true in range(count) for said in range(count)] == recorded
    shares = facts.shares.to_numpy()
    assert shares.sum(axis=1) == pytest.approx(1.0)
    first = facts.pairs.head(5)[["true", "predicted", "count"]]
    assert list(first.itertuples(index=False, name=None)) == sql(PAIRS, {"study": name})


def test_few_classes_have_numbers_in_their_cells_and_many_have_not(rows):
    few, many = (confusion.figure(confusion.facts(rows(name))) for name in (TEN, HUNDRED))

    assert few.data[0].texttemplate == "%{text}"
    assert many.data[0].texttemplate is None
    assert (few.layout.yaxis.scaleanchor, many.layout.yaxis.scaleanchor) == ("x", "x")


def test_classes_whose_names_look_alike_stay_apart(rows, tested):
    tested(names=("a very long name of a fast dog", "a very long name of a fat dog"))

    drawn = confusion.figure(confusion.facts(rows(TEN)))

    assert list(drawn.data[0].x) == ["a very long name of a f… (0)", "a very long name of a f… (1)"]


@pytest.mark.parametrize("name", [TEN, HUNDRED])
def test_the_classes_are_the_recorded_ones_best_recall_first(rows, sql, name):
    facts = classes.facts(rows(name))

    recorded = sql(CLASSES, [name])
    columns = ["label", "name", "precision", "recall", "f1", "support"]
    found = list(facts.scores[columns].itertuples(index=False, name=None))
    assert [row[:2] for row in found] == [row[:2] for row in recorded]
    assert [row[2:] for row in found] == [pytest.approx(row[2:], rel=1e-12) for row in recorded]


def test_of_many_classes_the_best_and_the_worst_are_drawn_and_the_rest_is_told(rows):
    facts = classes.facts(rows(HUNDRED))

    drawn = classes.figure(facts)

    assert [facts.ends["name"].iloc[place] for place in (0, -1)] == [
        facts.scores["name"].iloc[place] for place in (0, -1)
    ]
    assert sum(len(trace.y) for trace in drawn.data if trace.type == "bar") == 30
    assert "the other 70 have a recall from" in classes.caption(facts)


def test_the_best_and_the_worst_class_are_marked(rows):
    facts = classes.facts(rows(TEN))

    drawn = {trace.name: trace for trace in classes.figure(facts).data}

    assert list(drawn["best"].y) == [facts.scores["name"].iloc[0]]
    assert list(drawn["worst"].y) == [facts.scores["name"].iloc[-1]]
    assert len(drawn["recall"].y) == 8


def test_members_and_their_ensemble_are_the_recorded_ones(rows, sql, tested):
    one = tested(
        accuracy=0.75,
        training={"snapshots": {"count": 3, "combine": "vote"}},
        members=[{"accuracy": accuracy} for accuracy in (0.25, 0.5, 0.375)],
    )

    facts = members.facts(rows(TEN))

    assert list(facts.members[["member", "accuracy"]].itertuples(index=False, name=None)) == sql(MEMBERS, [one])
    assert list(facts.members["epoch"]) == [2, 4, 6]
    ensemble = sql("SELECT value FROM evaluation_scores WHERE evaluation_id = ? AND metric = 'accuracy'", [one])
    assert [(facts.ensemble,)] == ensemble
    assert "by vote" in members.caption(facts)
    assert [len(trace.x) for trace in members.figure(facts).data] == [3, 1]


def test_one_model_without_snapshots_has_no_members_to_compare(rows):
    facts = members.facts(rows(TEN))

    assert "no ensemble" in members.figure(facts).layout.annotations[0].text


def test_the_last_retraining_of_the_best_trial_is_shown_and_of_it_the_first_repeat(rows, sql, tested):
    longer = tested(epochs=9)
    tested(epochs=9, repeat=2)
    other = tested(trial=0)

    shown = [figure_module(name).facts(rows(TEN)).retraining.id for name in RETRAIN_FIGURES]

    assert shown == [longer] * len(RETRAIN_FIGURES)
    assert confusion.facts(rows(TEN), evaluation=other).retraining.trial == 0
    best = sql(
        "SELECT number FROM trials JOIN studies s ON s.id = study_id WHERE s.name = ? AND trials.state = 'complete' "
        "ORDER BY value DESC, number LIMIT 1",
        [TEN],
    )
    assert [(rows(TEN).last_retraining.trial,)] == best


@pytest.mark.parametrize("name", RETRAIN_FIGURES)
def test_a_retraining_that_does_not_exist_is_refused(rows, name):
    with pytest.raises(KeyError):
        figure_module(name).facts(rows(TEN), evaluation=10**9)


@pytest.mark.parametrize("name", RETRAIN_FIGURES)
def test_names_of_classes_are_shown_letter_by_letter(rows, tested, name):
    tested()
    module = figure_module(name)

    drawn = module.figure(module.facts(rows(TEN))).to_json()

    assert "cat</b>" not in drawn.replace("\\u003c", "<").replace("\\u003e", ">")


def test_a_figure_of_one_repeat_says_which_of_how_many(rows, tested):
    first, second, other = tested(), tested(repeat=2), tested(epochs=4)

    said = [retrain_curves.caption(retrain_curves.facts(rows(TEN), made)) for made in (first, second, other)]

    assert said[0].startswith("Trial 7, retrained for 6 epochs (the first of 2 repeats). ")
    assert said[1].startswith("Trial 7, retrained for 6 epochs (repeat 2). ")
    assert said[2].startswith("Trial 7, retrained for 4 epochs. ")


def test_simulated_training_has_no_test_images_and_says_so(rows, tested):
    made = tested(training={"trainer": "simulated"})

    assert examples.caption(examples.facts(rows(TEN), made)) == "Simulated training has no test images."


def test_a_learning_rate_that_goes_up_and_down_again_has_its_ends_in_the_caption(rows, tested, database):
    made = tested(epochs=3)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        change = (
            "UPDATE evaluation_epochs SET value = ? WHERE evaluation_id = ? AND metric = 'learning_rate' AND epoch = ?"
        )
        connection.executemany(change, [(0.00055, made, 1), (0.001, made, 2), (0.00055, made, 3)])

    caption = retrain_curves.caption(retrain_curves.facts(rows(TEN), made))

    assert "Learning rate 0.00055 at first, 0.00055 at last, between 0.00055 and 0.001." in caption
