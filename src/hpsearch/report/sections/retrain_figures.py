"""The figures of the retrained model."""

from __future__ import annotations

from hpsearch.figures.registry import RETRAIN_FIGURES
from hpsearch.report.material import Material
from hpsearch.report.sections import Content
from hpsearch.report.sections.search_figures import embedded
from hpsearch.report.sections.tested import why_untested

TITLE = "The retrained model in figures"


def content(material: Material) -> Content:
    """All registered figures of retraining, in their order."""
    if not material.tested:
        return why_untested(material)
    return {"figures": [embedded(name, material.rows) for name in RETRAIN_FIGURES]}
