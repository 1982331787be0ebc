"""All about one trial: parameters beside the best one's, every curve, the attempts, the error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dash import html

from hpsearch.dashboard.live import Drawing, Live
from hpsearch.dashboard.parts import badge, still, table
from hpsearch.errors import TrialNotFound
from hpsearch.figures import learning_curves
from hpsearch.figures.rows import StudyRows
from hpsearch.study import Attempt, Trial
from hpsearch.wording import duration, in_words, number, parameter_value

_ABSENT = "absent"


def trial_panel(live: Live, name: str, number: int) -> list[Any]:
    """The panel's content; a sentence where the study has no such trial."""
    close = html.Button(
        "✕", id={"type": "close", "what": "trial"}, className="close", title="Close (Escape)", **{"aria-label": "Close"}
    )
    rows = live.rows(name)
    try:
        trial = live.store.trial(rows.study.id, number)
    except TrialNotFound as missing:
        return [close, html.P(str(missing))]
    best = rows.best(1)
    compared = live.store.trial(rows.study.id, best[0]) if best and best[0] != number else None
    return [
        close,
        html.H2([f"Trial {number} ", badge(trial.state.value)]),
        html.Dl([html.Div([html.Dt(term), html.Dd(said)]) for term, said in _facts(rows, trial)], className="facts"),
        *_error(trial),
        html.H3("Parameters" + (f", beside the best trial's ({compared.number})" if compared else "")),
        _parameters(trial, compared),
        *_curves(live, rows, trial),
        html.H3("Attempts"),
        _attempts(live.store.attempts(rows.study.id, number)),
    ]


def _facts(rows: StudyRows, trial: Trial) -> Iterator[tuple[str, Any]]:
    if trial.value is not None:
        at = f" at epoch {trial.best_epoch}" if trial.best_epoch is not None else ""
        yield "value", f"{number(trial.value)} {in_words(rows.metric)}{at}"
    yield "epochs", f"{trial.epochs_done} of {trial.epochs}"
    if trial.parent is not None:
        yield "continues", f"trial {trial.parent}"
    if trial.bracket is not None:
        yield "bracket", f"{trial.bracket}, rung {trial.rung}"
    if trial.model_parameters is not None:
        yield "size", f"{trial.model_parameters:,} model parameters"
    yield "time", duration(trial.seconds, decimals=0)
    yield "seed", str(trial.seed)


def _error(trial: Trial) -> list[Any]:
    if not trial.error:
        return []
    kind = trial.error_kind.value if trial.error_kind is not None else trial.state.value
    return [html.H3(f"Why it did not end well: {kind}"), html.Pre(trial.error.rstrip(), tabIndex=0)]


def _parameters(trial: Trial, best: Trial | None) -> Any:
    names = list(dict.fromkeys([*trial.parameters, *(best.parameters if best else {})]))
    if not names:
        return html.P("It has none.", className="quiet")
    lines = []
    for name in names:
        own, other = _shown(trial, name), _shown(best, name) if best else None
        differs = other is not None and own != other
        line: list[Any] = [name, html.Span(own, className="differs" if differs else "")]
        lines.append(line if best is None else [*line, html.Span(other or "", className="quiet")])
    heading = ["parameter", f"trial {trial.number}", *([f"trial {best.number}"] if best else [])]
    return table(heading, lines, name="Parameters")


def _shown(trial: Trial, name: str) -> str:
    if name not in trial.parameters:
        return _ABSENT
    return parameter_value(trial.parameters[name])


def _curves(live: Live, rows: StudyRows, trial: Trial) -> list[Any]:
    alone = StudyRows(live.store, rows.study, rows.trials[rows.trials.index == trial.number])
    if not trial.epochs_done or not len(alone.trials):
        return []
    facts = learning_curves.facts(alone)
    drawing = Drawing.of(learning_curves.figure(facts), learning_curves.caption(facts))
    return [still(f"trial-{trial.number}", "Its curves", drawing)]


def _attempts(attempts: list[Attempt]) -> Any:
    if not attempts:
        return html.P("It was never started.", className="quiet")
    lines = [
        [
            attempt.attempt,
            attempt.worker,
            attempt.device,
            attempt.outcome.value if attempt.outcome is not None else "running",
            duration((attempt.ended_at - attempt.started_at).total_seconds(), decimals=0) if attempt.ended_at else "",
            f"{attempt.peak_memory_bytes / 2**20:,.0f} MiB" if attempt.peak_memory_bytes else "",
            attempt.error.strip().splitlines()[-1] if attempt.error else "",
        ]
        for attempt in attempts
    ]
    return table(["attempt", "worker", "device", "outcome", "time", "peak memory", "error"], lines, name="Attempts")
