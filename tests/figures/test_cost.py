"""Value against cost: its points and fronts are those of the rows."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from hpsearch.figures import cost

SIZES = "UPDATE trials SET model_parameters = 1000 * (1 + number % 7)"
# a trial is paid for together with those that it continues
POINTS = """
WITH RECURSIVE own AS (
    SELECT trials.* FROM trials JOIN studies ON studies.id = study_id WHERE studies.name = ?
), line(number, place, seconds) AS (
    SELECT number, parent, seconds FROM own WHERE state = 'complete'
    UNION ALL
    SELECT line.number, own.parent, line.seconds + own.seconds FROM line JOIN own ON own.number = line.place
), points AS (
    SELECT own.number, own.value, own.model_parameters, line.seconds FROM own JOIN line USING (number)
    WHERE line.place IS NULL
)
"""
FRONT = """
SELECT number, {cost}, value FROM points AS a WHERE {cost} IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM points AS b WHERE b.{cost} <= a.{cost} AND b.value >= a.value
    AND (b.{cost} < a.{cost} OR b.value > a.value OR b.number < a.number)
) ORDER BY {cost}
"""


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"])
def test_every_point_is_a_complete_trial_with_the_seconds_of_those_that_it_continues(rows, sql, name):
    points = cost.facts(rows(name)).points

    found = sql(POINTS + "SELECT number, value, seconds FROM points ORDER BY number", name)
    assert list(points["number"]) == [number for number, *_ in found]
    assert list(points["value"]) == [value for _, value, _ in found]
    assert list(points["seconds"]) == [pytest.approx(seconds) for *_, seconds in found]


@pytest.mark.parametrize("name", ["random", "pruned", "one", "empty"])
def test_the_front_by_seconds_is_what_no_other_trial_beats(rows, sql, name):
    front = cost.facts(rows(name)).fronts["seconds"]

    assert list(front.itertuples(index=False, name=None)) == sql(POINTS + FRONT.format(cost="seconds"), name)


def test_the_front_by_model_parameters_is_what_no_other_trial_beats(changed, tmp_path):
    front = cost.facts(changed("random", SIZES)).fronts["model_parameters"]

    with contextlib.closing(sqlite3.connect(tmp_path / "changed.db")) as connection:
        found = connection.execute(POINTS + FRONT.format(cost="model_parameters"), ("random",)).fetchall()
    assert list(front.itertuples(index=False, name=None)) == found
    assert len(front) > 1


def test_a_smaller_value_is_better_where_the_study_minimizes(rows, sql):
    front = cost.facts(rows("minimized")).fronts["seconds"]

    ((smallest,),) = sql("SELECT min(value) FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'minimized'")
    assert front["value"].is_monotonic_decreasing
    assert front["value"].iloc[-1] == smallest


def test_both_costs_are_drawn_the_asked_one_on_top(changed):
    facts = cost.facts(changed("random", SIZES), against="seconds")

    drawn = cost.figure(facts)

    assert drawn.layout.xaxis.title.text == "seconds of training"
    assert drawn.layout.xaxis2.title.text == "model parameters"
    assert drawn.layout.yaxis.domain[0] > drawn.layout.yaxis2.domain[1]
    assert len(drawn.data) == 4


def test_a_cost_that_is_not_known_is_not_drawn(rows):
    facts = cost.facts(rows("random"))

    drawn = cost.figure(facts)

    assert len(drawn.data) == 2
    assert "Nothing is known of their model parameters" in cost.caption(facts)


@pytest.mark.parametrize(("sizes", "kind"), [("1000 + number", "linear"), ("1000 * (1 + number)", "log")])
def test_an_axis_is_logarithmic_where_costs_differ_by_more_than_ten(changed, sizes, kind):
    facts = cost.facts(changed("random", f"UPDATE trials SET model_parameters = {sizes}"))

    assert cost.figure(facts).layout.xaxis.type == kind


def test_a_trial_of_the_front_stands_where_its_point_does(rows):
    for name in ("one", "random"):
        points, front, *_ = cost.figure(cost.facts(rows(name))).data

        at = dict(zip(points.customdata, zip(points.x, points.y, strict=True), strict=True))
        assert all(at[number] == (x, y) for number, x, y in zip(front.customdata, front.x, front.y, strict=True))


def test_the_best_trial_of_a_front_is_named(rows):
    facts = cost.facts(rows("random"))

    front = next(trace for trace in cost.figure(facts).data if "Pareto" in trace.name)

    assert front.text[-1] == f"trial {facts.fronts['seconds']['number'].iloc[-1]}"
