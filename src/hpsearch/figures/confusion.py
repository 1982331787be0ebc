"""Confusion matrix: how many test images of each class the model took for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.colors import sequential

from hpsearch.figures.retraining import axis_labels, chosen, in_words, why_none
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import SCALE, axis, new_figure, nothing_to_draw
from hpsearch.storage import EvaluationRecord
from hpsearch.wording import counted

if TYPE_CHECKING:
    import pandas

TITLE = "Confusion matrix"
_FEW = 20  # classes; up to so many each cell has its number
_TICKS = 26  # class names along an axis; where there are more classes, closer looks show more names
_COLOURS = getattr(sequential, SCALE)
_TOLD = 5  # pairs in the caption


@dataclass(frozen=True, slots=True)
class Confusion:
    """What the figure draws.

    Attributes:
        retraining: whose test this is; None where the study has none.
        names: of the classes, in label order.
        counts: test images, one row a true class, one column a predicted one, both by label; empty without classes.
        pairs: ``true, predicted, count, share`` of every pair of different classes that was confused, the most
            frequent first; `share` of the true class.
    """

    retraining: EvaluationRecord | None
    names: Sequence[str]
    counts: pandas.DataFrame
    pairs: pandas.DataFrame

    @property
    def shares(self) -> pandas.DataFrame:
        """`counts` as shares of the true class; NaN for a class without a test image."""
        sizes = self.counts.sum(axis=1)
        return self.counts.div(sizes.where(sizes > 0), axis=0)


def facts(rows: StudyRows, evaluation: int | None = None) -> Confusion:
    """The matrix of a retraining's test."""
    import pandas

    retraining = chosen(rows, evaluation)
    classes = retraining.classes if retraining is not None else ()
    counts = pandas.DataFrame(retraining.confusion if retraining is not None else ())
    names = [str(score["name"]) for score in classes]
    return Confusion(retraining, names, counts, _pairs(counts, names))


def _pairs(counts: pandas.DataFrame, names: Sequence[str]) -> pandas.DataFrame:
    import pandas

    found = [
        (names[true], names[predicted], int(count), count / row.sum())
        for true, row in enumerate(counts.to_numpy())
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    frame = pandas.DataFrame(found, columns=["true", "predicted", "count", "share"])
    return frame.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def figure(facts: Confusion) -> go.Figure:
    """A square of cells, coloured by their share of the true class; few classes have numbers, too."""
    if not len(facts.counts):
        return nothing_to_draw(why_none(facts.retraining))
    labels = axis_labels(facts.names)
    is_small = len(labels) <= _FEW
    drawn = new_figure(height=480 if is_small else 620, margin={"l": 20, "r": 20, "t": 10, "b": 20})
    drawn.add_trace(
        go.Heatmap(
            x=labels,
            y=labels,
            z=facts.shares.to_numpy(dtype="float32"),
            customdata=facts.counts.to_numpy(dtype="int32"),
            text=[[str(count or "") for count in row] for row in facts.counts.to_numpy()] if is_small else None,
            texttemplate="%{text}" if is_small else None,
            colorscale=[[(place / (len(_COLOURS) - 1)) ** 2, colour] for place, colour in enumerate(_COLOURS)],
            zmin=0,
            zmax=1,
            xgap=1 if is_small else 0,
            ygap=1 if is_small else 0,
            colorbar=_colour_bar(),
            hovertemplate="true %{y}, predicted %{x}: %{customdata} (%{z:.1%})<extra></extra>",
        )
    )
    names = {"type": "category", "showgrid": False, "automargin": True, "constrain": "domain", "nticks": _TICKS}
    font = {"size": 12 if is_small else 9}
    drawn.update_layout(
        xaxis=axis(title="predicted", tickfont=font, **names),
        yaxis=axis(
            title="true",
            tickfont=font,
            autorange="reversed",
            scaleanchor="x",
            constraintoward="top",
            **names,
        ),
    )
    return drawn


def _colour_bar() -> dict[str, Any]:
    """Above the matrix: beside it, it would take a phone's width."""
    return {
        "orientation": "h",
        "title": {"text": "share of the true class", "side": "top", "font": {"size": 12}},
        "tickformat": ".0%",
        "tickfont": {"size": 11},
        "thickness": 8,
        "lenmode": "pixels",
        "len": 220,
        "x": 0.5,
        "y": 1.0,
        "yanchor": "bottom",
        "ypad": 12,
        "outlinewidth": 0,
    }


def caption(facts: Confusion) -> str:
    """What the figure shows, in words."""
    if not len(facts.counts) or facts.retraining is None:
        return why_none(facts.retraining)
    counts = facts.counts.to_numpy()
    total, right = int(counts.sum()), int(counts.trace())
    are = "is" if right == 1 else "are"
    said = (
        f"{in_words(facts.retraining)}: {right:,} of {counted(total, 'test image')} {are} right ({right / total:.1%})."
    )
    pairs = [
        f"{pair.true} taken for {pair.predicted} ({pair.count:,}, {pair.share:.0%} of the class)"
        for pair in facts.pairs.head(_TOLD).itertuples(index=False)
    ]
    return f"{said} Most often confused: {'; '.join(pairs)}." if pairs else said
