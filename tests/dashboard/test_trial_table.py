"""The table of trials is sorted, filtered and paged on the server."""

from __future__ import annotations

import json

import pytest
from tests.figures.conftest import rows, sql, studies_db  # noqa: F401  # fixtures

from hpsearch.dashboard import trial_table
from hpsearch.figures.selection import Selection


def numbers(answer):
    return [record["number"] for record in answer["rowData"]]


@pytest.mark.parametrize("chosen", [("32",), ("",), ("16", "32")])
def test_a_choice_among_numbers_stays_though_the_grid_cannot_show_it(rows, chosen):  # noqa: F811  # the fixture of that name
    """Of an address, or of a brush: the grid's filter of a column of numbers knows ranges alone."""
    study = rows("random")
    number = next(parameter.column for parameter in study.parameters if parameter.is_number)
    before = Selection(choices={number: chosen})

    model = trial_table.filter_model(study, before)

    assert model == {}
    assert trial_table.selection_of(study, model, before) == before


@pytest.mark.parametrize(
    "before",
    [
        Selection(ranges={"number": (3.0, 5.0)}),
        Selection(ranges={"state": (None, 5.0)}),
        Selection(ranges={"optimizer": (0.0, 1.0)}),
        Selection(ranges={"value": (None, None)}),
        Selection(ranges={"nonsense": (0.0, 1.0)}),
        Selection(choices={"state": ("complete",)}),
        Selection(choices={"optimizer": ("",)}),
        Selection(choices={"optimizer": ("adam", "sgd")}),
    ],
    ids=str,
)
def test_what_no_filter_of_the_grid_can_show_is_not_told_to_it_and_stays(rows, before):  # noqa: F811  # the fixture of that name
    """The grid warns in the browser's console of a filter that it has not, and takes it for taken away."""
    model = trial_table.filter_model(rows("random"), before)

    assert model == {}
    assert trial_table.selection_of(rows("random"), model, before) == before


def test_a_page_holds_the_rows_asked_for_and_says_how_many_there_are(rows, sql):  # noqa: F811  # the fixture of that name
    answer = trial_table.page(rows("random"), Selection(), {"startRow": 10, "endRow": 15})

    assert numbers(answer) == [10, 11, 12, 13, 14]
    assert (
        answer["rowCount"]
        == sql("SELECT count(*) FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random'")[0][0]
    )


@pytest.mark.parametrize(("sort", "order"), [("desc", "DESC"), ("asc", "ASC")])
def test_rows_without_a_value_come_last_however_it_is_sorted(rows, sql, sort, order):  # noqa: F811  # the fixture of that name
    request = {"startRow": 0, "endRow": 100, "sortModel": [{"colId": "value", "sort": sort}]}

    answer = trial_table.page(rows("random"), Selection(), request)

    wanted = sql(
        "SELECT number FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random' "
        f"ORDER BY value IS NULL, value {order}, number"
    )
    assert numbers(answer) == [number for (number,) in wanted]


def test_only_the_chosen_trials_are_counted_and_shown(rows, sql):  # noqa: F811  # the fixture of that name
    chosen = Selection(states=("complete",), ranges={"units": (32, None)}, choices={"optimizer": ("sgd",)})

    answer = trial_table.page(rows("random"), chosen, {"startRow": 0, "endRow": 100})

    wanted = sql(
        """
        SELECT number FROM trials t JOIN studies s ON s.id = t.study_id
        JOIN trial_parameters u ON u.trial_id = t.id AND u.name = 'units'
        JOIN trial_parameters o ON o.trial_id = t.id AND o.name = 'optimizer'
        WHERE s.name = 'random' AND t.state = 'complete' AND u.value_integer >= 32 AND o.value_text = 'sgd'
        ORDER BY number
        """
    )
    assert numbers(answer) == [number for (number,) in wanted]
    assert answer["rowCount"] == len(wanted) > 0


@pytest.mark.parametrize("study", ["random", "hyperband", "pruned", "one", "empty", "failures"])
def test_every_study_has_a_table_that_json_can_hold(rows, study):  # noqa: F811  # the fixture of that name
    answer = trial_table.page(rows(study), Selection(), {})
    definitions = trial_table.column_definitions(rows(study), trial_table.shown_at_first(rows(study)))

    json.dumps([answer, definitions], allow_nan=False)
    assert [definition["field"] for definition in definitions][:2] == ["number", "state"] or study == "empty"


def test_the_grids_filters_and_the_selection_say_the_same(rows):  # noqa: F811  # the fixture of that name
    chosen = Selection(
        states=("complete",),
        ranges={"units": (16.0, 48.0), "value": (0.2, None), "seconds": (None, 3.0)},
        choices={"optimizer": ("adam",)},
    )

    model = trial_table.filter_model(rows("random"), chosen)

    assert trial_table.selection_of(rows("random"), model, Selection(states=("complete",))) == chosen


def test_a_filter_on_a_column_that_is_not_there_is_left_out(rows):  # noqa: F811  # the fixture of that name
    model = {"nonsense": {"filterType": "number", "type": "inRange", "filter": 1, "filterTo": 2}}

    assert trial_table.selection_of(rows("random"), model, Selection()) == Selection()
