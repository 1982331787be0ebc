"""Plotly.js as this package brings it: all that the figures need, and the version that they were made for."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from plotly.offline import get_plotlyjs_version

from hpsearch.figures.plotly_js import plotly_js

FOLDER = files("hpsearch.figures.plotly_js")


def test_it_is_the_version_that_the_figures_are_described_for():
    """Where this fails, change the version in plotly_js/package.json and build it anew (CONTRIBUTING.md)."""
    asked = json.loads((FOLDER / "package.json").read_text())["devDependencies"]["plotly.js"]

    built = re.match(r"/\* plotly\.js v(\S+),", plotly_js())

    assert built is not None
    assert built[1] == asked == get_plotlyjs_version()


def test_it_has_every_kind_of_trace_that_a_figure_is_made_of():
    sources = [file.read_text() for file in files("hpsearch.figures").iterdir() if file.name.endswith(".py")]
    named = {name for source in sources for name in re.findall(r"\bgo\.(\w+)", source)}
    used = {name.lower() for name in named if issubclass(getattr(go, name), BaseTraceType)}

    built = set(re.findall(r"(?:lib|traces)/(\w+)(?:/strict)?\"", (FOLDER / "index.js").read_text()))

    assert used == built - {"core"} | {"scatter"}


def test_it_can_stand_in_a_page():
    assert "</script" not in plotly_js().lower()
    assert "<!--" not in plotly_js()
