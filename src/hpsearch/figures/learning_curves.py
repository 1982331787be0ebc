"""Learning curves of the best trials: every metric, training and validation, the best epoch, the ends of rungs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, new_figure, nothing_to_draw, plain, short
from hpsearch.wording import in_words

if TYPE_CHECKING:
    import numpy
    import pandas

TITLE = "Learning curves"
SHOWN = (1, 3, 5, 10, 20)  # how many of the best the slider offers
AT_FIRST = 5
_FEW_EPOCHS = 12  # so many have a tick each
_OF_THE_BEST = (ORANGE, BLUE, GREEN, PURPLE, SKY)  # the others are grey


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """What the figure draws.

    Attributes:
        trials: ``number, state, value, best_epoch``, the best first.
        curves: ``trial, epoch, metric, value, trained_by`` of these trials, from epoch 1 on.
        metrics: names without ``val_``, the objective's first.
        rungs: epochs at which rungs end, rising; empty without rungs.
        of_complete: whether the trials are complete; else none of the study is.
    """

    trials: pandas.DataFrame
    curves: pandas.DataFrame
    metrics: Sequence[str]
    rungs: Sequence[int]
    of_complete: bool
    metric: str


def facts(rows: StudyRows, top: int = 20) -> LearningCurves:
    """The curves of the `top` best complete trials, or of the best so far where none is complete.

    A trial that another complete one continues is a part of that one's curve and not listed again.
    """
    best = _best(rows).head(top)
    curves = rows.curves(best["number"])
    own = rows.metric.removeprefix("val_")
    names = dict.fromkeys(name.removeprefix("val_") for name in curves["metric"].unique())
    ended = rows.trials.loc[rows.trials["rung"].notna(), "epochs"]
    return LearningCurves(
        trials=best[["number", "state", "value", "best_epoch"]],
        curves=curves,
        metrics=sorted(names, key=lambda name: name != own),
        rungs=sorted(int(epochs) for epochs in ended.unique()),
        of_complete=bool(len(rows.complete)),
        metric=rows.metric,
    )


def _best(rows: StudyRows) -> pandas.DataFrame:
    if len(rows.complete):
        found = rows.complete[~rows.complete.index.isin(rows.complete["parent"].dropna())]
    else:
        found = rows.trials[rows.trials["value"].notna()]
    ascending = [not rows.is_maximized, True]
    return found.reset_index().sort_values(["value", "number"], ascending=ascending, kind="stable")


def figure(facts: LearningCurves, metric: str | None = None, shown: int = AT_FIRST) -> go.Figure:
    """The curves of one metric, chosen by a menu; a slider says of how many of the best.

    The menu changes what the lines hold, the slider which of them are visible, so that neither undoes the other.

    Args:
        metric: the one shown at first, without ``val_``; the objective's by default.
        shown: of so many trials at first.
    """
    if not len(facts.curves):
        return nothing_to_draw("No trial has finished an epoch yet.")
    at_first = metric if metric is not None and metric in facts.metrics else facts.metrics[0]
    counts = _counts(len(facts.trials))
    active = max((place for place, count in enumerate(counts) if count <= shown), default=0)
    last = int(facts.curves["epoch"].max())
    drawn = new_figure(height=520, margin={"l": 64, "r": 16, "t": 16, "b": 160})
    drawn.add_traces(list(_traces(facts, at_first, counts[active])))
    for rung in facts.rungs:
        drawn.add_vline(x=rung, line={"color": GREY, "dash": "dot", "width": 1}, layer="below")
    drawn.update_layout(
        xaxis={"title": {"text": "epoch", "standoff": 6}, "tickmode": "auto" if last > _FEW_EPOCHS else "linear"},
        yaxis={"title": {"text": plain(in_words(at_first))}, "exponentformat": "none", "automargin": True},
        updatemenus=[_menu(facts, at_first)] if len(facts.metrics) > 1 else [],
        sliders=[_slider(facts, counts, active)] if len(counts) > 1 else [],
    )
    return drawn


def _counts(trials: int) -> list[int]:
    """The places of the slider: as many of `SHOWN` as there are trials, and all of them."""
    return [*(count for count in SHOWN if count < trials), trials]


def _traces(facts: LearningCurves, metric: str, count: int) -> Iterator[go.Scatter]:
    """What is drawn: three entries of the legend that explain the lines, then two lines a trial."""
    seen = _visible(facts, count)
    for line, name, values, is_seen in zip(
        _lines(facts), _names(facts, metric), _values(facts, metric), seen, strict=True
    ):
        yield go.Scatter(line | {"name": name, "y": values, "visible": is_seen})


def _lines(facts: LearningCurves) -> Iterator[dict[str, Any]]:
    """Of each trace what neither the menu nor the slider changes."""
    for is_training in (False, True):
        line = {"color": GREY, "dash": _dash(is_training)}
        yield {"x": [None], "mode": "lines", "line": line, "hoverinfo": "skip"}
    yield {"x": [None], "mode": "markers", "marker": {"color": GREY, "size": 9}, "hoverinfo": "skip"}
    last = int(facts.curves["epoch"].max())
    ends = facts.curves.groupby("trial")["epoch"].max()
    for rank, trial in enumerate(facts.trials.to_dict("records")):
        number, value = trial["number"], short(trial["value"])
        colour = _OF_THE_BEST[rank] if rank < len(_OF_THE_BEST) else GREY
        width = 3.0 if rank == 0 else 1.7 if rank < len(_OF_THE_BEST) else 1.0
        point = {"size": [7] + [0] * (last - 1), "symbol": "circle-open", "color": colour}
        of_training = point if ends.get(number) == 1 else None  # one epoch is no line
        for is_training in (False, True):
            what = "training" if is_training else f"{value}, {_place(rank)} of {len(facts.trials)}"
            yield {
                "x0": 1,
                "dx": 1,
                "mode": "lines" if is_training and of_training is None else "lines+markers",
                "legendgroup": f"trial {number}",
                "showlegend": not is_training,
                "line": {"color": colour, "width": width / (1.5 if is_training else 1), "dash": _dash(is_training)},
                "marker": of_training if is_training else _best_epoch(trial["best_epoch"], last, colour),
                "customdata": _numbers(number, last),
                "hovertemplate": f"trial {number} ({what})<br>epoch %{{x}}: %{{y:.5g}}<extra></extra>",
            }


def _dash(is_training: bool) -> str:
    return "dash" if is_training else "solid"


def _place(rank: int) -> str:
    return "best" if rank == 0 else f"place {rank + 1}"


def _best_epoch(epoch: Any, last: int, colour: str) -> dict[str, Any]:
    """Markers of which only that of the best epoch has a size: they follow the line to every metric."""
    import pandas

    sizes = [0] * last
    if not pandas.isna(epoch):
        sizes[int(epoch) - 1] = 9
    return {"size": sizes, "color": colour, "opacity": 1, "line": {"width": 0}}


def _numbers(number: int, last: int) -> numpy.ndarray[Any, Any]:
    import numpy

    return numpy.full(last, number, dtype="int32")


def _names(facts: LearningCurves, name: str) -> list[str]:
    """What the legend calls the traces."""
    solid = "validation" if f"val_{name}" in set(facts.curves["metric"]) else plain(in_words(name))
    trials = [f"trial {number}" for number in facts.trials["number"] for _ in range(2)]
    return [solid, "training", "best epoch", *trials]


def _values(facts: LearningCurves, name: str) -> Iterator[Any]:
    """What each trace holds for a metric: solid validation and dashed training, solid training where it is alone."""
    import numpy

    there = set(facts.curves["metric"])
    last = int(facts.curves["epoch"].max())
    solid, dashed = (f"val_{name}", name) if f"val_{name}" in there else (name, None)
    tables = {
        metric: facts.curves[facts.curves["metric"] == metric]
        .pivot(index="epoch", columns="trial", values="value")
        .reindex(index=range(1, last + 1), columns=facts.trials["number"])
        for metric in (solid, dashed)
        if metric in there
    }
    yield from ([None], [None], [None])
    for number in facts.trials["number"]:
        for metric in (solid, dashed):
            if metric in tables:
                values = tables[metric][number].to_numpy("float32")
                yield numpy.where(numpy.isfinite(values), values, numpy.float32("nan"))
            else:
                yield [None]


def _visible(facts: LearningCurves, count: int) -> list[bool]:
    return [True] * 3 + [rank < count for rank in range(len(facts.trials)) for _ in range(2)]


def _menu(facts: LearningCurves, at_first: str) -> dict[str, Any]:
    return {
        "buttons": [
            {
                "label": plain(name.replace("_", " ")),
                "method": "update",
                "args": [
                    {"y": list(_values(facts, name)), "name": _names(facts, name)},
                    {"yaxis.title.text": plain(in_words(name)), "yaxis.autorange": True},
                ],
            }
            for name in facts.metrics
        ],
        "active": list(facts.metrics).index(at_first),
        "direction": "up",
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 88},
        "bgcolor": "rgba(128, 128, 128, 0.12)",
        "bordercolor": GREY,
    }


def _slider(facts: LearningCurves, counts: Sequence[int], active: int) -> dict[str, Any]:
    return {
        "steps": [
            {"label": str(count), "method": "restyle", "args": [{"visible": _visible(facts, count)}]}
            for count in counts
        ],
        "active": active,
        "currentvalue": {"prefix": "best ", "suffix": " trials", "font": {"size": 12}},
        "x": 0.47,
        "len": 0.53,
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 66},
        "bgcolor": GREY,
    }


def caption(facts: LearningCurves) -> str:
    """What the figure shows, in words."""
    if not len(facts.curves):
        return "No trial has finished an epoch yet."
    best = facts.trials.iloc[0]
    names = ", ".join(name.replace("_", " ") for name in facts.metrics)
    which = "best complete trials" if facts.of_complete else "trials with the best values so far, none of them complete"
    rungs = f" Rungs end after epochs {', '.join(map(str, facts.rungs))} (dotted)." if facts.rungs else ""
    if len(facts.trials) == 1:
        reached = f"{in_words(facts.metric)} {best['value']:.4f}"
        return f"Trial {best['number']}, of all metrics: {names}. Its best is {reached}.{rungs}"
    return (
        f"The {len(facts.trials)} {which}, of all metrics: {names}. The best is trial {best['number']} with "
        f"{in_words(facts.metric)} {best['value']:.4f}.{rungs}"
    )
