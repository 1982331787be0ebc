"""Optimization history: its numbers are those of the rows."""

from __future__ import annotations

import pytest

from hpsearch.figures import history

VALUES = """
SELECT trials.number, trials.state, trials.value FROM trials JOIN studies ON studies.id = trials.study_id
WHERE studies.name = ? AND trials.value IS NOT NULL ORDER BY trials.number
"""
BEST_SO_FAR = """
SELECT number, value FROM (
    SELECT trials.number, trials.value, max(trials.value) OVER (
        ORDER BY trials.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before FROM trials JOIN studies ON studies.id = trials.study_id
    WHERE studies.name = ? AND trials.state = 'complete'
) WHERE before IS NULL OR value > before ORDER BY number
"""


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"])
def test_every_point_is_a_trial_with_a_value(rows, sql, name):
    points = history.facts(rows(name)).points

    assert list(points[["number", "state", "value"]].itertuples(index=False, name=None)) == sql(VALUES, name)


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "one", "empty"])
def test_the_line_steps_where_a_complete_trial_was_better_than_all_before(rows, sql, name):
    best = history.facts(rows(name)).best

    assert list(best[["number", "value"]].itertuples(index=False, name=None)) == sql(BEST_SO_FAR, name)


def test_a_smaller_value_is_better_where_the_study_minimizes(rows, sql):
    best = history.facts(rows("minimized")).best

    smallest = sql("SELECT min(value) FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'minimized'")
    assert best["value"].is_monotonic_decreasing
    assert best["value"].iloc[-1] == smallest[0][0]


def test_by_time_trials_stand_in_the_order_of_their_ends(rows, sql):
    points = history.facts(rows("random"), by="time").points

    ended = sql(
        "SELECT number FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random' AND value IS NOT NULL "
        "ORDER BY ended_at, number"
    )
    assert [(number,) for number in points["number"]] == ended
    assert points["place"].is_monotonic_increasing


def test_pruned_and_failed_trials_are_series_of_their_own(rows):
    drawn = {trace.name: trace for trace in history.figure(history.facts(rows("pruned"))).data}
    failed = history.figure(history.facts(rows("failures")))

    assert {"complete", "pruned", "best so far"} <= drawn.keys()
    assert [trace.name for trace in failed.data] == ["failed, no value"]


def test_the_target_is_a_line(rows):
    drawn = history.figure(history.facts(rows("random")))

    assert [shape.y0 for shape in drawn.layout.shapes] == [0.999]


def test_failed_trials_with_a_value_and_without_are_two_entries_of_the_legend(changed):
    rows = changed(
        "random",
        "UPDATE trials SET state = 'failed', error_kind = 'nan', value = NULL WHERE number = 0",
        "UPDATE trials SET state = 'failed', error_kind = 'nan', value = 0.5 WHERE number = 1",
    )

    names = [trace.name for trace in history.figure(history.facts(rows)).data]

    assert {"failed", "failed, no value"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("state", ["complete", "pruned"])
def test_the_caption_names_what_has_no_value_whether_any_trial_is_complete_or_not(changed, state):
    rows = changed(
        "random",
        f"UPDATE trials SET state = '{state}' WHERE state = 'complete'",
        "UPDATE trials SET state = 'pruned', error_kind = NULL WHERE state IN ('failed', 'invalid')",
        "UPDATE trials SET state = 'failed', error_kind = 'nan', value = NULL WHERE number = 0",
    )

    assert "; 1 failed or invalid one without a value along the bottom." in history.caption(history.facts(rows))
