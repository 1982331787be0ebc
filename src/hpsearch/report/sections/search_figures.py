"""The figures of the search."""

from __future__ import annotations

from hpsearch.figures.embedding import Embedded, embed
from hpsearch.figures.registry import SEARCH_FIGURES, figure_module
from hpsearch.figures.rows import StudyRows
from hpsearch.report.material import Material
from hpsearch.report.sections import Content

TITLE = "The search in figures"


def content(material: Material) -> Content:
    """All registered figures of the search, in their order."""
    if not material.counts:
        return material.no_trials
    return {"figures": [embedded(name, material.rows) for name in SEARCH_FIGURES]}


def embedded(name: str, rows: StudyRows) -> Embedded:
    """One registered figure of a study, for a page."""
    module = figure_module(name)
    facts = module.facts(rows)
    return embed(name, module.TITLE, module.caption(facts), module.figure(facts))
