"""Studies side by side: the best so far, curves of their best trials and retrains, the gap, and a final table.

It takes several studies, so it is not in the registry; `FIGURES` lists what it draws.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.comparison_facts import RETRAIN, SEARCH, Comparison, facts
from hpsearch.figures.theme import GREY, SERIES, SYMBOLS, TEXT, axis, new_figure, nothing_to_draw, plain
from hpsearch.wording import counted, in_words

if TYPE_CHECKING:
    import pandas

__all__ = [
    "FIGURES",
    "TITLE",
    "Comparison",
    "best_so_far",
    "caption",
    "curves",
    "facts",
    "gap",
    "table",
    "without_complete",
]

TITLE = "Comparison of studies"
_PANEL, _BETWEEN, _AROUND = 230, 70, 90  # pixels
_DOTS = 60  # epochs; each is marked up to so many
_DASHES = {SEARCH: "solid", RETRAIN: "dot"}
_SOURCES = {SEARCH: "best trial of the search", RETRAIN: "retrain"}


def best_so_far(facts: Comparison) -> go.Figure:
    """Steps of the best value, one line a study: by trial, and by epochs trained; axes of their own by objective.

    A mark is where the study has come to: of one trial there is no more.
    """
    groups = {
        objective: studies for objective, studies in facts.groups.items() if _studies([facts.best]) & set(studies)
    }
    if not groups:
        return nothing_to_draw("No trial of these studies is complete yet.")
    lasts = {"number": facts.final["trials"] - 1, "epochs": facts.final["epochs"]}
    ends = {place: dict(zip(facts.final["study"], last, strict=True)) for place, last in lasts.items()}
    panels = [(objective, place) for objective in groups for place in ("number", "epochs")]
    drawn = _panels(len(panels))
    _legend(drawn, facts, _studies([facts.best]), {})
    for number, (objective, place) in enumerate(panels):
        for study in groups[objective]:
            steps = facts.best[facts.best["study"] == study]
            if not len(steps):
                continue
            drawn.add_trace(
                go.Scatter(
                    x=[*steps[place], ends[place][study]],
                    y=[*steps["value"], steps["value"].iloc[-1]],
                    customdata=[*steps["number"], steps["number"].iloc[-1]],
                    mode="lines+markers",
                    name=plain(study),
                    legendgroup=study,
                    showlegend=False,
                    line={"shape": "hv", "color": _colour(facts, study), "width": 2},
                    marker={"size": [0] * len(steps) + [8], "symbol": _symbol(facts, study)},
                    hovertemplate=f"{plain(study)}: trial %{{customdata}}<br>%{{y:.5g}}<extra></extra>",
                    **_axes(number),
                )
            )
        name = f"{in_words(objective.metric)}, {'largest' if objective.direction == 'maximize' else 'smallest'} so far"
        _name_axes(drawn, number, len(panels), "trial" if place == "number" else "epochs trained in all", name)
    return drawn


def curves(facts: Comparison) -> go.Figure:
    """Training dashed and validation solid, a colour a study: of the best trials, and of their retrains below."""
    panels = [
        (metric, source, own)
        for metric in facts.metrics
        for source in _SOURCES
        if len(own := _of_metric(facts, source, metric))
    ]
    if not panels:
        return nothing_to_draw("No best trial of these studies has curves yet.")
    drawn = _panels(len(panels))
    _legend(drawn, facts, _studies(own for *_, own in panels), {"validation": "solid", "training": "dash"})
    for number, (metric, source, own) in enumerate(panels):
        for study, column, points in _lines(facts, own):
            is_training = not column.startswith("val_")
            dash = "dash" if is_training and f"val_{column}" in set(own["metric"]) else "solid"
            drawn.add_trace(_line(facts, study, points, dash, in_words(column)).update(**_axes(number)))
        _name_axes(drawn, number, len(panels), "epoch", f"{in_words(metric)}, {_SOURCES[source]}")
    return drawn


def gap(facts: Comparison) -> go.Figure:
    """Training minus validation by epoch, a colour a study: solid in the search, dotted in the retrain."""
    panels = [(metric, own) for metric in facts.metrics if len(own := _gaps(facts, metric))]
    if not panels:
        return nothing_to_draw("No best trial of these studies was measured both in training and in validation.")
    drawn = _panels(len(panels))
    studies = _studies(own for _, own in panels)
    sources = {str(source) for _, own in panels for source in own["source"]}
    _legend(drawn, facts, studies, {_SOURCES[name]: dash for name, dash in _DASHES.items() if name in sources})
    for number, (metric, own) in enumerate(panels):
        for study, source, points in _lines(facts, own.rename(columns={"source": "metric"})):
            drawn.add_trace(_line(facts, study, points, _DASHES[source], _SOURCES[source]).update(**_axes(number)))
        which = f"yaxis{number + 1 if number else ''}"
        _name_axes(drawn, number, len(panels), "epoch", f"{in_words(metric)}: training - validation")
        drawn.update_layout({which: {"zeroline": True, "zerolinecolor": GREY}})
    return drawn


def table(facts: Comparison) -> pandas.DataFrame:
    """One row a study.

    Columns: ``study, state, metric, direction, trials, epochs`` (trained, each once), ``seconds`` of training in the
    search, ``best value, best trial, best epoch, gap`` (training minus validation at that epoch); where one was
    retrained ``retrained trial, repeats, retrain gap`` (at the tested epoch), a column a test metric (``test
    accuracy``; means over repeats); and ``last learning rate`` (of the retrain where it has curves, else of the
    best trial).
    """
    return facts.final


def without_complete(facts: Comparison, studies: Sequence[str] | None = None) -> str:
    """A sentence that names those of `studies` (of all) that have no complete trial; empty where all have one."""
    known = set(facts.final.loc[facts.final["best value"].notna(), "study"]) if facts.studies else set()
    names = [study for study in (facts.studies if studies is None else studies) if study not in known]
    return f"No trial of {_listed(names)} is complete yet." if names else ""


def caption(facts: Comparison) -> str:
    """What was compared, in words."""
    if not facts.studies:
        return "No study was chosen."
    parts = []
    for objective, studies in facts.groups.items():
        own = facts.final[facts.final["study"].isin(studies) & facts.final["best value"].notna()]
        if not len(own):
            parts.append(without_complete(facts, studies))
            continue
        ordered = own.sort_values("best value", ascending=objective.direction != "maximize", kind="stable")
        values = [
            f"{row['study']} {row['best value']:.4f} (trial {row['best trial']:.0f}, "
            f"{counted(row['epochs'], 'epoch')} trained)"
            for row in ordered.to_dict("records")
        ]
        parts.append(f"Best {in_words(objective.metric)}: {', '.join(values)}.")
        name = objective.metric.removeprefix("val_")
        parts += _each(ordered, "gap", f"In that epoch {in_words(name)} in training minus that in validation is")
        parts += _each(ordered, f"test {name}", f"The retrained model's {in_words(name)} on the test split is")
        parts.append(without_complete(facts, studies))
    if len(facts.groups) > 1:
        parts.append("These studies search for different things, so their best values stand on axes of their own.")
    repeats = facts.final["repeats"].max() if "repeats" in facts.final else 0
    if repeats > 1:
        parts.append("Retrains of several seeds are drawn as the mean of their curves.")
    return " ".join(filter(None, parts))


FIGURES: Mapping[str, tuple[str, Callable[[Comparison], go.Figure]]] = {
    "best_so_far": ("Best value so far", best_so_far),
    "curves": ("Curves of the best trials", curves),
    "gap": ("Gap between training and validation", gap),
}


def _each(final: pandas.DataFrame, column: str, what: str) -> list[str]:
    """A sentence with a number for each study that has one; none where no study has."""
    known = final[final[column].notna()] if column in final else final.head(0)
    values = [f"{value:.4f} ({study})" for study, value in zip(known["study"], known.get(column, ()), strict=True)]
    return [f"{what} {', '.join(values)}."] if values else []


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _studies(frames: Iterable[pandas.DataFrame]) -> set[str]:
    return {str(study) for frame in frames for study in frame["study"]}


def _colour(facts: Comparison, study: str) -> str:
    return SERIES[facts.studies.index(study) % len(SERIES)]


def _symbol(facts: Comparison, study: str) -> str:
    """Of studies that share a colour, since there are more than colours, each has its own."""
    return SYMBOLS[facts.studies.index(study) // len(SERIES) % len(SYMBOLS)]


def _of_metric(facts: Comparison, source: str, metric: str) -> pandas.DataFrame:
    """``study, metric, epoch, value`` of a metric in training and validation, means over repeats."""
    points = facts.curves[facts.curves["metric"].isin([metric, f"val_{metric}"]) & (facts.curves["source"] == source)]
    return points.groupby(["study", "metric", "epoch"], sort=False)["value"].mean().reset_index()


def _gaps(facts: Comparison, metric: str) -> pandas.DataFrame:
    """``study, source, epoch, value``: training minus validation, means over repeats."""
    import pandas

    found = []
    for source in _SOURCES:
        own = _of_metric(facts, source, metric)
        wide = own.pivot(index=["study", "epoch"], columns="metric", values="value").reset_index()
        if metric in wide and f"val_{metric}" in wide:
            wide["value"] = wide[metric] - wide[f"val_{metric}"]
            found.append(wide.assign(source=source)[["study", "source", "epoch", "value"]].dropna())
    return pandas.concat(found, ignore_index=True) if found else pandas.DataFrame(columns=["study"])


def _lines(facts: Comparison, points: pandas.DataFrame) -> Iterator[tuple[str, str, pandas.DataFrame]]:
    """(study, metric, its points by epoch), in the order of the studies."""
    for study in facts.studies:
        for metric, own in points[points["study"] == study].groupby("metric"):
            yield study, str(metric), own.sort_values("epoch")


def _line(facts: Comparison, study: str, points: pandas.DataFrame, dash: str, what: str) -> go.Scatter:
    return go.Scatter(
        x=points["epoch"].to_numpy(),
        y=points["value"].to_numpy(dtype="float64"),
        mode="lines+markers" if len(points) <= _DOTS else "lines",
        name=plain(study),
        legendgroup=study,
        showlegend=False,
        line={"color": _colour(facts, study), "dash": dash, "width": 1.6 if dash != "solid" else 2.2},
        marker={"size": 3.5, "symbol": _symbol(facts, study)},
        hovertemplate=f"{plain(study)}, {plain(what)}<br>epoch %{{x}}: %{{y:.4f}}<extra></extra>",
    )


def _legend(drawn: go.Figure, facts: Comparison, studies: Collection[str], lines: Mapping[str, str]) -> None:
    """What colours and kinds of lines mean, once for all panels."""
    for study in facts.studies:
        if study in studies:
            drawn.add_trace(
                go.Scatter(
                    x=[None],
                    y=[None],
                    mode="lines+markers",
                    name=plain(study),
                    legendgroup=study,
                    line={"color": _colour(facts, study), "width": 3},
                    marker={"symbol": _symbol(facts, study), "size": 8},
                )
            )
    for name, dash in lines.items():
        line = {"color": TEXT, "dash": dash, "width": 2}
        drawn.add_trace(go.Scatter(x=[None], y=[None], mode="lines", name=name, line=line, hoverinfo="skip"))


def _panels(count: int) -> go.Figure:
    return new_figure(height=_AROUND + count * (_PANEL + _BETWEEN) - _BETWEEN)


def _axes(number: int) -> dict[str, str]:
    panel = number + 1 if number else ""
    return {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}


def _name_axes(drawn: go.Figure, number: int, count: int, x: str, y: str) -> None:
    """The axes of a panel, the first on top, with room below for the name of its x axis."""
    panel = number + 1 if number else ""
    whole = count * (_PANEL + _BETWEEN) - _BETWEEN
    top = 1 - number * (_PANEL + _BETWEEN) / whole
    settings: dict[str, Any] = {
        f"xaxis{panel}": axis(title={"text": x, "standoff": 6}, anchor=f"y{panel}", rangemode="tozero"),
        f"yaxis{panel}": axis(
            title={"text": plain(y), "font": {"size": 12}},
            anchor=f"x{panel}",
            domain=[max(0.0, top - _PANEL / whole), top],
        ),
    }
    drawn.update_layout(settings)
