"""What a page shows of the choice of trials."""

from __future__ import annotations

import pandas

from hpsearch.dashboard.chosen import chips
from hpsearch.figures.selection import Selection

TRIALS = pandas.DataFrame({"rate": [0.1, 0.2], "kind": ["a", "b"]}).rename_axis("number")


def texts(selection):
    return [chip.children[0] for chip in chips(selection, TRIALS)]


def test_each_column_has_its_words_and_all_together_a_way_out():
    ranges = {"rate": (0.1, None), "number": (None, 5.0)}

    found = texts(Selection(ranges=ranges, choices={"kind": ("a", "")}))

    assert found == ["rate ≥ 0.1", "number ≤ 5", "kind = a or absent", "all filters"]


def test_what_has_no_effect_on_these_trials_says_so():
    assert texts(Selection(ranges={"kind": (0.0, 1.0)})) == ["kind 0 to 1 (nothing here)"]
    assert texts(Selection(choices={"nonsense": ("a",)})) == ["nonsense = a (nothing here)"]


def test_a_range_without_ends_is_all_that_is_known():
    assert texts(Selection(ranges={"rate": (None, None)})) == ["rate known"]
