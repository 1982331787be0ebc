"""Curves of a retraining: each metric in training and validation, and the learning rate of every epoch below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.retraining import chosen, is_kept, snapshot_epochs
from hpsearch.figures.retraining import in_words as what
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import GREEN, GREY, SERIES, TEXT, VERMILION, axis, new_figure, nothing_to_draw, plain
from hpsearch.storage import EvaluationRecord
from hpsearch.wording import in_words

if TYPE_CHECKING:
    import pandas

TITLE = "Curves of the retrained model"
_RATE = "learning_rate"
_PANEL, _GAP, _AROUND = 165, 0.05, 110  # pixels, share of the height, pixels
_DOTS = 60  # epochs; each is marked up to so many
_WIDE = 20.0  # rates that differ by more than this factor get a logarithmic axis


@dataclass(frozen=True, slots=True)
class Curves:
    """What the figure draws.

    Attributes:
        retraining: whose curves these are; None where the study has none.
        table: one row an epoch (``epoch``, from 1, is the index), a column a metric, ``learning_rate`` among them.
        objective: what the study searches for.
        best: the first epoch with the best objective; None where no epoch has one.
        tested: the epoch whose weights were tested; None for an ensemble.
        snapshots: the epochs after which the members of an ensemble were taken.
    """

    retraining: EvaluationRecord | None
    table: pandas.DataFrame
    objective: str
    best: int | None
    tested: int | None
    snapshots: Sequence[int]

    def value(self, metric: str, epoch: int) -> float:
        """One of the values of `table`."""
        return float(self.table[metric].to_numpy()[self.table.index.get_loc(epoch)])


def facts(rows: StudyRows, evaluation: int | None = None) -> Curves:
    """Every epoch of a retraining; where the search's weights were kept, of the trial that trained them.

    Args:
        evaluation: the id of one that has ended well; None for the one that is under way, else the best trial's last.
    """
    import pandas

    retraining = (rows.retraining_underway if evaluation is None else None) or chosen(rows, evaluation)
    if retraining is None:
        return Curves(None, pandas.DataFrame(), rows.metric, None, None, ())
    if is_kept(retraining):
        points = rows.curves([retraining.trial])
        table = points.pivot(index="epoch", columns="metric", values="value").rename_axis(columns=None)
    else:
        table = pandas.DataFrame.from_dict(dict(retraining.curve), orient="index").rename_axis("epoch")
    return Curves(
        retraining=retraining,
        table=table,
        objective=rows.metric,
        best=_best(table, rows),
        tested=retraining.epoch,
        snapshots=snapshot_epochs(retraining),
    )


def _best(table: pandas.DataFrame, rows: StudyRows) -> int | None:
    import numpy

    if rows.metric not in table or not table[rows.metric].notna().any():
        return None
    values = table[rows.metric].to_numpy()
    place = numpy.nanargmax(values) if rows.is_maximized else numpy.nanargmin(values)
    return int(table.index[int(place)])


def figure(facts: Curves) -> go.Figure:
    """A panel a metric, over one another: training dashed, validation solid; the learning rate last."""
    if facts.retraining is None or not len(facts.table):
        return nothing_to_draw(caption(facts))
    panels = _panels(facts)
    drawn = new_figure(height=_PANEL * len(panels) + _AROUND, hovermode="x unified", hoversubplots="axis")
    for place, (name, columns) in enumerate(panels):
        which = f"y{place + 1 if place else ''}"
        colour = GREY if name == _RATE else SERIES[place % (len(SERIES) - 1)]
        for column in columns:
            drawn.add_trace(_line(facts.table, column, colour, which))
        drawn.update_layout({f"yaxis{which[1:]}": _panel_axis(place, len(panels), name, facts.table)})
    _mark(drawn, facts, panels)
    for trace in _legend(facts):
        drawn.add_trace(trace)
    drawn.update_layout(
        xaxis=axis(
            title="epoch",
            unifiedhovertitle={"text": "epoch %{x}"},
            spikecolor=GREY,
            spikethickness=1,
            anchor=f"y{len(panels)}" if len(panels) > 1 else "y",
            range=[0.5, facts.table.index.max() + 0.5],
        ),
        margin={"t": 34},
        hoverlabel={"bgcolor": TEXT, "font": {"color": "white"}},  # its own would be white on a dark page, too
    )
    if len(facts.table) <= 10:
        drawn.update_xaxes(dtick=1)
    return drawn


def _panels(facts: Curves) -> list[tuple[str, list[str]]]:
    """Metrics without ``val_``, each with its columns: the objective's first, the learning rate last."""
    own = facts.objective.removeprefix("val_")
    names = dict.fromkeys(str(column).removeprefix("val_") for column in facts.table.columns)
    ordered = sorted(names, key=lambda name: (name == _RATE, name != own))
    return [(name, [column for column in (name, f"val_{name}") if column in facts.table]) for name in ordered]


