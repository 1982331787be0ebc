"""Failures by kind: how many trials each cost, how many attempts were tried again, the reasons, and what helps."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import GREY, STATE_COLOURS, new_figure, nothing_to_draw, plain
from hpsearch.study import ErrorKind
from hpsearch.wording import counted

if TYPE_CHECKING:
    import pandas

TITLE = "Failures by kind"
CURES: Mapping[str, str] = {
    ErrorKind.ERROR: "read the traceback: `hpsearch show --study {study} --trial {trial}`",
    ErrorKind.NAN: "lower the learning rate, or clip gradients (`clipnorm` of the optimizer)",
    ErrorKind.OOM: "smaller batches or models, or fewer workers a GPU",
    ErrorKind.LOST: "fewer workers: the system kills them where memory runs out, and its log says so",
    ErrorKind.TIMEOUT: "raise `limits.trial_timeout` or `limits.epoch_timeout`, or draw smaller models",
    ErrorKind.PARENT_FAILED: "look at the trial that it continues: too few of its rung were complete",
    ErrorKind.INVALID: "narrow the bounds of the parameters in the constraint or the layer that the reason names",
}
_NAMES: Mapping[str, str] = {  # of kinds that are not a word by themselves
    ErrorKind.NAN: "NaN or infinite loss",
    ErrorKind.OOM: "out of memory",
    ErrorKind.LOST: "lost worker",
    ErrorKind.PARENT_FAILED: "parent failed",
}
_MOST_REASONS = 3  # of a kind, over its bar
_LONGEST_REASON = 140  # letters


@dataclass(frozen=True, slots=True)
class Failures:
    """What the figure draws.

    Attributes:
        kinds: ``kind, failed, invalid, retried``, the most frequent first: trials in each of the two states, and
            attempts that ended so while their trial was tried again.
        reasons: ``kind, reason, trials, first``: how many trials ended for it, and the lowest number of them; by kind
            in the order of `kinds`, the most frequent first.
        trials: how many there are in all.
        study: its name.
    """

    kinds: pandas.DataFrame
    reasons: pandas.DataFrame
    trials: int
    study: str

    def cure(self, kind: str) -> str:
        """What helps against failures of a kind."""
        of_kind = self.reasons.loc[self.reasons["kind"] == kind, "first"]
        return CURES[kind].format(study=self.study, trial=of_kind.iloc[0] if len(of_kind) else "N")


def facts(rows: StudyRows) -> Failures:
    """Trials that failed or were invalid, and attempts that were tried again, by kind."""
    import pandas

    failures = rows.failures
    retried = rows.retried["outcome"].value_counts()
    states = failures.groupby(["error_kind", "state"]).size()
    counts = pandas.DataFrame(
        [
            (
                kind.value,
                states.get((kind.value, "failed"), 0),
                states.get((kind.value, "invalid"), 0),
                retried.get(kind.value, 0),
            )
            for kind in ErrorKind
        ],
        columns=["kind", "failed", "invalid", "retried"],
    ).astype({"failed": "int64", "invalid": "int64", "retried": "int64"})
    counts["trials"] = counts["failed"] + counts["invalid"]
    counts = counts[counts["trials"] + counts["retried"] > 0]
    kinds = counts.sort_values(["trials", "retried"], ascending=False, kind="stable", ignore_index=True)
    return Failures(
        kinds[["kind", "failed", "invalid", "retried"]], _reasons(failures, kinds), len(rows.trials), rows.study.name
    )


def _reasons(failures: pandas.DataFrame, kinds: pandas.DataFrame) -> pandas.DataFrame:
    found = failures.groupby(["error_kind", "reason"], sort=False)["trial"].agg(["size", "min"]).reset_index()
    found.columns = ["kind", "reason", "trials", "first"]
    order = {kind: place for place, kind in enumerate(kinds["kind"])}
    found["place"] = found["kind"].map(order)
    found = found.sort_values(["place", "trials", "first"], ascending=[True, False, True], ignore_index=True)
    return found[["kind", "reason", "trials", "first"]]


def figure(facts: Failures) -> go.Figure:
    """A bar a kind; reasons and what helps stand in the text that appears over it."""
    if not len(facts.kinds):
        return nothing_to_draw("No trial has failed.")
    kinds = facts.kinds
    words = ["<br>".join(_lines(facts, kind)) for kind in kinds["kind"]]
    firsts = facts.reasons.groupby("kind")["first"].first()
    drawn = new_figure(height=120 + 42 * len(kinds), barmode="stack", bargap=0.3)
    parts = (
        ("failed", "failed trials", STATE_COLOURS["failed"]),
        ("invalid", "invalid trials", STATE_COLOURS["invalid"]),
        ("retried", "attempts that were tried again", GREY),
    )
    for column, name, colour in parts:
        if kinds[column].any():
            drawn.add_trace(
                go.Bar(
                    orientation="h",
                    x=kinds[column].to_numpy(),
                    y=[_NAMES.get(kind, kind) for kind in kinds["kind"]],
                    name=name,
                    marker_color=colour,
                    text=[f"{count:,}" if count else "" for count in kinds[column]],
                    textposition="auto",
                    textangle=0,
                    customdata=[int(firsts.get(kind, -1)) for kind in kinds["kind"]],
                    hovertext=words,
                    hoverinfo="text",
                )
            )
    drawn.update_layout(
        legend_traceorder="normal",
        xaxis={"title": "trials and attempts", "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "type": "category", "ticks": "", "showgrid": False, "automargin": True},
    )
    return drawn


def _lines(facts: Failures, kind: str) -> list[str]:
    """A kind in lines that Plotly shows letter by letter."""
    texts = [f"{_times(count)}: {reason} (trial {first})" for reason, count, first in _of(facts, kind)]
    wrapped = [line for text in [*texts, f"What helps: {facts.cure(kind)}"] for line in textwrap.wrap(text, 72)]
    return [f"<b>{_NAMES.get(kind, kind)}</b>", *(plain(line) for line in wrapped)]


def _of(facts: Failures, kind: str) -> list[tuple[str, int, int]]:
    """The most frequent reasons of a kind, how often each, and the first trial."""
    own = facts.reasons[facts.reasons["kind"] == kind].head(_MOST_REASONS)
    return [(_shortened(row["reason"]), row["trials"], row["first"]) for row in own.to_dict("records")]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _shortened(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"


def caption(facts: Failures) -> str:
    """What the figure shows, in words: kind by kind the most frequent reasons, and what helps."""
    if not len(facts.kinds):
        return "No trial has failed."
    failed, invalid, retried = (int(facts.kinds[column].sum()) for column in ("failed", "invalid", "retried"))
    counts = [f"{failed:,} failed" if failed else "", f"{invalid:,} {_were(invalid)} invalid" if invalid else ""]
    trials = " and ".join(count for count in counts if count) or "none failed"
    again = f"; {counted(retried, 'attempt')} {_were(retried)} tried again" if retried else ""
    head = f"Of {counted(facts.trials, 'trial')} {trials}{again}."
    return "\n".join([head, *(_sentence(facts, row) for row in facts.kinds.to_dict("records"))])


def _sentence(facts: Failures, row: dict[Any, Any]) -> str:
    kind = row["kind"]
    trials, retried = row["failed"] + row["invalid"], row["retried"]
    counts = [f"{trials:,}" if trials else "", f"{retried:,} tried again" if retried else ""]
    reasons = [
        f"{_times(count)} {reason.rstrip('.')} (first in trial {first})"
        for reason, count, first in _of(facts, kind)[:2]
    ]
    own = f": {'; '.join(reasons)}" if reasons else ""
    name = _NAMES.get(kind, kind)
    times = ", ".join(count for count in counts if count)
    return f"{name[0].upper()}{name[1:]} ({times}){own}. What helps: {facts.cure(kind)}."
