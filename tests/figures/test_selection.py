"""Which trials are looked at."""

from __future__ import annotations

import string

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.figures.selection import Selection, as_choice

TRIALS = pandas.DataFrame(
    {
        "state": ["complete", "complete", "failed", "pruned"],
        "value": [0.5, 0.7, None, 0.3],
        "rate": [0.1, 0.01, 0.001, None],
        "optimizer": ["adam", "sgd", "adam", None],
    }
)
COLUMNS = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8)
ENDS = st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.10g}")))
TEXTS = st.lists(st.sampled_from(["adam", "a&b", "", "ü"]), min_size=1).map(tuple)
SELECTIONS = st.builds(
    Selection,
    states=st.lists(st.sampled_from(["complete", "pruned", "failed"]), unique=True).map(tuple),
    ranges=st.dictionaries(COLUMNS.map("r_".__add__), st.tuples(ENDS, ENDS), max_size=3),
    choices=st.dictionaries(COLUMNS.map("c_".__add__), TEXTS, max_size=3),
)


def of(**query: list[str]) -> list[int]:
    named = {name.replace("__", "."): values for name, values in query.items()}
    return list(Selection.from_query(named).of(TRIALS).index)


def test_nothing_said_chooses_everything():
    assert of() == [0, 1, 2, 3]


def test_states_are_chosen_by_name_and_unknown_ones_are_left_out():
    assert of(states=["complete,pruned,nonsense"]) == [0, 1, 3]


def test_a_range_includes_its_ends_and_leaves_out_trials_without_a_value():
    assert of(where__rate=["0.01..0.1"]) == [0, 1]
    assert of(where__rate=["..0.01"]) == [1, 2]


def test_a_text_is_chosen_by_what_it_says_and_an_inactive_one_by_nothing():
    assert of(is__optimizer=["sgd"]) == [1]
    assert of(is__optimizer=["sgd", ""]) == [1, 3]


def test_an_infinite_end_is_none():
    for text in ("0.01..inf", "0.01..1e999"):
        assert Selection.from_query({"where.rate": [text]}) == Selection(ranges={"rate": (0.01, None)})


@pytest.mark.parametrize("text", ["nan..1", "1..x", "a..b", "", "0.1"])
def test_a_range_that_cannot_be_read_chooses_nothing_out(text):
    assert of(where__rate=[text]) == [0, 1, 2, 3]


def test_trials_are_chosen_by_their_number_too():
    assert list(Selection(ranges={"number": (1, 2)}).of(TRIALS.rename_axis("number")).index) == [1, 2]
    assert list(Selection(choices={"number": ("1", "3")}).of(TRIALS.rename_axis("number")).index) == [1, 3]


def test_what_nothing_can_be_chosen_by_is_known():
    selection = Selection(ranges={"rate": (0, 1), "optimizer": (0, 1), "nonsense": (0, 1)}, choices={"value": ("0.5",)})

    assert selection.without_effect(TRIALS) == {"optimizer", "nonsense"}


def test_a_column_that_is_not_there_chooses_nothing_out():
    assert of(where__other=["1..2"]) == [0, 1, 2, 3]


@given(SELECTIONS)
def test_an_address_says_the_same_when_it_is_read_again(selection):
    assert Selection.from_query(selection.to_query()) == selection


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(
            (True, "true"),
            (None, "null"),
            (0.1, "0.1"),
            (3, "3"),
            (3.0, "3"),
            (0.30000000000000004, "0.30000000000000004"),
        ),
        *(("adam", "adam"), ("true", '"true"'), ("null", '"null"'), ("3", '"3"'), ("", '""'), ('"3"', '"\\"3\\""')),
        *((float("nan"), ""), (pandas.NA, ""), ("absent", '"absent"'), (" a", '" a"')),
    ],
)
def test_values_have_one_text_each_and_what_is_inactive_has_none(value, text):
    assert as_choice(value) == text
