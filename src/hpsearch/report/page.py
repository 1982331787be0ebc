"""Pages that need nothing beside themselves: made from the templates, the style and the script that lie here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hpsearch
from hpsearch.figures.embedding import Embedded, text_colour
from hpsearch.figures.plotly_js import plotly_js
from hpsearch.wording import counted, duration, in_words, number, short

_TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, figures: Iterable[Embedded], data: Mapping[str, Any]) -> str:
    """A whole page. Every text of a person is escaped where the template puts it.

    Args:
        template: its name; it extends ``base.html``.
        figures: all that stand on the page: Plotly.js, 1.9 MB, is in it only where one of them draws something.
        data: of the template.
    """
    has_figures = any(figure.json for figure in figures)
    text: str = (
        _environment()
        .get_template(template)
        .render(
            **data,
            style=(_TEMPLATES / "page.css").read_text(encoding="utf-8"),
            script=(_TEMPLATES / "page.js").read_text(encoding="utf-8"),
            plotly=plotly_js() if has_figures else "",
            text_colour=text_colour(),
            version=hpsearch.__version__,
        )
    )
    return text


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "duration": duration,
        "in_words": in_words,
        "number": number,
        "short": short,
    }
    return environment
