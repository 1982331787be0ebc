"""The study's log, and what people noted."""

from __future__ import annotations

from hpsearch.report.material import Material
from hpsearch.report.sections import Content

TITLE = "Events and notes"


def content(material: Material) -> Content:
    """Events and notes, the oldest first."""
    events = material.store.events(material.study.id)
    notes = material.store.notes(material.study.id)
    if not events and not notes:
        return "Nothing out of the ordinary happened, and nobody left a note."
    return {"events": events, "notes": notes}
