"""The space file, letter by letter as it was given."""

from __future__ import annotations

from hpsearch.report.material import Material
from hpsearch.report.sections import Content

TITLE = "Space as given"


def content(material: Material) -> Content:
    """The YAML text."""
    return {"yaml": material.study.yaml}
