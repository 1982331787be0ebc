"""1, true and "1" are three values, and null, "" and "null" too: no figure, filter or table takes one for another."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from tests.figures.written import written

from hpsearch.dashboard import trial_table
from hpsearch.figures import contour, parallel_coordinates, slices
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.selection import Selection
from hpsearch.report.sections.best import allowed

ALIKE = [1, True, "1", 1.5, None, "", "null", "true", "absent", 0.30000000001, 0.30000000002]
TEXTS = ["0.30000000001", "0.30000000002", "1", "1.5", "true", '"1"', "null", '""', '"null"', '"true"', '"absent"']
SPACE = {
    "kind": ["plain", "other"],
    "alike": {"type": "choice", "values": ALIKE, "when": {"kind": "plain"}},
    "units": [1, 2],
}
TRIALS = [
    ("complete", {"kind": "plain", "alike": value, "units": 1 + place % 2}, [0.1 * place])
    for place, value in enumerate(ALIKE)
] + [("complete", {"kind": "other", "units": 1}, [0.05])]
OF_EACH = """
SELECT group_concat(t.number) FROM trial_parameters p JOIN trials t ON t.id = p.trial_id WHERE p.name = 'alike'
GROUP BY p.kind, p.value_text, p.value_integer, p.value_float, p.value_boolean
"""


@pytest.fixture
def rows(tmp_path):
    with written(tmp_path, SPACE, TRIALS) as rows:
        yield rows


@pytest.fixture
def of_each(tmp_path, rows):
    """Numbers of the trials that share a value, by SQL."""
    with contextlib.closing(sqlite3.connect(tmp_path / "studies.db")) as connection:
        return {tuple(sorted(map(int, numbers.split(",")))) for (numbers,) in connection.execute(OF_EACH)}


def together(numbers, places):
    found = {}
    for number, place in zip(numbers, places, strict=True):
        found.setdefault(place, []).append(int(number))
    return {tuple(sorted(group)) for group in found.values()}


def test_each_has_its_own_place_in_every_figure(rows, of_each):
    sliced, lines = slices.facts(rows), parallel_coordinates.facts(rows)
    over = contour.facts(rows, "alike", "units")

    assert len(of_each) == len(ALIKE)
    there = sliced.points[sliced.points["alike"].notna()]
    assert together(there["number"], there["alike"]) == of_each
    assert together(lines.lines["number"], lines.lines["alike"]) == of_each | {(11,)}
    assert together(over.points["number"], over.points["x"]) == of_each
    (axis,) = (axis for axis in lines.axes if axis.column == "alike")
    assert list(axis.choices) == TEXTS
    assert next(text for _, text in axis.ticks) == "absent"
    assert len({text for _, text in axis.ticks}) == len(ALIKE) + 1


@pytest.mark.parametrize("place", range(len(ALIKE)))
def test_each_is_chosen_alone_and_none_with_what_is_absent(rows, place):
    text = next(
        text for text in TEXTS if list(rows.selected(Selection(choices={"alike": (text,)})).trials.index) == [place]
    )

    assert list(rows.selected(Selection(choices={"alike": ("",)})).trials.index) == [11]
    cell = trial_table.page(rows, Selection(), {})["rowData"][place]["alike"]
    assert cell == (pytest.approx(ALIKE[place]) if isinstance(ALIKE[place], float) else ALIKE[place]) or cell == text


def test_each_is_told_apart_in_words(rows):
    words = allowed(StudyRows.definitions.func(rows)["alike"]).split(", ")

    assert len(set(words)) >= len(ALIKE) - 1, "six digits tell 0.30000000001 and 0.30000000002 no more"
    assert {'"1"', "1", "true", '"true"', "null", '"null"', '""', '"absent"'} <= set(words)
