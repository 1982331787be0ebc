"""Figures as parts of a page that needs nothing beside itself."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from hpsearch.figures.theme import TEXT, config

_HEIGHT = 450  # Plotly's own, where a figure has none
_COLUMN, _AXIS, _MAP = 180, 72, 480  # pixels that a column of plots, a parallel coordinate and a heat map need
_BARS, _LETTER, _SMALL_LETTER = 170, 7, 5.3  # beside the names of bars, and of letters beside bars and under images
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Embedded:
    """One figure, ready for a page.

    Attributes:
        name: of the figure, unique on the page.
        title: for people.
        caption: what it shows, in words; empty where the page says it once for several.
        json: ``{"figure": ..., "config": ...}`` for Plotly.js, safe inside a ``<script>`` element; empty where there
            is nothing to draw.
        height: in pixels.
        least_width: in pixels; a narrower page lets the figure scroll in its box.
        sentence: why there is nothing to draw; else empty.
    """

    name: str
    title: str
    caption: str
    json: str
    height: int
    least_width: int
    sentence: str


def embed(name: str, title: str, caption: str, drawn: go.Figure) -> Embedded:
    """`drawn` as a part of a page. A figure without data is its sentence, which wraps where a picture would not."""
    if not drawn.data and drawn.layout.annotations:
        text = str(drawn.layout.annotations[0].text).replace("<br>", " ")
        return Embedded(name, title, caption, "", 0, 0, html.unescape(text))
    content = f'{{"figure": {drawn.to_json()}, "config": {json.dumps(config(name))}}}'
    height = drawn.layout.height or _HEIGHT
    return Embedded(name, title, caption, in_script(content), height, least_width(drawn), "")


def least_width(drawn: go.Figure) -> int:
    """Pixels below which the figure's parts would run into each other, 0 if never; a page lets it scroll there."""
    columns = {axis.domain[0] for axis in drawn.select_xaxes() if axis.domain is not None}
    widths = [_COLUMN * len(columns)] if len(columns) > 1 else []
    for trace in drawn.data:
        if trace.type == "parcoords":
            widths.append(_AXIS * len(trace.dimensions))
        elif trace.type == "heatmap":
            widths.append(_MAP)
        elif trace.type == "bar" and trace.orientation == "h":
            widths.append(_BARS + _LETTER * _longest(trace.y))
        elif trace.type == "scatter" and trace.mode == "text":  # below images
            lines = [line for text in trace.text for line in text.split("<br>")]
            widths.append(round(_SMALL_LETTER * _longest(lines) * drawn.layout.xaxis.range[1]))
    return max(widths, default=0)


def _longest(texts: Iterable[Any]) -> int:
    """Letters of the longest of some texts, as they are shown; of what is no text, none."""
    return max((len(html.unescape(_TAG.sub("", text))) for text in texts if isinstance(text, str)), default=0)


def in_script(content: str) -> str:
    """JSON that can stand inside a ``<script>`` element: no ``</script>`` or ``<!--`` can end it or begin another."""
    return content.replace("<", "\\u003c")


def text_colour() -> str:
    """The colour of texts that no figure has chosen itself, as Plotly writes it into an SVG: ``rgb(1, 2, 3)``."""
    red, green, blue = (int(TEXT[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"
