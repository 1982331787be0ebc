"""What can be chosen about single figures, and what of an address a figure is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dash import dcc, html

from hpsearch.dashboard.address import Address
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.selection import Selection

# figure -> option of its `facts` -> the choices, the default first; None for the names of the study's parameters
OPTIONS: Mapping[str, Mapping[str, Sequence[str] | None]] = {
    "history": {"by": ("trial", "time")},
    "contour": {"x": None, "y": None},
    "cost": {"against": ("model_parameters", "seconds")},
}

_BRUSHED = "parallel_coordinates"


def allowed(rows: StudyRows, figure: str, given: Mapping[str, str]) -> dict[str, str]:
    """Those of the given options that the figure has, with values that it knows: an address may say anything."""
    known = OPTIONS.get(figure, {})
    return {name: value for name, value in given.items() if name in known and value in _choices(rows, known[name])}


def default(figure: str, option: str) -> str | None:
    """What an option is where nothing is chosen; None where the figure chooses by itself."""
    choices = OPTIONS.get(figure, {}).get(option)
    return choices[0] if choices else None


def controls(rows: StudyRows, figure: str, address: Address) -> list[Any]:
    """What people choose the options with, set to what the address says."""
    given = allowed(rows, figure, address.options_of(figure))
    return [_control(rows, figure, name, choices, given.get(name)) for name, choices in OPTIONS.get(figure, {}).items()]


def views(figure: str, selection: Selection) -> Selection:
    """The trials that a figure shows: the one that is brushed keeps those outside the brush, greyed."""
    return replace(selection, ranges={}, choices={}) if figure == _BRUSHED else selection


def brushes(figure: str, selection: Selection) -> dict[str, Selection]:
    """What the `facts` of the figure that is brushed take besides: what the others show of its trials."""
    return {"brushed": selection} if figure == _BRUSHED else {}


def _control(rows: StudyRows, figure: str, name: str, choices: Sequence[str] | None, chosen: str | None) -> Any:
    identity = {"type": "option", "name": figure, "option": name}
    if choices is None:
        return html.Label(
            [
                name,
                dcc.Dropdown(
                    _choices(rows, None), chosen, id=identity, placeholder="chosen by importance", className="option"
                ),
            ]
        )
    return dcc.RadioItems(
        [{"label": f"{name} {choice}".replace("_", " "), "value": choice} for choice in choices],
        chosen or choices[0],
        id=identity,
        inline=True,
    )


def _choices(rows: StudyRows, choices: Sequence[str] | None) -> list[str]:
    return [parameter.name for parameter in rows.parameters] if choices is None else list(choices)
