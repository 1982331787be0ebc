"""Plotly.js with the traces that the figures of this package are made of: build.mjs builds it from index.js."""

from __future__ import annotations

from importlib.resources import files


def plotly_js() -> str:
    """The script as text, 1.9 MB, which can stand in a ``<script>`` element and defines ``Plotly``."""
    return (files(__name__) / "plotly.min.js").read_text(encoding="utf-8")
