"""Slices: every point stands where its row says."""

from __future__ import annotations

import math

import pandas
import pytest
from tests.figures.written import written

from hpsearch.figures import slices
from hpsearch.figures.axes import ParameterAxis

POINTS = """
SELECT trials.number, trials.state, trials.value,
       COALESCE(trial_parameters.value_text, trial_parameters.value_integer, trial_parameters.value_float)
FROM trials JOIN studies ON studies.id = trials.study_id JOIN trial_parameters ON trial_parameters.trial_id = trials.id
WHERE studies.name = ? AND trials.state IN ('complete', 'pruned') AND trials.value IS NOT NULL
  AND trial_parameters.name = ?
ORDER BY CASE studies.direction WHEN 'maximize' THEN -trials.value ELSE trials.value END, trials.number
"""
THINNED = """
SELECT number FROM (
    SELECT trials.number, ROW_NUMBER() OVER (ORDER BY trials.value DESC, trials.number) - 1 AS place
    FROM trials JOIN studies ON studies.id = trials.study_id
    WHERE studies.name = ? AND trials.state IN ('complete', 'pruned') AND trials.value IS NOT NULL
) WHERE place < 4 OR (place - 4) % ? = 0 ORDER BY place
"""
VARYING = """
SELECT parameter FROM (
    SELECT trial_parameters.name AS parameter, COALESCE(value_text, value_integer, value_float) AS value
    FROM trial_parameters JOIN trials ON trials.id = trial_parameters.trial_id
    JOIN studies ON studies.id = trials.study_id
    WHERE studies.name = ? AND trials.state IN ('complete', 'pruned') AND trials.value IS NOT NULL
) GROUP BY parameter HAVING count(DISTINCT value) > 1
"""


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "minimized"])
def test_every_plot_has_the_values_of_the_trials_that_have_the_parameter(rows, sql, name):
    facts = slices.facts(rows(name))

    for axis in facts.axes:
        there = facts.points[facts.points[axis.column].notna()]
        places = there[axis.column] if not axis.choices else [axis.choices[int(place)] for place in there[axis.column]]
        found = list(zip(there["number"], there["state"], there["value"], places, strict=True))
        assert found == sql(POINTS, name, axis.name)


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"])
def test_there_is_a_plot_for_each_parameter_that_varies(rows, sql, name):
    facts = slices.facts(rows(name))

    assert {axis.name for axis in facts.axes} == {parameter for (parameter,) in sql(VARYING, name)}


def test_of_too_many_trials_half_are_the_best_and_half_stand_for_the_others(rows, sql):
    facts = slices.facts(rows("random"), most=8)

    step = -(-(facts.trials - 4) // 4)
    assert [(number,) for number in facts.points["number"]] == sql(THINNED, "random", step)
    assert f"of {facts.trials} trials" in slices.caption(facts)


def test_scales_are_those_of_the_space_and_choices_have_names(rows):
    facts = slices.facts(rows("random"))

    layout = slices.figure(facts).layout

    axes = {layout[name].title.text: layout[name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")}
    assert axes["learning_rate"].type == "log"
    assert axes["units"].type == "linear"
    assert list(axes["optimizer"].ticktext) == ["adam", "sgd"]


def test_plots_share_the_axis_of_values_and_stand_in_rows(rows):
    drawn = slices.figure(slices.facts(rows("random")), columns=2)

    layout = drawn.layout
    assert [layout[name].matches for name in ("yaxis2", "yaxis3", "yaxis4")] == ["y", "y", "y"]
    assert layout.xaxis.domain == layout.xaxis3.domain
    assert layout.yaxis.domain == layout.yaxis2.domain
    assert layout.yaxis.domain[0] > layout.yaxis3.domain[1]


def test_points_know_their_trial_and_stay_within_their_choice(rows):
    facts = slices.facts(rows("random"))

    drawn = slices.figure(facts)

    place = [axis.name for axis in facts.axes].index("optimizer")
    (trace,) = [trace for trace in drawn.data if trace.xaxis == f"x{place + 1}"]
    assert list(trace.customdata) == facts.points["number"].tolist()
    assert abs(trace.x - facts.points["optimizer"].to_numpy()).max() < 0.5


@pytest.mark.parametrize("is_log", [False, True])
def test_of_few_values_each_has_its_tick_in_the_plot_and_all_its_points(is_log):
    axis = ParameterAxis("units", "units", is_log, values=(8.0, 16.0, 53.0))
    numbers = pandas.Series(range(30))
    places = pandas.Series([8.0, 16.0, 53.0] * 10)

    low, high = axis.settings()["range"]

    drawn = axis.apart(places, numbers)
    for place in (*drawn, *axis.settings()["tickvals"]):
        assert low < (math.log10(place) if is_log else place) < high


def test_pruned_trials_have_a_symbol_of_their_own(rows):
    symbols = {trace.name: trace.marker.symbol for trace in slices.figure(slices.facts(rows("pruned"))).data}

    assert symbols == {"complete": "circle", "pruned": "diamond"}


def test_names_and_choices_of_a_person_are_shown_letter_by_letter(tmp_path):
    trials = [("complete", {"kind": "<b>a</b>"}, [0.1]), ("complete", {"kind": "<script>"}, [0.2])]
    with written(tmp_path, {"kind": ["<b>a</b>", "<script>"]}, trials) as rows:
        drawn = slices.figure(slices.facts(rows))

    assert list(drawn.layout.xaxis.ticktext) == ["&lt;b&gt;a&lt;/b&gt;", "&lt;script&gt;"]


@pytest.mark.parametrize(
    ("ticks", "is_log", "kept"),
    [
        ((0.0003, 0.001, 0.003, 0.01), True, [0.001, 0.01]),
        ((0.001, 0.002, 0.005, 0.01), True, [0.001, 0.002, 0.005, 0.01]),
        ((0.0002, 0.0004, 0.0006, 0.0008), True, [0.0002, 0.0006]),
        ((1.0, 10.0, 100.0), True, [1.0, 10.0, 100.0]),
        (tuple(range(16, 129, 16)), False, [16, 48, 80, 112]),
        ((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), False, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ((123456.0, 1234567.0), False, [123456.0, 1234567.0]),
        ((), True, None),
    ],
)
def test_ticks_for_which_there_is_no_room_are_left_out(ticks, is_log, kept):
    settings = ParameterAxis("rate", "rate", is_log, values=ticks).settings(room=24)

    assert settings.get("tickvals") == kept
