"""Parallel coordinates: a line stands where its row says, and a brush chooses the rows of its lines."""

from __future__ import annotations

import math

import pytest
from tests.figures.written import written

from hpsearch.figures import parallel_coordinates
from hpsearch.figures.selection import Selection

LINES = """
SELECT trials.number, trials.value, (
    SELECT COALESCE(value_text, value_integer, value_float) FROM trial_parameters
    WHERE trial_parameters.trial_id = trials.id AND trial_parameters.name = ?
) FROM trials JOIN studies ON studies.id = trials.study_id
WHERE studies.name = ? AND trials.state IN ('complete', 'pruned') AND trials.value IS NOT NULL
ORDER BY CASE studies.direction WHEN 'maximize' THEN -trials.value ELSE trials.value END, trials.number LIMIT ?
"""
VARYING = """
SELECT parameter FROM (
    SELECT trial_parameters.name AS parameter, COALESCE(value_text, value_integer, value_float) AS value
    FROM trial_parameters JOIN trials ON trials.id = trial_parameters.trial_id
    JOIN studies ON studies.id = trials.study_id
    WHERE studies.name = ? AND trials.state IN ('complete', 'pruned') AND trials.value IS NOT NULL
) GROUP BY parameter HAVING count(DISTINCT value) > 1
"""
STUDIES = ["random", "hyperband", "pruned", "minimized"]


def natural(axis, place):
    """What stands at a place of an axis; None for what is absent."""
    if place == axis.absent:
        return None
    return axis.choices[int(place)] if axis.choices else 10**place if axis.is_log else place


@pytest.mark.parametrize("most", [5, 2000])
@pytest.mark.parametrize("name", STUDIES)
def test_every_line_goes_through_the_values_of_its_trial_the_best_last(rows, sql, name, most):
    facts = parallel_coordinates.facts(rows(name), most)

    for axis in facts.axes[:-1]:
        expected = sql(LINES, axis.column, name, most)[::-1]
        places = zip(facts.lines["number"], facts.lines["value"], facts.lines[axis.column], strict=True)
        found = [(number, value, natural(axis, place)) for number, value, place in places]
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        for (*_, place), (*_, value) in zip(found, expected, strict=True):
            assert place == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)


@pytest.mark.parametrize("name", [*STUDIES, "one", "empty", "failures"])
def test_the_axes_are_the_parameters_that_vary_and_the_objective(rows, sql, name):
    axes = parallel_coordinates.facts(rows(name)).axes

    assert {axis.column for axis in axes[:-1]} == {parameter for (parameter,) in sql(VARYING, name)}
    assert [axis.is_objective for axis in axes] == [False] * (len(axes) - 1) + [True]


def test_scales_are_those_of_the_space(rows):
    axes = {axis.column: axis for axis in parallel_coordinates.facts(rows("random")).axes}

    assert [name for name, axis in axes.items() if axis.is_log] == ["learning_rate"]
    assert axes["optimizer"].choices == ("adam", "sgd")
    assert [name for name, axis in axes.items() if axis.absent is not None] == ["momentum"]


def test_ticks_are_in_natural_units(rows):
    axes = {axis.column: axis for axis in parallel_coordinates.facts(rows("random")).axes}

    assert [text for _, text in axes["units"].ticks] == ["16", "32", "48", "64"]
    assert axes["momentum"].ticks[0] == (axes["momentum"].absent, "absent")
    assert {"0.001", "0.01"} <= {text for _, text in axes["learning_rate"].ticks}
    for place, text in axes["learning_rate"].ticks:
        assert not text or 10**place == pytest.approx(float(text))


def test_the_best_is_bright_whatever_the_direction(rows):
    for name in ("random", "minimized"):
        facts = parallel_coordinates.facts(rows(name))

        line = parallel_coordinates.figure(facts).data[0].line

        assert line.color[-1] == pytest.approx(line.cmax)
        assert abs(line.color[-1]) == pytest.approx(facts.lines["value"].iloc[-1])


def test_more_trials_than_are_drawn_are_told_of(rows):
    caption = parallel_coordinates.caption(parallel_coordinates.facts(rows("random"), 5))

    assert "The best 5 of" in caption


@pytest.mark.parametrize(
    ("column", "low", "high", "condition"),
    [
        ("learning_rate", 1e-3, 1e-2, "trial_parameters.name = 'learning_rate' AND value_float BETWEEN 1e-3 AND 1e-2"),
        ("units", 20, 48, "trial_parameters.name = 'units' AND value_integer BETWEEN 20 AND 48"),
    ],
)
def test_a_brush_over_numbers_chooses_the_trials_between_its_ends(rows, sql, column, low, high, condition):
    study = rows("random")
    facts = parallel_coordinates.facts(study)
    (axis,) = (axis for axis in facts.axes if axis.column == column)
    ends = [math.log10(low), math.log10(high)] if axis.is_log else [low, high]

    found = parallel_coordinates.ranges(facts, {column: ends})

    chosen = Selection(ranges=found).of(study.trials)
    expected = sql(
        "SELECT trials.number FROM trials JOIN studies s ON s.id = study_id "
        "JOIN trial_parameters ON trial_id = trials.id "
        f"WHERE s.name = 'random' AND {condition} ORDER BY number"
    )
    assert found == {column: (low, high)}
    assert [(number,) for number in chosen.index] == expected


