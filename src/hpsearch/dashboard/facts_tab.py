"""What a study is: its file, its settings, its versions, its log."""

from __future__ import annotations

from typing import Any

from dash import html

from hpsearch.dashboard.live import Live
from hpsearch.dashboard.parts import table
from hpsearch.wording import duration


def facts_tab(live: Live, name: str) -> list[Any]:
    """The study's own facts, its log and remarks, and the space as it was given."""
    study = live.study(name)
    events, notes = live.store.events(study.id), live.store.notes(study.id)
    facts = {
        "objective": f"{study.objective.metric}, {study.objective.direction.value}",
        "search": study.backend,
        "seed": str(study.seed),
        "order": f"{study.order.value}, lag {study.lag}",
        "a worker": f"{study.threads} thread{'s' if study.threads > 1 else ''}, "
        f"oneDNN {'on' if study.onednn else 'off'}, {'' if study.deterministic else 'not '}deterministic",
        "created": f"{study.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "run for": duration(study.coordinator_seconds, decimals=0),
        "versions": ", ".join(f"{package} {version}" for package, version in study.versions.items()),
        "database": str(live.store.path),
    }
    if study.error:
        facts["error"] = study.error.strip().splitlines()[-1]
    content: list[Any] = [
        html.Dl([html.Div([html.Dt(term), html.Dd(said)]) for term, said in facts.items() if said], className="facts")
    ]
    if events:
        lines = [[f"{event.happened_at:%Y-%m-%d %H:%M:%S}", event.kind, event.text] for event in events]
        content += [html.H2("Log"), table(["when (UTC)", "what", "more"], lines, name="Log")]
    if notes:
        lines = [[note.text, "" if note.trial is None else str(note.trial)] for note in notes]
        content += [html.H2("Notes"), table(["note", "trial"], lines, name="Notes")]
    return [*content, html.H2("The space, as it was given"), html.Pre(study.yaml, className="yaml", tabIndex=0)]
