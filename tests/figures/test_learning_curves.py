"""Learning curves: the trials, their epochs and the rungs are those of the rows."""

from __future__ import annotations

import json

import pytest
from tests.figures.written import written

from hpsearch.figures import learning_curves
from hpsearch.study import Direction

BEST = """
SELECT trials.number, trials.state, trials.value, trials.best_epoch
FROM trials JOIN studies ON studies.id = trials.study_id
WHERE studies.name = ? AND trials.state = 'complete' AND NOT EXISTS (
    SELECT * FROM trials AS next
    WHERE next.study_id = trials.study_id AND next.parent = trials.number AND next.state = 'complete'
)
ORDER BY CASE studies.direction WHEN 'maximize' THEN -trials.value ELSE trials.value END, trials.number LIMIT ?
"""
POINTS = """
SELECT trial, epoch, metric, value, trained_by FROM learning_curves
WHERE study = ? AND trial IN (SELECT value FROM json_each(?)) ORDER BY trial, metric, epoch
"""
RUNGS = """
SELECT DISTINCT trials.epochs FROM trials JOIN studies ON studies.id = trials.study_id
WHERE studies.name = ? AND trials.rung IS NOT NULL ORDER BY trials.epochs
"""
ALL = ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"]


def tuples(frame):
    return list(frame.itertuples(index=False, name=None))


def lines(figure):
    """The traces of trials by name: solid, then dashed."""
    return {
        name: [trace for trace in figure.data if trace.name == name]
        for name in dict.fromkeys(trace.name for trace in figure.data if trace.name.startswith("trial"))
    }


@pytest.mark.parametrize("top", [3, 20])
@pytest.mark.parametrize("name", ALL)
def test_the_trials_are_the_best_complete_ones_that_no_other_continues(rows, sql, name, top):
    trials = learning_curves.facts(rows(name), top).trials

    assert tuples(trials) == sql(BEST, name, top)


@pytest.mark.parametrize("name", ALL)
def test_the_curves_are_the_whole_ones_of_these_trials(rows, sql, name):
    facts = learning_curves.facts(rows(name), 3)

    ordered = facts.curves.sort_values(["trial", "metric", "epoch"])
    assert tuples(ordered) == sql(POINTS, name, json.dumps(facts.trials["number"].tolist()))


@pytest.mark.parametrize("name", ALL)
def test_rungs_end_where_trials_of_a_rung_were_to_end(rows, sql, name):
    rungs = learning_curves.facts(rows(name)).rungs

    assert [(epochs,) for epochs in rungs] == sql(RUNGS, name)


def test_where_no_trial_is_complete_running_ones_stand_in_by_their_best_value_so_far(tmp_path):
    trials = [("running", {"rate": 0.1}, [0.2, 0.5]), ("pruned", {"rate": 0.2}, [0.7, 0.6]), ("running", {}, [0.1])]
    with written(tmp_path, {"rate": {"type": "float", "min": 0, "max": 1}}, trials) as rows:
        facts = learning_curves.facts(rows)

    assert tuples(facts.trials) == [(1, "pruned", 0.7, 1), (0, "running", 0.5, 2), (2, "running", 0.1, 1)]
    assert not facts.of_complete
    assert "none of them complete" in learning_curves.caption(facts)


def test_a_smaller_value_is_better_where_the_study_minimizes(tmp_path):
    trials = [("complete", {}, [0.5, 0.4]), ("complete", {}, [0.3, 0.6])]
    with written(tmp_path, {}, trials, Direction.MINIMIZE) as rows:
        facts = learning_curves.facts(rows)

    assert list(facts.trials["number"]) == [1, 0]


def test_a_line_holds_the_validation_values_and_marks_the_best_epoch(rows, sql):
    facts = learning_curves.facts(rows("random"))
    best = int(facts.trials["number"].iloc[0])

    solid, dashed = lines(learning_curves.figure(facts))[f"trial {best}"]

    values = sql(POINTS, "random", json.dumps([best]))
    assert list(solid.y) == pytest.approx([value for _, _, metric, value, _ in values if metric == "val_accuracy"])
    assert list(dashed.y) == pytest.approx([value for _, _, metric, value, _ in values if metric == "accuracy"])
    assert [epoch for epoch, size in enumerate(solid.marker.size, 1) if size] == [facts.trials["best_epoch"].iloc[0]]
    assert set(solid.customdata) == set(dashed.customdata) == {best}


def test_the_menu_changes_what_lines_hold_and_the_slider_which_are_seen(rows):
    drawn = learning_curves.figure(learning_curves.facts(rows("random")))

    (menu,), (slider,) = drawn.layout.updatemenus, drawn.layout.sliders
    assert {tuple(button.args[0]) for button in menu.buttons} == {("y", "name")}
    assert {tuple(step.args[0]) for step in slider.steps} == {("visible",)}
    for button in menu.buttons:
        assert len(button.args[0]["y"]) == len(button.args[0]["name"]) == len(drawn.data)
    for step in slider.steps:
        assert len(step.args[0]["visible"]) == len(drawn.data)


def test_the_slider_offers_as_many_as_there_are(rows):
    seven = learning_curves.facts(rows("random"), 7)

    slider = learning_curves.figure(seven, shown=3).layout.sliders[0]

    assert [step.label for step in slider.steps] == ["1", "3", "5", "7"]
    assert slider.steps[slider.active].label == "3"


def test_one_trial_needs_no_slider(rows):
    assert not learning_curves.figure(learning_curves.facts(rows("one"))).layout.sliders


def test_another_metric_may_be_shown_at_first(rows):
    facts = learning_curves.facts(rows("random"))

    drawn = learning_curves.figure(facts, metric="loss", shown=1)

    menu = drawn.layout.updatemenus[0]
    assert menu.buttons[menu.active].label == "loss"
    assert drawn.layout.yaxis.title.text == "loss"
    assert [bool(trace.visible) for trace in drawn.data[3:7]] == [True, True, False, False]


def test_the_ends_of_rungs_are_lines(rows):
    drawn = learning_curves.figure(learning_curves.facts(rows("hyperband")))

    assert [shape.x0 for shape in drawn.layout.shapes] == [1, 3, 9]


def test_a_training_of_one_epoch_is_a_mark_as_it_is_no_line(rows):
    def training(name):
        drawn = learning_curves.figure(learning_curves.facts(rows(name))).data
        return [trace for trace in drawn if trace.customdata is not None and trace.line.dash == "dash"]

    assert {(trace.mode, trace.marker.size[0] > 0) for trace in training("one")} == {("lines+markers", True)}
    assert {trace.mode for trace in training("random")} == {"lines"}
