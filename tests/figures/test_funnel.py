"""Hyperband funnel: its rungs are those of the trials' rows."""

from __future__ import annotations

import pytest

from hpsearch.figures import funnel
from hpsearch.figures.selection import Selection

RUNGS = """
SELECT bracket, rung, max(epochs), sum(trials.state NOT IN ('invalid', 'waiting')),
    sum(trials.state = 'complete' AND EXISTS (
        SELECT 1 FROM trials AS child WHERE child.study_id = trials.study_id AND child.parent = trials.number)),
    sum(trials.state = 'complete'), sum(trials.state = 'failed'), sum(trials.state = 'invalid'),
    max(CASE WHEN trials.state = 'complete' THEN value END)
FROM trials JOIN studies ON studies.id = trials.study_id
WHERE studies.name = 'hyperband' AND bracket IS NOT NULL GROUP BY bracket, rung ORDER BY bracket DESC, rung
"""
COLUMNS = ["bracket", "rung", "epochs", "started", "promoted", "complete", "failed", "invalid", "best"]


def test_every_rung_has_the_trials_promotions_and_best_value_of_its_rows(rows, sql):
    rungs = funnel.facts(rows("hyperband")).rungs

    assert list(rungs[COLUMNS].itertuples(index=False, name=None)) == sql(RUNGS)
    assert len(rungs) > 3


def test_failed_and_invalid_trials_count_in_their_rungs(changed):
    broken = changed(
        "hyperband",
        "UPDATE trials SET state = 'failed', error_kind = 'nan' WHERE rung = 0 AND number = 0",
        "UPDATE trials SET state = 'invalid', error_kind = 'invalid' WHERE rung = 0 AND number = 1",
    )

    first = funnel.facts(broken).rungs.iloc[0]

    assert (first["failed"], first["invalid"]) == (1, 1)
    assert first["started"] == first["complete"] + first["failed"]


def test_the_bars_of_a_rung_hold_each_of_its_trials_once(rows, sql):
    drawn = funnel.figure(funnel.facts(rows("hyperband")))

    bars = [trace for trace in drawn.data if trace.type == "bar"]
    totals = [
        count
        for (count,) in sql(
            "SELECT count(*) FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'hyperband' "
            "GROUP BY bracket, rung ORDER BY bracket DESC, rung"
        )
    ]
    assert [sum(counts) for counts in zip(*(bar.x for bar in bars), strict=True)] == totals


def test_a_promotion_counts_where_only_its_parent_is_chosen(rows):
    whole = funnel.facts(rows("hyperband")).rungs

    chosen = funnel.facts(rows("hyperband").selected(Selection(ranges={"rung": (0.0, 0.0)}))).rungs

    assert list(chosen["promoted"]) == list(whole.loc[whole["rung"] == 0, "promoted"])


@pytest.mark.parametrize("name", ["random", "pruned", "one", "empty"])
def test_a_search_without_rungs_is_said_to_have_none(rows, name):
    facts = funnel.facts(rows(name))

    drawn = funnel.figure(facts)

    assert not len(facts.rungs)
    assert "no rungs" in drawn.layout.annotations[0].text
    assert "no rungs" in funnel.caption(facts)


def test_a_trial_that_failed_before_any_worker_had_it_has_not_started(changed, rows):
    whole = funnel.facts(rows("hyperband")).rungs
    broken = changed(
        "hyperband",
        "UPDATE trials SET state = 'failed', error_kind = 'parent_failed', started_at = NULL, epochs_done = 0 "
        "WHERE number = (SELECT max(number) FROM trials t JOIN studies s ON s.id = t.study_id "
        "WHERE s.name = 'hyperband' AND rung = 1 AND bracket = 2)",
    )

    rungs = funnel.facts(broken).rungs

    place = rungs.index[(rungs["bracket"] == 2) & (rungs["rung"] == 1)][0]
    assert rungs.loc[place, "started"] == whole.loc[place, "started"] - 1
    assert rungs.loc[place, "failed"] == 1