def test_a_brush_over_all_of_an_axis_keeps_its_ends(rows):
    study = rows("random")
    facts = parallel_coordinates.facts(study)
    everything = {
        axis.column: [facts.lines[axis.column].min(), facts.lines[axis.column].max()]
        for axis in facts.axes
        if not axis.choices and axis.absent is None
    }

    chosen = Selection(ranges=parallel_coordinates.ranges(facts, everything)).of(study.trials)

    assert set(facts.lines["number"]) <= set(chosen.index)


def test_brushes_over_choices_choose_them_by_name(rows):
    facts = parallel_coordinates.facts(rows("random"))
    assert parallel_coordinates.ranges(facts, {"optimizer": [-0.2, 0.2]}) == {"optimizer": ("adam",)}
    assert parallel_coordinates.ranges(facts, {"optimizer": [[-0.2, 0.2], [0.8, 1.1]]}) == {
        "optimizer": ("adam", "sgd")
    }
    assert parallel_coordinates.ranges(facts, {"optimizer": []}) == {}


def test_what_is_absent_is_chosen_where_it_is_brushed_alone(rows, sql):
    study = rows("random")
    facts = parallel_coordinates.facts(study)
    (axis,) = (axis for axis in facts.axes if axis.column == "momentum")

    alone = parallel_coordinates.ranges(facts, {"momentum": [axis.absent - 0.01, axis.absent + 0.01]})
    with_numbers = parallel_coordinates.ranges(facts, {"momentum": [axis.absent, 0.7]})

    adam = sql(
        "SELECT trials.number FROM trials JOIN studies s ON s.id = study_id "
        "JOIN trial_parameters ON trial_id = trials.id "
        "WHERE s.name = 'random' AND trial_parameters.name = 'optimizer' AND value_text = 'adam' ORDER BY number"
    )
    assert [(number,) for number in Selection(choices=alone).of(study.trials).index] == adam
    assert with_numbers["momentum"][1] == 0.7
    assert 0.5 <= with_numbers["momentum"][0] <= 0.7


@pytest.mark.parametrize(
    "selection",
    [
        Selection(ranges={"learning_rate": (1e-3, 2e-2), "units": (16, 48)}),
        Selection(ranges={"value": (0.25, 0.75)}, choices={"optimizer": ("sgd",)}),
        Selection(choices={"optimizer": ("adam", "sgd"), "momentum": ("",)}),
    ],
)
def test_a_selection_is_drawn_as_the_brushes_that_choose_it(rows, selection):
    facts = parallel_coordinates.facts(rows("random"), brushed=selection)

    drawn = parallel_coordinates.figure(facts).data[0].dimensions
    brushed = {dimension.name: dimension.constraintrange for dimension in drawn if dimension.constraintrange}

    assert parallel_coordinates.ranges(facts, brushed) == {**selection.ranges, **selection.choices}


def test_a_range_without_an_end_is_brushed_to_the_end_of_the_axis(rows):
    facts = parallel_coordinates.facts(rows("random"), brushed=Selection(ranges={"value": (0.2, None)}))

    assert facts.brushes["value"] == ((0.2, facts.lines["value"].max()),)


def test_a_range_beyond_the_values_is_brushed_where_no_trial_is(rows):
    facts = parallel_coordinates.facts(rows("random"), brushed=Selection(ranges={"value": (2.0, None)}))

    assert facts.brushes["value"] == ((2.0, 2.0),)


def test_choices_of_numbers_stand_evenly_and_null_is_not_absent(tmp_path):
    space = {
        "rate": [1, 0.1, 0.001],
        "schedule": ["step", "cosine"],
        "decay": {"type": "choice", "values": [None, 0.5], "when": {"schedule": "step"}},
    }
    trials = [
        ("complete", {"rate": 1, "schedule": "step", "decay": None}, [0.1]),
        ("complete", {"rate": 0.001, "schedule": "step", "decay": 0.5}, [0.2]),
        ("complete", {"rate": 0.1, "schedule": "cosine"}, [0.3]),
    ]
    with written(tmp_path, space, trials) as rows:
        facts = parallel_coordinates.facts(rows)

    axes = {axis.column: axis for axis in facts.axes}
    assert axes["rate"].choices == ("0.001", "0.1", "1")
    assert list(facts.lines["rate"]) == [2, 0, 1]
    assert [text for _, text in axes["decay"].ticks] == ["absent", "0.5", "null"]
    assert list(facts.lines["decay"]) == [1, 0, -1]


def test_members_of_a_family_are_axes(tmp_path):
    space = {
        "layers": {"type": "int", "min": 1, "max": 2},
        "units": {"type": "int", "min": 8, "max": 64, "each": "$layers"},
    }
    trials = [
        ("complete", {"layers": 1, "units_0": 8}, [0.1]),
        ("complete", {"layers": 2, "units_0": 16, "units_1": 32}, [0.2]),
    ]
    with written(tmp_path, space, trials) as rows:
        axes = parallel_coordinates.facts(rows).axes

    assert [axis.column for axis in axes] == ["layers", "units_0", "units_1", "value"]
    assert axes[2].absent is not None
