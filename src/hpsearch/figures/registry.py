"""All figures by name, in the order in which they are shown. The only list there is.

A figure is a module with ``TITLE``; ``facts(rows, ...)``, the numbers that it draws, by `StudyRows`;
``figure(facts)``, the drawing; and ``caption(facts)``, a sentence for those who cannot see it or want to know
what it rests on. What ``facts`` takes beside the rows has a default.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

SEARCH_FIGURES: dict[str, str] = {
    "history": "hpsearch.figures.history",
    "learning_curves": "hpsearch.figures.learning_curves",
    "parallel_coordinates": "hpsearch.figures.parallel_coordinates",
    "importances": "hpsearch.figures.importances",
    "slices": "hpsearch.figures.slices",
    "contour": "hpsearch.figures.contour",
    "timeline": "hpsearch.figures.timeline",
    "funnel": "hpsearch.figures.funnel",
    "cost": "hpsearch.figures.cost",
    "failures": "hpsearch.figures.failures",
}
RETRAIN_FIGURES: dict[str, str] = {
    "retrain_curves": "hpsearch.figures.retrain_curves",
    "confusion": "hpsearch.figures.confusion",
    "classes": "hpsearch.figures.classes",
    "examples": "hpsearch.figures.examples",
    "members": "hpsearch.figures.members",
}
FIGURES = SEARCH_FIGURES | RETRAIN_FIGURES


def figure_module(name: str) -> ModuleType:
    """The module of a figure. KeyError for a name that is not in the list."""
    return import_module(FIGURES[name])