def _line(table: pandas.DataFrame, column: str, colour: str, which: str) -> go.Scatter:
    is_rate = column == _RATE
    is_training = not column.startswith("val_") and not is_rate
    is_bare = len(table) > _DOTS or (is_training and len(table) > 1)  # a line of one point is its mark
    return go.Scatter(
        x=table.index.to_numpy(),
        y=table[column].to_numpy(dtype="float64"),
        yaxis=which,
        mode="lines" if is_bare else "lines+markers",
        name=plain(f"training {in_words(column)}" if is_training else in_words(column)),
        line={
            "color": colour,
            "width": 1.5 if is_training else 2.2,
            "dash": "dash" if is_training else "solid",
            "shape": "hvh" if is_rate else "linear",
        },
        marker={"size": 4},
        showlegend=False,
        hovertemplate="%{y:.3g}" if is_rate else "%{y:.4f}",
    )


def _panel_axis(place: int, count: int, name: str, table: pandas.DataFrame) -> dict[str, Any]:
    height = (1 - _GAP * (count - 1)) / count
    top = 1 - place * (height + _GAP)
    settings: dict[str, Any] = {
        "domain": [max(0.0, top - height), top],
        "anchor": "x",
        "title": plain(in_words(name)),
        "automargin": True,
    }
    if name == _RATE:
        rates = table[name].dropna()
        is_wide = len(rates) > 0 and rates.min() > 0 and rates.max() / rates.min() > _WIDE
        if is_wide:
            settings |= {"type": "log", "dtick": 1, "exponentformat": "power"}
        else:
            settings |= {"rangemode": "tozero", "tickformat": "~g"}
    return axis(**settings)


def _mark(drawn: go.Figure, facts: Curves, panels: Sequence[tuple[str, list[str]]]) -> None:
    """The tested epoch and the snapshots as lines through all panels, the best value as a star."""
    lines = [(epoch, VERMILION) for epoch in facts.snapshots]
    lines += [(facts.tested, GREEN)] if facts.tested is not None else []
    for epoch, colour in lines:
        drawn.add_shape(
            type="line",
            x0=epoch,
            x1=epoch,
            y0=0,
            y1=1,
            yref="paper",
            layer="below",
            line={"color": colour, "width": 1.5, "dash": "dot"},
        )
    if facts.best is None:
        return
    place = next(place for place, (_, columns) in enumerate(panels) if facts.objective in columns)
    drawn.add_trace(
        go.Scatter(
            x=[facts.best],
            y=[facts.value(facts.objective, facts.best)],
            yaxis=f"y{place + 1 if place else ''}",
            mode="markers",
            name=f"best {plain(in_words(facts.objective))}",
            marker={"symbol": "star", "size": 14, "color": GREEN, "line": {"color": "white", "width": 1}},
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=False,
        )
    )


def _legend(facts: Curves) -> Iterator[go.Scatter]:
    """What lines and signs mean, once for all panels."""
    lines = [("training", {"dash": "dash", "width": 1.5}), ("validation", {"dash": "solid", "width": 2.2})]
    if not any(str(column).startswith("val_") for column in facts.table.columns):
        lines = lines[:1]
    if facts.snapshots:
        lines.append(("snapshot", {"dash": "dot", "width": 1.5, "color": VERMILION}))
    if facts.tested is not None:
        lines.append(("tested epoch", {"dash": "dot", "width": 1.5, "color": GREEN}))
    for name, line in lines:
        yield go.Scatter(x=[None], y=[None], mode="lines", name=name, line={"color": GREY, **line}, hoverinfo="skip")
    if facts.best is not None:
        star = {"symbol": "star", "size": 12, "color": GREEN}
        yield go.Scatter(x=[None], y=[None], mode="markers", name="best epoch", marker=star, hoverinfo="skip")


def caption(facts: Curves) -> str:
    """What the figure shows, in words."""
    if facts.retraining is None:
        return "No model of this study has been retrained and tested yet."
    if not len(facts.table):
        return f"{what(facts.retraining)}: it has no epochs of its own."
    parts = [f"{what(facts.retraining)}."]
    if facts.best is not None:
        value = facts.value(facts.objective, facts.best)
        training = facts.objective.removeprefix("val_")
        ahead = f" (in training {facts.value(training, facts.best):.4f})" if _has_both(facts, training) else ""
        parts.append(f"The best {in_words(facts.objective)} is {value:.4f}, in epoch {facts.best}{ahead}.")
    if facts.snapshots:
        parts.append(f"Snapshots were taken after epochs {', '.join(map(str, facts.snapshots))}.")
    elif facts.tested is not None:
        parts.append(f"The weights of epoch {facts.tested} were tested.")
    if _RATE in facts.table:
        parts.append(_rate_in_words(facts.table[_RATE]))
    return " ".join(parts)


def _rate_in_words(rates: pandas.Series[Any]) -> str:
    """The first and the last of them, and how far they went where that is not from the one to the other."""
    first, last, low, high = rates.iloc[0], rates.iloc[-1], rates.min(), rates.max()
    if rates.nunique() == 1:
        return f"Learning rate {first:.3g}."
    between = f", between {low:.3g} and {high:.3g}" if {low, high} != {first, last} else ""
    return f"Learning rate {first:.3g} at first, {last:.3g} at last{between}."


def _has_both(facts: Curves, training: str) -> bool:
    return training != facts.objective and training in facts.table
