"""What the search gained over its first random trials, and what that cost."""

from __future__ import annotations

from hpsearch.report.gain import gain
from hpsearch.report.material import Material
from hpsearch.report.sections import Content

TITLE = "What the search gained"


def content(material: Material) -> Content:
    """The stages of the search, and a few sentences."""
    found = gain(material.study, material.trials, len(material.rows.definitions))
    if found is None:
        return material.no_trials
    return {"stages": found.stages, "text": found.text, "metric": material.study.objective.metric}
