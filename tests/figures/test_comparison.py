"""Comparison of studies: best values, curves, gaps and the final table are those of the rows."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from hpsearch.figures import comparison
from hpsearch.figures.rows import StudyRows
from hpsearch.storage import open_store

RECORDED = Path(__file__).parents[2] / "studies.db"
ALL = ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"]
# the best so far, and the epochs that all trials up to it had trained; a promotion's parent has trained a part of its
BEST_SO_FAR = """
SELECT number, epochs, value FROM (
    SELECT trials.number, trials.state, trials.value,
        sum(max(0, trials.epochs_done - coalesce(parents.epochs_done, 0))) OVER (ORDER BY trials.number) AS epochs,
        max(CASE WHEN trials.state = 'complete' THEN trials.value END) OVER (
            ORDER BY trials.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before
    FROM trials JOIN studies ON studies.id = trials.study_id
    LEFT JOIN trials AS parents ON parents.study_id = trials.study_id AND parents.number = trials.parent
    WHERE studies.name = ?
) WHERE state = 'complete' AND (before IS NULL OR value > before) ORDER BY number
"""
BEST_CURVE = """
WITH RECURSIVE line(id, study_id, parent) AS (
    SELECT * FROM (SELECT trials.id, study_id, parent FROM trials JOIN studies ON studies.id = study_id
        WHERE studies.name = ? AND trials.state = 'complete' ORDER BY value DESC, number LIMIT 1)
    UNION ALL
    SELECT trials.id, trials.study_id, trials.parent FROM line
    JOIN trials ON trials.study_id = line.study_id AND trials.number = line.parent
)
SELECT metric, epoch, epoch_values.value FROM epoch_values JOIN line ON line.id = trial_id ORDER BY metric, epoch
"""
TABLE = """
SELECT count(*), sum(max(0, trials.epochs_done - coalesce(parents.epochs_done, 0))), sum(trials.seconds),
    max(CASE WHEN trials.state = 'complete' THEN trials.value END)
FROM trials JOIN studies ON studies.id = trials.study_id
LEFT JOIN trials AS parents ON parents.study_id = trials.study_id AND parents.number = trials.parent
WHERE studies.name = ?
"""
RETRAIN = """
FROM evaluations JOIN trials ON trials.id = evaluations.trial_id JOIN studies ON studies.id = evaluations.study_id
WHERE studies.name = ? AND evaluations.finished_at IS NOT NULL AND evaluations.error IS NULL
"""
SCORES = f"""
SELECT metric, value FROM evaluation_scores WHERE evaluation_id = (SELECT max(evaluations.id) {RETRAIN}) ORDER BY metric
"""
RETRAINED_CURVE = f"""
SELECT metric, epoch, value FROM evaluation_epochs
WHERE evaluation_id = (SELECT max(evaluations.id) {RETRAIN}) ORDER BY metric, epoch
"""


@pytest.fixture
def compared(rows):
    """``compared(name, ...)``: the facts of some of the studies."""
    return lambda *names: comparison.facts([rows(name) for name in names])


@pytest.fixture
def recorded():
    """Two recorded studies that were retrained: all images, and a part of them."""
    with open_store(RECORDED) as store:
        yield comparison.facts([StudyRows(store, store.study(f"cifar10-random{part}")) for part in ("", "-subset")])


def lines_of(drawn):
    """The lines themselves, without the entries of the legend."""
    return [trace for trace in drawn.data if trace.showlegend is False]


def ask(query, *values):
    with contextlib.closing(sqlite3.connect(f"file:{RECORDED}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "one", "empty"])
def test_the_best_so_far_has_the_epochs_that_were_trained_up_to_it(compared, sql, name):
    facts = compared(name, "failures")

    best = facts.best[facts.best["study"] == name]
    assert list(best[["number", "epochs", "value"]].itertuples(index=False, name=None)) == sql(BEST_SO_FAR, name)


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "one"])
def test_the_curves_of_a_search_are_those_of_its_best_trial_and_of_those_that_it_continues(compared, sql, name):
    curves = compared(name, "empty").curves

    ordered = curves.sort_values(["metric", "epoch"])[["metric", "epoch", "value"]]
    assert list(ordered.itertuples(index=False, name=None)) == sql(BEST_CURVE, name)
    assert set(curves["source"]) == {"search"}


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "one"])
def test_the_table_sums_up_each_study(compared, sql, name):
    table = comparison.table(compared(name, "minimized")).set_index("study")

    ((trials, epochs, seconds, best),) = sql(TABLE, name)
    assert (table.loc[name, "trials"], table.loc[name, "epochs"]) == (trials, epochs)
    assert table.loc[name, "seconds"] == pytest.approx(seconds)
    assert table.loc[name, "best value"] == best


def test_the_gap_is_training_minus_validation_in_the_best_epoch(compared, sql):
    final = comparison.table(compared("random", "hyperband")).set_index("study").loc["random"]

    values = {metric: value for metric, epoch, value in sql(BEST_CURVE, "random") if epoch == final["best epoch"]}
    assert final["gap"] == values["accuracy"] - values["val_accuracy"]


def test_a_gap_is_drawn_for_every_epoch(compared, sql):
    drawn = comparison.gap(compared("random", "hyperband"))

    values = {(metric, epoch): value for metric, epoch, value in sql(BEST_CURVE, "hyperband")}
    (line,) = [trace for trace in lines_of(drawn) if trace.name == "hyperband"]
    assert list(line.y) == [values["accuracy", epoch] - values["val_accuracy", epoch] for epoch in line.x]


def test_the_test_scores_are_those_of_the_last_retrain(recorded):
    table = comparison.table(recorded).set_index("study")

    for name in recorded.studies:
        scores = ask(SCORES, name)
        assert [(metric, table.loc[name, f"test {metric}"]) for metric, _ in scores] == scores
        assert table.loc[name, "test accuracy"] > 0.5


def test_the_curves_of_a_retrain_are_those_of_its_rows(recorded):
    for name in recorded.studies:
        own = recorded.curves[(recorded.curves["study"] == name) & (recorded.curves["source"] == "retrain")]
        ordered = own.sort_values(["metric", "epoch"])[["metric", "epoch", "value"]]
        assert list(ordered.itertuples(index=False, name=None)) == ask(RETRAINED_CURVE, name)


def test_retrains_have_a_panel_of_their_own_below_the_search(recorded):
    drawn = comparison.curves(recorded)

    assert "best trial of the search" in drawn.layout.yaxis.title.text
    assert "retrain" in drawn.layout.yaxis2.title.text


def test_studies_with_one_objective_share_an_axis(compared):
    drawn = comparison.best_so_far(compared("random", "hyperband"))

    assert [trace.name for trace in lines_of(drawn) if trace.yaxis == "y"] == ["random", "hyperband"]
    assert [trace.name for trace in drawn.data if trace.showlegend is not False] == ["random", "hyperband"]
    assert "yaxis3" not in drawn.layout


def test_studies_that_search_for_different_things_get_axes_of_their_own(compared):
    facts = compared("random", "minimized")

    drawn = comparison.best_so_far(facts)

    assert {(trace.name, trace.yaxis) for trace in lines_of(drawn)} == {
        ("random", "y"),
        ("random", "y2"),
        ("minimized", "y3"),
        ("minimized", "y4"),
    }
    assert "axes of their own" in comparison.caption(facts)


def test_the_caption_names_the_best_first(compared):
    facts = compared("random", "hyperband")

    caption = comparison.caption(facts)

    best = facts.final.sort_values("best value", ascending=False)["study"]
    assert caption.index(f"{best.iloc[0]} 0.") < caption.index(f"{best.iloc[1]} 0.")


@pytest.mark.parametrize("name", comparison.FIGURES)
@pytest.mark.parametrize("names", [ALL, ["empty", "failures"], ["one"], ["random", "random"], []])
def test_every_figure_draws_any_studies_or_says_why_not(compared, name, names):
    facts = compared(*names)
    _title, draw = comparison.FIGURES[name]

    drawn = draw(facts)

    assert drawn.data or drawn.layout.annotations
    json.loads(drawn.to_json())
    assert len(comparison.caption(facts)) > 10
    assert len(comparison.table(facts)) == len(names)


def test_a_study_of_one_trial_is_a_mark_where_it_has_come_to(compared):
    facts = compared("one", "random")

    (one, *_) = [
        trace for trace in comparison.best_so_far(facts).data if trace.name == "one" and trace.x[0] is not None
    ]

    assert (one.mode, list(one.y)) == ("lines+markers", [0.5, 0.5])
    assert one.marker.size[-1] > 0


def test_of_more_studies_than_colours_those_of_one_colour_have_other_marks(compared):
    facts = compared(*["random"] * 10)

    legend = [trace for trace in comparison.best_so_far(facts).data if trace.showlegend is not False]

    assert len({(trace.line.color, trace.marker.symbol) for trace in legend}) == 10


def test_a_study_that_is_given_twice_has_two_names(compared):
    assert compared("random", "random").studies == ["random", "random (2)"]


def test_studies_without_a_complete_trial_are_named_with_their_states(compared):
    facts = compared("random", "empty", "failures")

    assert list(comparison.table(facts).columns[:2]) == ["study", "state"]
    assert list(comparison.table(facts)["state"]) == ["complete", "stopped", "stopped"]
    assert "Best validation accuracy: random" in comparison.caption(facts)
    assert comparison.without_complete(facts) == "No trial of empty and failures is complete yet."
    assert "No trial of empty and failures is complete yet." in comparison.caption(facts)
    assert comparison.without_complete(compared("random", "one")) == ""
