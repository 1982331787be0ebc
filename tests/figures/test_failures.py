"""Failures by kind: its counts and reasons are those of the rows."""

from __future__ import annotations

import pytest

from hpsearch.figures import failures

TRIALS = """
SELECT error_kind, sum(trials.state = 'failed'), sum(trials.state = 'invalid')
FROM trials JOIN studies ON studies.id = study_id
WHERE studies.name = ? AND trials.state IN ('failed', 'invalid') GROUP BY error_kind ORDER BY error_kind
"""
RETRIED = """
SELECT outcome, count(*) FROM attempts JOIN trials ON trials.id = trial_id JOIN studies ON studies.id = study_id
WHERE studies.name = ? AND outcome IN ('error', 'nan', 'oom', 'lost', 'timeout') AND NOT (trials.state = 'failed'
    AND attempt = (SELECT max(attempt) FROM attempts AS other WHERE other.trial_id = attempts.trial_id))
GROUP BY outcome ORDER BY outcome
"""
NUMBERS = (
    "id IN (SELECT trials.id FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random' AND number IN {})"
)
LOST = """
UPDATE attempts SET outcome = 'lost', error = 'killed' WHERE attempt = 1 AND trial_id IN (
    SELECT trials.id FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random' AND trials.state = 'complete'
)
"""


@pytest.mark.parametrize("name", ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"])
def test_every_kind_counts_the_trials_that_it_ended(rows, sql, name):
    kinds = failures.facts(rows(name)).kinds

    ended = kinds[kinds["failed"] + kinds["invalid"] > 0].sort_values("kind")
    assert list(ended[["kind", "failed", "invalid"]].itertuples(index=False, name=None)) == sql(TRIALS, name)


@pytest.mark.parametrize("name", ["random", "hyperband", "one", "empty"])
def test_attempts_that_did_not_end_their_trial_were_tried_again(rows, sql, name):
    kinds = failures.facts(rows(name)).kinds

    retried = kinds[kinds["retried"] > 0].sort_values("kind")
    assert list(retried[["kind", "retried"]].itertuples(index=False, name=None)) == sql(RETRIED, name)


def test_a_lost_worker_of_a_trial_that_went_on_is_no_failed_trial(changed):
    facts = failures.facts(changed("random", LOST))

    lost = facts.kinds.set_index("kind").loc["lost"]
    assert (lost["failed"], lost["invalid"]) == (0, 0)
    assert lost["retried"] > 0
    assert "tried again" in failures.caption(facts)


def test_reasons_are_counted_with_the_first_trial_that_had_them(rows):
    reasons = failures.facts(rows("failures")).reasons

    assert reasons.to_dict("records") == [
        {"kind": "error", "reason": "ValueError: <script>no</script>", "trials": 3, "first": 0}
    ]


def test_the_most_frequent_kind_and_reason_come_first(changed):
    facts = failures.facts(
        changed(
            "random",
            f"UPDATE trials SET state = 'invalid', error_kind = 'invalid', error = 'The rule a <= b.' WHERE "
            f"{NUMBERS.format('(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)')}",
            f"UPDATE trials SET error = 'Traceback (most recent call last):\n  line\nThe rule c < d.' WHERE "
            f"{NUMBERS.format('(3, 4)')}",
        )
    )

    assert facts.kinds["kind"].iloc[0] == "invalid"
    invalid = facts.reasons[facts.reasons["kind"] == "invalid"]
    assert list(invalid[["reason", "trials", "first"]].itertuples(index=False, name=None)) == [
        ("The rule a <= b.", 12, 5),
        ("The rule c < d.", 2, 3),
    ]


def test_the_caption_gives_reasons_and_a_cure_that_can_be_typed(rows):
    caption = failures.caption(failures.facts(rows("failures")))

    assert "Of 3 trials 3 failed" in caption
    assert "3 times ValueError: <script>no</script> (first in trial 0)" in caption
    assert "`hpsearch show --study failures --trial 0`" in caption


def test_a_bars_text_shows_reasons_letter_by_letter(rows):
    (bar,) = failures.figure(failures.facts(rows("failures"))).data

    assert "&lt;script&gt;no&lt;/script&gt;" in bar.hovertext[0]
    assert list(bar.customdata) == [0]


def test_every_kind_of_failure_has_a_cure():
    from hpsearch.study import ErrorKind

    assert set(failures.CURES) == set(ErrorKind)


@pytest.mark.parametrize("name", ["minimized", "one", "empty"])
def test_where_nothing_failed_it_says_so(rows, name):
    facts = failures.facts(rows(name))

    assert failures.figure(facts).layout.annotations[0].text == "No trial has failed."
    assert failures.caption(facts) == "No trial has failed."


def test_one_trial_and_one_attempt_are_told_as_one(changed):
    rows = changed("one", "UPDATE trials SET state = 'invalid', error_kind = 'invalid', error = 'The rule a <= b.'")

    caption = failures.caption(failures.facts(rows))

    assert caption.startswith("Of 1 trial 1 was invalid.")
    assert "once The rule a <= b (first in trial 0)" in caption
