"""The value over two parameters: points are the rows', and a node is the mean of the rows around it."""

from __future__ import annotations

import math

import pytest
from tests.figures.written import written

from hpsearch.figures import contour, importances

PAIRS = """
SELECT trials.number, trials.value, COALESCE(x.value_text, x.value_integer, x.value_float) AS x,
       COALESCE(y.value_text, y.value_integer, y.value_float) AS y
FROM trials JOIN studies ON studies.id = trials.study_id
JOIN trial_parameters AS x ON x.trial_id = trials.id AND x.name = ?
JOIN trial_parameters AS y ON y.trial_id = trials.id AND y.name = ?
WHERE studies.name = ? AND trials.state IN ('complete', 'pruned') AND trials.value IS NOT NULL
ORDER BY CASE studies.direction WHEN 'maximize' THEN -trials.value ELSE trials.value END, trials.number
"""
AROUND = f"SELECT avg(value), count(*) FROM ({PAIRS}) WHERE x BETWEEN ? AND ? AND y BETWEEN ? AND ?"
OF_CHOICE = f"SELECT avg(value), count(*) FROM ({PAIRS}) WHERE x = ? AND y BETWEEN ? AND ?"


def around(node, reach, is_log):
    """The ends of what a node reaches, in natural units."""
    near = 1e-6 * reach
    if is_log:
        return 10 ** (math.log10(node) - reach - near), 10 ** (math.log10(node) + reach + near)
    return node - reach - near, node + reach + near


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "minimized"])
def test_the_points_are_the_trials_that_have_both_parameters(rows, sql, name):
    facts = contour.facts(rows(name), "learning_rate", "momentum")

    points = facts.points[["number", "value", "x", "y"]]
    assert list(points.itertuples(index=False, name=None)) == sql(PAIRS, "learning_rate", "momentum", name)
    both, all_of_them = len(points), len(sql(PAIRS, "learning_rate", "units", name))
    assert facts.without == all_of_them - both


@pytest.mark.parametrize("name", ["random", "hyperband", "minimized"])
def test_a_node_is_the_mean_of_the_trials_around_it_and_blank_without_any(rows, sql, name):
    facts = contour.facts(rows(name), "learning_rate", "momentum")

    for node in facts.nodes.itertuples():
        x, y = around(node.x, facts.reach[0], True), around(node.y, facts.reach[1], False)
        mean, count = sql(AROUND, "learning_rate", "momentum", name, *x, *y)[0]
        assert node.trials == count
        assert (math.isnan(node.value) and mean is None) or node.value == pytest.approx(mean)


def test_along_choices_a_node_has_the_trials_of_its_choice(rows, sql):
    facts = contour.facts(rows("random"), "optimizer", "units")

    for node in facts.nodes.itertuples():
        y = around(node.y, facts.reach[1], False)
        mean, count = sql(OF_CHOICE, "optimizer", "units", "random", facts.x.choices[int(node.x)], *y)[0]
        assert node.trials == count
        assert (math.isnan(node.value) and mean is None) or node.value == pytest.approx(mean)


def test_the_grid_lies_over_the_points(rows):
    facts = contour.facts(rows("random"), "learning_rate", "units")

    for axis in ("x", "y"):
        assert facts.nodes[axis].min() == pytest.approx(facts.points[axis].min())
        assert facts.nodes[axis].max() == pytest.approx(facts.points[axis].max())
    assert len(facts.nodes) <= contour.MOST_NODES**2


def test_the_two_most_important_numbers_are_taken_where_none_are_asked_for(rows):
    study = rows("random")

    facts = contour.facts(study)

    ordered = [name for name in importances.facts(study).parameters["parameter"] if name != "optimizer"]
    assert [facts.x.name, facts.y.name] == ordered[:2]


def test_with_too_few_trials_for_importances_the_first_numbers_are_taken(tmp_path):
    space = {
        "kind": ["a", "b"],
        **{name: {"type": "float", "min": 0, "max": 1} for name in ("first", "second", "third")},
    }
    trials = [
        ("complete", {"kind": kind, "first": value, "second": 1 - value, "third": value**2}, [value])
        for kind, value in (("a", 0.1), ("b", 0.2), ("a", 0.4))
    ]
    with written(tmp_path, space, trials) as rows:
        facts = contour.facts(rows)
        of_one = contour.facts(rows, y="kind")

    assert (facts.x.name, facts.y.name) == ("first", "second")
    assert (of_one.x.name, of_one.y.name) == ("first", "kind")


@pytest.mark.parametrize(
    ("name", "x", "y", "words"),
    [
        ("empty", None, None, "No trial is complete or pruned"),
        ("failures", None, None, "No trial is complete or pruned"),
        ("one", None, None, "two parameters that vary"),
        ("random", "no_such", "units", "no_such does not vary"),
        ("random", "units", "units", "two parameters that vary"),
    ],
)
def test_it_says_why_nothing_is_drawn(rows, name, x, y, words):
    facts = contour.facts(rows(name), x, y)

    assert words in facts.reason
    assert words in contour.caption(facts)
    assert words in contour.figure(facts).layout.annotations[0].text


def test_trials_that_never_have_both_are_no_surface(tmp_path):
    space = {
        "kind": ["a", "b"],
        "left": {"type": "float", "min": 0, "max": 1, "when": {"kind": "a"}},
        "right": {"type": "float", "min": 0, "max": 1, "when": {"kind": "b"}},
    }
    trials = [
        *(("complete", {"kind": "a", "left": n / 4}, [n / 4]) for n in range(4)),
        *(("complete", {"kind": "b", "right": n / 4}, [n / 4]) for n in range(4)),
    ]
    with written(tmp_path, space, trials) as rows:
        facts = contour.facts(rows, "left", "right")

    assert "Too few trials have both" in facts.reason


def test_choices_are_cells_and_numbers_a_surface(rows):
    of_numbers = contour.figure(contour.facts(rows("random"), "learning_rate", "units"))
    of_choices = contour.figure(contour.facts(rows("random"), "optimizer", "units"))

    assert [trace.type for trace in of_numbers.data] == ["contour", "scatter"]
    assert [trace.type for trace in of_choices.data] == ["heatmap", "scatter"]
    assert of_numbers.layout.xaxis.type == "log"
    assert list(of_choices.layout.xaxis.ticktext) == ["adam", "sgd"]
