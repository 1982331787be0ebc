"""Slots over time: its bars are the rows of attempts, whoever died and however long nothing ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas
import pytest

from hpsearch.figures import timeline
from hpsearch.figures.selection import Selection
from hpsearch.figures.time_ticks import ticks
from hpsearch.figures.timeline import Timeline
from hpsearch.storage import open_store

STUDIES = ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"]
OF_STUDY = """
FROM attempts JOIN trials ON trials.id = attempts.trial_id JOIN studies ON studies.id = trials.study_id
WHERE studies.name = ?
"""
ATTEMPTS = f"""
SELECT trials.number, attempt, coalesce(outcome, 'open'), 'slot ' || substr(worker, 6, 1), attempts.started_at,
    attempts.ended_at {OF_STUDY} ORDER BY attempts.started_at, trials.number
"""
# SQLite's own functions know milliseconds only
SECONDS = "(strftime('%s', substr(attempts.{0}, 1, 19)) + substr(attempts.{0}, 20))"
BUSY = f"""
SELECT 'slot ' || substr(worker, 6, 1) AS lane, sum({SECONDS.format("ended_at")} - {SECONDS.format("started_at")})
{OF_STUDY} GROUP BY lane ORDER BY lane
"""
LATER = "strftime('%Y-%m-%d %H:%M:%f', {0}, '+3 days') || '000'"
OF = "(SELECT trials.id FROM trials JOIN studies s ON s.id = study_id WHERE s.name = '{}')"


def as_stored(instant):
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}"


@pytest.mark.parametrize("name", STUDIES)
def test_every_bar_is_an_attempt_in_the_lane_of_its_slot(rows, sql, name):
    attempts = timeline.facts(rows(name)).attempts

    drawn = [
        (row.trial, row.attempt, row.outcome, row.lane, as_stored(row.started_at), as_stored(row.ended_at))
        for row in attempts.itertuples()
    ]
    assert drawn == sql(ATTEMPTS, name)


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "one", "empty"])
def test_a_slot_is_busy_while_an_attempt_runs_in_it(rows, sql, name):
    lanes = timeline.facts(rows(name)).lanes

    assert [(lane, pytest.approx(seconds, abs=1e-5)) for lane, seconds in lanes["busy"].items()] == sql(BUSY, name)
    assert lanes["share"].dropna().between(0, 1).all()


def test_slots_that_worked_all_the_time_are_present_from_the_first_start_to_the_last_end(rows, sql):
    lanes = timeline.facts(rows("random")).lanes

    ((seconds,),) = sql(
        f"SELECT max({SECONDS.format('ended_at')}) - min({SECONDS.format('started_at')})" + OF_STUDY, "random"
    )
    assert list(lanes["present"]) == [pytest.approx(seconds, abs=1e-5)] * 2


def test_a_restarted_worker_stays_in_the_lane_of_its_slot(changed):
    restarted = changed("random", "UPDATE attempts SET worker = substr(worker, 1, 7) || '99' WHERE id % 2 = 0")

    lanes = timeline.facts(restarted).lanes

    assert list(lanes.index) == ["slot 0", "slot 1"]


def test_slots_of_several_hosts_have_the_hosts_names(changed):
    several = changed("random", "UPDATE attempts SET host = '<b>b</b>', worker = 'slot-10-7' WHERE id % 2 = 0")

    facts = timeline.facts(several)
    drawn = timeline.figure(facts)

    assert "slot 10 on <b>b</b>" in facts.lanes.index
    assert "slot 10 on &lt;b&gt;b&lt;/b&gt;" in drawn.layout.yaxis.ticktext


def test_trials_that_were_tried_again_are_marked(rows, sql):
    drawn = {trace.name: trace for trace in timeline.figure(timeline.facts(rows("random"))).data}

    retried = sql("SELECT trials.number, attempt" + OF_STUDY + "AND attempt > 1 ORDER BY attempts.started_at", "random")
    assert retried
    assert [tuple(row) for row in drawn["tried again"].customdata.tolist()] == retried


def test_days_in_which_nothing_ran_are_cut_out(changed):
    late = f"trial_id IN (SELECT id FROM trials WHERE number >= 15 AND id IN {OF.format('random')})"
    moved = changed(
        "random",
        f"UPDATE attempts SET started_at = {LATER.format('started_at')}, ended_at = {LATER.format('ended_at')} "
        f"WHERE {late}",
    )

    facts = timeline.facts(moved)
    drawn = timeline.figure(facts)

    ((since, to),) = facts.pauses
    assert timedelta(days=2.9) < to - since < timedelta(days=3.1)
    assert facts.lanes["present"].max() < 3600
    assert len(drawn.layout.xaxis.rangebreaks) == 1
    assert [text.count("<br>") for text in drawn.layout.xaxis.ticktext if "<br>" in text] == [1, 1]
    assert "1 pause in which nothing ran" in timeline.caption(facts)


def test_an_attempt_whose_coordinator_died_ends_at_its_last_epoch_and_not_when_it_was_closed(changed, sql):
    died = changed(
        "one",
        "UPDATE attempts SET outcome = 'lost', error = 'the coordinator ended', "
        f"ended_at = {LATER.format('ended_at')} WHERE trial_id IN {OF.format('one')}",
    )

    (attempt,) = timeline.facts(died).attempts.itertuples()

    assert [(as_stored(attempt.ended_at),)] == sql(
        f"SELECT finished_at FROM epochs WHERE trial_id IN {OF.format('one')}"
    )


def test_a_worker_that_was_lost_alone_ends_when_that_was_seen(changed, sql):
    died = changed(
        "one", f"UPDATE attempts SET outcome = 'lost', error = 'killed' WHERE trial_id IN {OF.format('one')}"
    )

    (attempt,) = timeline.facts(died).attempts.itertuples()

    assert [(as_stored(attempt.ended_at),)] == sql("SELECT attempts.ended_at" + OF_STUDY, "one")


OPENED = f"UPDATE attempts SET outcome = NULL, ended_at = NULL WHERE trial_id IN {OF.format('one')}"


def test_an_open_attempt_of_a_study_that_nobody_runs_ends_at_its_last_epoch(changed, sql):
    (attempt,) = timeline.facts(changed("one", OPENED)).attempts.itertuples()

    assert attempt.outcome == "open"
    assert [(as_stored(attempt.ended_at),)] == sql(
        f"SELECT finished_at FROM epochs WHERE trial_id IN {OF.format('one')}"
    )


def test_an_open_attempt_of_a_running_study_lasts_until_now(changed, tmp_path):
    running = changed("one", OPENED)
    now = datetime.now(UTC) + timedelta(hours=1)
    with open_store(tmp_path / "changed.db", read_only=False) as store, store.claim(running.study.id):
        facts = timeline.facts(running, now)

    assert [end.to_pydatetime() for end in facts.attempts["ended_at"]] == [now]
    assert [trace.name for trace in timeline.figure(facts).data] == ["open"]


def test_a_choice_of_trials_leaves_out_bars_but_not_the_time_of_others(rows):
    whole = timeline.facts(rows("random"))

    chosen = timeline.facts(rows("random").selected(Selection(states=("failed",))))

    assert 0 < len(chosen.attempts) < len(whole.attempts)
    assert chosen.lanes.equals(whole.lanes)


def test_ten_thousand_attempts_are_less_than_half_a_megabyte():
    start = pandas.Timestamp("2026-05-01", tz="UTC")
    started = start + pandas.to_timedelta([6.31 * number for number in range(10_000)], unit="s")
    attempts = pandas.DataFrame(
        {
            "trial": range(10_000),
            "attempt": [1 + (number % 20 == 0) for number in range(10_000)],
            "outcome": ["error" if number % 20 == 7 else "complete" for number in range(10_000)],
            "lane": [f"slot {number % 4}" for number in range(10_000)],
            "started_at": started,
            "ended_at": started + pandas.Timedelta(seconds=24),
            "seconds": 24.0,
        }
    )
    lanes = pandas.DataFrame({"busy": 6e4, "present": 6.4e4, "share": 0.94}, index=[f"slot {n}" for n in range(4)])

    drawn = timeline.figure(Timeline(attempts, lanes, []))

    assert len(drawn.to_json()) < 500_000
    assert {trace.type for trace in drawn.data} == {"scattergl"}


def test_ticks_stand_where_sessions_begin_and_at_round_times():
    def at(text):
        return pandas.Timestamp(text, tz="UTC")

    found = ticks(at("2026-05-01 09:50"), at("2026-05-04 21:10"), [(at("2026-05-01 12:40"), at("2026-05-04 18:05"))])

    # 13:00 would be in the pause, 10:00 and 12:00 are too near to where a session begins
    assert [f"{instant:%d %H:%M} {text}" for instant, text in found] == [
        "01 09:50 09:50<br>May 1",
        "01 11:00 11:00",
        "04 18:05 18:05<br>May 4",
        "04 19:00 19:00",
        "04 20:00 20:00",
        "04 21:00 21:00",
    ]
