"""The parts of a report, each a module and a template of the same name.

A section is a module with ``TITLE`` and ``content(material)``: the data of ``templates/sections/NAME.html``, or one
sentence on why there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from hpsearch.report.material import Material

# name -> module, in the order in which they are shown; the only list there is
SECTIONS: dict[str, str] = {
    "facts": "hpsearch.report.sections.facts",
    "best": "hpsearch.report.sections.best",
    "tested": "hpsearch.report.sections.tested",
    "gain": "hpsearch.report.sections.gain",
    "search_figures": "hpsearch.report.sections.search_figures",
    "retrain_figures": "hpsearch.report.sections.retrain_figures",
    "epochs": "hpsearch.report.sections.epochs",
    "trials": "hpsearch.report.sections.trials",
    "space": "hpsearch.report.sections.space",
    "log": "hpsearch.report.sections.log",
}

Content = Mapping[str, Any] | str  # data of the template, or why there is none


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page.

    Attributes:
        name: of the section, its anchor and its template.
        data: of the template; empty where there is nothing to show.
        sentence: why there is nothing to show; else empty.
    """

    name: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    sentence: str = ""


def make_section(name: str, material: Material) -> Section:
    """The section of that name for one study. KeyError for a name that is not in the list."""
    module = import_module(SECTIONS[name])
    content: Content = module.content(material)
    if isinstance(content, str):
        return Section(name, module.TITLE, sentence=content)
    return Section(name, module.TITLE, content)
