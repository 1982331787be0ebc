"""The table of trials: sorted, filtered and paged here, so that the page holds no more than it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.selection import Selection, are_numbers, as_choice
from hpsearch.study import TrialState

PAGE = 100  # rows that the grid asks for at once
FIRST = {"startRow": 0, "endRow": PAGE}  # what it asks for when it opens
_OWN = ("number", "state", "value", "best_epoch", "epochs_done", "epochs", "rung", "bracket", "parent", "seconds")
_MORE = ("model_parameters", "error_kind")
_HIDDEN = {"best_epoch", "epochs", "bracket", "parent"}  # until they are chosen
_NARROW, _WIDE = 90, 125  # pixels: a word; six digits of a small number
_LETTER, _AROUND, _MARK = 9, 32, 36  # pixels of a heading's letter, of its margins, of a filter's mark
_NO_FILTER = {"number", "state"}  # states are chosen by the buttons above the figures
_ONE_END = {"greaterThanOrEqual": 0, "lessThanOrEqual": 1}


def columns(rows: StudyRows) -> list[str]:
    """The columns that the study's trials have anything in, the trial's own first."""
    there = [name for name in (*_OWN, *_MORE) if name == "number" or name in rows.filled]
    return [*there, *(parameter.column for parameter in rows.parameters)]


def shown_at_first(rows: StudyRows) -> list[str]:
    """Those of them that are shown until a person chooses others."""
    return [name for name in columns(rows) if name not in _HIDDEN]


def column_definitions(rows: StudyRows, shown: Sequence[str]) -> list[dict[str, Any]]:
    """The grid's columns; all are there, those that are not shown are hidden."""
    return [_definition(rows, name, hide=name not in shown) for name in columns(rows)]


def heading(name: str) -> str:
    """A column as people read it."""
    own = {"number": "trial", "epochs_done": "epochs", "epochs": "epochs asked", "error_kind": "error"}
    return own.get(name, name.replace("_", " ") if name in (*_OWN, *_MORE) else name)


def page(rows: StudyRows, selection: Selection, request: Mapping[str, Any]) -> dict[str, Any]:
    """The rows that the grid asks for, and how many there are in all.

    Args:
        request: ``startRow``, ``endRow`` and ``sortModel`` of AG Grid's infinite row model.
    """
    trials = selection.of(rows.trials).reset_index()
    for order in reversed(request.get("sortModel") or []):
        if order["colId"] in trials:
            ascending = order["sort"] == "asc"
            key = trials[order["colId"]]
            if key.dtype == object:
                key = key.map(as_choice)
            places = key.sort_values(ascending=ascending, kind="stable", na_position="last").index
            trials = trials.loc[places]
    start, end = int(request.get("startRow") or 0), int(request.get("endRow") or PAGE)
    names = columns(rows)
    shown = trials.iloc[max(0, start) : min(end, start + 10 * PAGE)]
    records = [
        {"id": str(record[0])} | dict(zip(names, map(_plain, record), strict=True))
        for record in shown[names].itertuples(index=False, name=None)
    ]
    return {"rowData": records, "rowCount": len(trials)}


def filter_model(rows: StudyRows, selection: Selection) -> dict[str, Any]:
    """The grid's own filters for a selection, so that they show what is chosen anywhere on the page."""
    model: dict[str, Any] = {}
    for name, (low, high) in selection.ranges.items():
        if not _can_show_range(rows, name, (low, high)):
            continue
        if low is not None and high is not None:
            model[name] = {"filterType": "number", "type": "inRange", "filter": low, "filterTo": high}
        else:
            kind, end = ("greaterThanOrEqual", low) if high is None else ("lessThanOrEqual", high)
            model[name] = {"filterType": "number", "type": kind, "filter": end}
    for name, values in selection.choices.items():
        if _can_show_choice(rows, name, values):
            model[name] = {"filterType": "text", "type": "equals", "filter": values[0]}
    return model


def selection_of(rows: StudyRows, model: Mapping[str, Any], before: Selection) -> Selection:
    """The selection that the grid's filters ask for; what the grid cannot show stays as it was."""
    ranges = {
        name: ends
        for name, ends in before.ranges.items()
        if name not in model and not _can_show_range(rows, name, ends)
    }
    choices = {
        name: values
        for name, values in before.choices.items()
        if name not in model and not _can_show_choice(rows, name, values)
    }
    for name, asked in model.items():
        if name not in rows.trials:
            continue
        wanted = asked.get("filter")
        if asked.get("filterType") == "number":
            if asked.get("type") == "inRange":
                ranges[name] = (_number(wanted), _number(asked.get("filterTo")))
            elif asked.get("type") in _ONE_END:
                ends: list[float | None] = [None, None]
                ends[_ONE_END[asked["type"]]] = _number(wanted)
                ranges[name] = (ends[0], ends[1])
        elif wanted not in (None, ""):
            choices[name] = (str(wanted),)
    return Selection(before.states, ranges, choices)


def _definition(rows: StudyRows, name: str, *, hide: bool) -> dict[str, Any]:
    title = heading(name)
    least = min(len(title) * _LETTER + _AROUND + _MARK, 2 * _WIDE)
    definition: dict[str, Any] = {"field": name, "headerName": title, "hide": hide, "minWidth": max(_NARROW, least)}
    if name == "number":
        return definition | {
            "pinned": "left",
            "width": _NARROW,
            "initialFlex": None,
            "minWidth": _NARROW,
            "filter": False,
        }
    if name in _NO_FILTER:
        return definition | {"filter": False, "minWidth": _WIDE}
    if are_numbers(rows.trials[name]):
        return definition | {
            "minWidth": max(_WIDE, least),
            "type": "rightAligned",
            "filter": "agNumberColumnFilter",
            "filterParams": {
                "filterOptions": ["inRange", "greaterThanOrEqual", "lessThanOrEqual"],
                "maxNumConditions": 1,
                "inRangeInclusive": True,
                "buttons": ["apply", "reset"],
                "closeOnApply": True,
            },
        }
    return definition | {
        "filter": "agTextColumnFilter",
        "filterParams": {
            "filterOptions": ["equals"],
            "maxNumConditions": 1,
            "buttons": ["apply", "reset"],
            "closeOnApply": True,
        },
    }


def _can_show_range(rows: StudyRows, name: str, ends: tuple[float | None, float | None]) -> bool:
    """Whether the grid has a filter that can show a range: one of numbers, where it has an end."""
    has_numbers = name in columns(rows) and name not in _NO_FILTER and are_numbers(rows.trials[name])
    return has_numbers and ends != (None, None)


def _can_show_choice(rows: StudyRows, name: str, values: Sequence[str]) -> bool:
    """Whether the grid has a filter that can show a choice: one of texts, for one text that is not empty."""
    has_texts = name in columns(rows) and name not in _NO_FILTER and not are_numbers(rows.trials[name])
    return has_texts and len(values) == 1 and values[0] != ""


def _number(given: object) -> float | None:
    return float(given) if isinstance(given, int | float) and math.isfinite(given) else None


def _plain(value: Any) -> Any:
    """A cell as JSON has it; numbers to six significant digits, as people read them."""
    if isinstance(value, TrialState):
        return value.value
    text = as_choice(value)
    if text == "":
        return None
    if isinstance(value, bool):
        return value
    if value is None or isinstance(value, str):
        return text
    number = float(value) if not isinstance(value, int) else value
    if isinstance(number, float):
        return float(f"{number:.6g}") if math.isfinite(number) else str(number)
    return number
