"""Snapshots against their ensemble: what each member is worth alone, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from hpsearch.figures.retraining import chosen, in_words, snapshot_epochs
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import BLUE, GREY, SKY, axis, new_figure, nothing_to_draw
from hpsearch.storage import EvaluationRecord

if TYPE_CHECKING:
    import pandas

TITLE = "Snapshots and their ensemble"


@dataclass(frozen=True, slots=True)
class Members:
    """What the figure draws.

    Attributes:
        retraining: whose test this is; None where the study has none.
        members: ``member`` (from 1), ``epoch`` after which it was taken (missing where unknown), ``accuracy`` on the
            test split; empty where one model was tested.
        ensemble: the accuracy of all together.
        combine: how they make one prediction, ``mean`` or ``vote``.
    """

    retraining: EvaluationRecord | None
    members: pandas.DataFrame
    ensemble: float | None
    combine: str


def facts(rows: StudyRows, evaluation: int | None = None) -> Members:
    """The test accuracy of each member of a retraining's ensemble, and the ensemble's."""
    import pandas

    retraining = chosen(rows, evaluation)
    found = retraining.members if retraining is not None else ()
    epochs = dict(enumerate(snapshot_epochs(retraining))) if retraining is not None else {}
    data = [(place + 1, epochs.get(place), member.get("accuracy")) for place, member in enumerate(found)]
    snapshots = retraining.configuration.get("training", {}).get("snapshots") if retraining is not None else None
    return Members(
        retraining=retraining,
        members=pandas.DataFrame(data, columns=["member", "epoch", "accuracy"]),
        ensemble=retraining.metrics.get("accuracy") if retraining is not None else None,
        combine=str((snapshots or {}).get("combine", "mean")),
    )


def figure(facts: Members) -> go.Figure:
    """A bar a member in the order of training, then the ensemble's; a line where the ensemble ends."""
    if not len(facts.members) or facts.ensemble is None:
        return nothing_to_draw(caption(facts))
    numbers = zip(facts.members["member"], facts.members["epoch"], strict=True)
    labels = [f"snapshot {number}" + ("" if epoch is None else f" (epoch {epoch})") for number, epoch in numbers]
    drawn = new_figure(height=34 * (len(labels) + 1) + 110, bargap=0.25, showlegend=False)
    for names, values, colour in (
        (labels, facts.members["accuracy"].to_list(), SKY),
        (["ensemble"], [facts.ensemble], BLUE),
    ):
        drawn.add_trace(
            go.Bar(
                x=values,
                y=names,
                orientation="h",
                marker={"color": colour},
                text=[f"{value:.4f}" for value in values],
                textposition="auto",
                hovertemplate="%{y}: %{x:.4f}<extra></extra>",
            )
        )
    drawn.add_vline(x=facts.ensemble, line={"color": GREY, "dash": "dash"})
    drawn.update_layout(
        xaxis=axis(title="test accuracy", rangemode="tozero"),
        yaxis=axis(type="category", autorange="reversed", automargin=True, showgrid=False),
        margin={"l": 20},
    )
    return drawn


def caption(facts: Members) -> str:
    """What the figure shows, in words."""
    if facts.retraining is None:
        return "No model of this study has been retrained and tested yet."
    if not len(facts.members) or facts.ensemble is None:
        return "One model was tested, no ensemble: the retraining took no snapshots."
    accuracy = facts.members["accuracy"]
    best = facts.members["member"].iloc[int(accuracy.to_numpy().argmax())]
    how = "by vote" if facts.combine == "vote" else "by the mean of their outputs"
    return (
        f"{in_words(facts.retraining)}: {len(accuracy)} snapshots together, {how}, reach {facts.ensemble:.4f} on the "
        f"test split; alone from {accuracy.min():.4f} to {accuracy.max():.4f} (snapshot {best}), "
        f"{accuracy.mean():.4f} in the mean."
    )
