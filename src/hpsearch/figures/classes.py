"""Scores by class: which classes the model finds, best and worst marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.retraining import axis_labels, chosen, in_words, why_none
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import BLUE, GREEN, GREY, ORANGE, VERMILION, axis, new_figure, nothing_to_draw
from hpsearch.storage import EvaluationRecord

if TYPE_CHECKING:
    import pandas

TITLE = "Scores by class"
_FEW = 40  # classes; of more, those at both ends are drawn
_AT_EACH_END = 15
_NAMED = 4  # equally good classes that are named in the caption


@dataclass(frozen=True, slots=True)
class Classes:
    """What the figure draws.

    Attributes:
        retraining: whose test this is; None where the study has none.
        scores: ``label, name, precision, recall, f1, support`` of each class with a test image, best recall first,
            ties in label order; ``kind`` is ``best``, ``worst`` or ``recall``.
        untested: names of the classes without one.
    """

    retraining: EvaluationRecord | None
    scores: pandas.DataFrame
    untested: Sequence[str]

    @property
    def ends(self) -> pandas.DataFrame:
        """`scores`, or its best and its worst where there are many."""
        import pandas

        if len(self.scores) <= _FEW:
            return self.scores
        return pandas.concat([self.scores.head(_AT_EACH_END), self.scores.tail(_AT_EACH_END)])


def facts(rows: StudyRows, evaluation: int | None = None) -> Classes:
    """The classes of a retraining's test, sorted by recall."""
    import pandas

    retraining = chosen(rows, evaluation)
    columns = ["label", "name", "precision", "recall", "f1", "support"]
    classes = retraining.classes if retraining is not None else ()
    every = pandas.DataFrame([{"label": label, **score} for label, score in enumerate(classes)], columns=columns)
    tested = every[every["support"] > 0]
    scores = tested.sort_values("recall", ascending=False, kind="stable", ignore_index=True)
    return Classes(
        retraining=retraining,
        scores=scores.assign(kind=_kinds(scores["recall"])),
        untested=[str(name) for name in every.loc[every["support"] == 0, "name"]],
    )


def _kinds(recalls: pandas.Series[float]) -> list[str]:
    """``best`` and ``worst`` for those at the ends, which may be several; all the same are all ``best``."""
    best, worst = recalls.max(), recalls.min()
    return ["best" if recall == best else "worst" if recall == worst else "recall" for recall in recalls]


def figure(facts: Classes) -> go.Figure:
    """A bar a class, as long as its recall, best on top; precision as a diamond."""
    if not len(facts.scores):
        return nothing_to_draw(why_none(facts.retraining))
    shown = facts.ends
    labels = _labels(facts)
    left_out = len(facts.scores) - len(shown)
    between = [f"… {left_out} more …"] if left_out else []
    order = [*labels[:_AT_EACH_END], *between, *labels[_AT_EACH_END:]]
    drawn = new_figure(height=22 * len(order) + 120, barmode="overlay", bargap=0.25, margin={"l": 20, "r": 84})
    for kind, colour in (("recall", BLUE), ("best", GREEN), ("worst", VERMILION)):
        places = [place for place, own in enumerate(shown["kind"]) if own == kind]
        if places:
            drawn.add_trace(_bars(shown.iloc[places], [labels[place] for place in places], kind, colour))
    drawn.add_trace(_diamonds(shown, labels))
    for number in _numbers(shown, [order.index(label) for label in labels]):
        drawn.add_annotation(number)
    accuracy = facts.retraining.metrics.get("accuracy") if facts.retraining is not None else None
    if accuracy is not None:
        line = {"color": GREY, "dash": "dash"}
        name = f"accuracy {accuracy:.3f}"
        drawn.add_vline(x=accuracy, line=line, layer="below")
        drawn.add_trace(go.Scatter(x=[None], y=[None], mode="lines", name=name, line=line, hoverinfo="skip"))
    drawn.update_layout(
        xaxis=axis(title="recall", range=[0, 1.02], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        yaxis=axis(
            type="category",
            categoryorder="array",
            categoryarray=order,
            range=[len(order) - 0.4, -0.6],
            automargin=True,
            showgrid=False,
            tickmode="array",
            tickvals=order,
        ),
    )
    return drawn


def _labels(facts: Classes) -> list[str]:
    every = axis_labels([str(score["name"]) for score in facts.retraining.classes]) if facts.retraining else []
    return [every[label] for label in facts.ends["label"]]


def _diamonds(scores: pandas.DataFrame, labels: Sequence[str]) -> go.Scatter:
    return go.Scatter(
        x=scores["precision"].to_numpy(dtype="float64"),
        y=list(labels),
        mode="markers",
        name="precision",
        marker={"symbol": "diamond-open", "size": 8, "color": ORANGE, "line": {"width": 2}},
        hoverinfo="skip",
    )


def _numbers(scores: pandas.DataFrame, places: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Recalls in a column at the right, where nothing crosses them, as annotations."""
    for place, recall, kind in zip(places, scores["recall"], scores["kind"], strict=True):
        yield {
            "text": f"{recall:.2f}" if kind == "recall" else f"{recall:.2f} {kind}",
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 4,
            "y": place,
            "showarrow": False,
            "font": {"size": 11},
        }


def _bars(scores: pandas.DataFrame, labels: Sequence[str], name: str, colour: str) -> go.Bar:
    return go.Bar(
        x=scores["recall"].to_numpy(dtype="float64"),
        y=list(labels),
        orientation="h",
        name=name,
        showlegend=name == "recall",
        marker={"color": colour},
        customdata=scores[["precision", "f1", "support"]].to_numpy(dtype="float64"),
        hovertemplate=(
            "%{y}<br>recall %{x:.4f}<br>precision %{customdata[0]:.4f}<br>F1 %{customdata[1]:.4f}"
            "<br>%{customdata[2]:,} test images<extra></extra>"
        ),
    )


def caption(facts: Classes) -> str:
    """What the figure shows, in words."""
    if not len(facts.scores) or facts.retraining is None:
        return why_none(facts.retraining)
    parts = [f"{in_words(facts.retraining)}: {' and '.join(_ends_in_words(facts.scores))}."]
    left_out = facts.scores.drop(facts.ends.index)
    if len(left_out):
        parts.append(
            f"Drawn are the {_AT_EACH_END} best and the {_AT_EACH_END} worst; the other {len(left_out)} have a recall "
            f"from {left_out['recall'].min():.2f} to {left_out['recall'].max():.2f}."
        )
    if facts.untested:
        parts.append(f"Without a test image: {', '.join(facts.untested)}.")
    return " ".join(parts)


def _ends_in_words(scores: pandas.DataFrame) -> Iterator[str]:
    for kind in ("best", "worst"):
        some = scores[scores["kind"] == kind]
        if len(some):
            names = [str(name) for name in some["name"]]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            classes = "class is" if len(names) == 1 else "classes are"
            yield f"the {kind} {classes} {', '.join(names[:_NAMED])}{more} (recall {some['recall'].iloc[0]:.4f})"
