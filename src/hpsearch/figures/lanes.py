"""Where and when attempts ran: which slot each worker is of, when what nobody saw end did end, when nothing ran."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hpsearch.figures.rows import StudyRows
from hpsearch.study import COORDINATOR_ENDED

if TYPE_CHECKING:
    import pandas

_SLOT = re.compile(r"slot-(\d+)")
_SHORTEST_PAUSE = 60.0  # seconds


def lane_names(attempts: pandas.DataFrame) -> list[str]:
    """The lane of each attempt: its slot, whatever worker was in it; with the host's name where there are several."""
    several = attempts["host"].nunique() > 1
    return [(worker or f"slot {slot}") + (f" on {host}" if several else "") for host, slot, worker in _places(attempts)]


def lanes_in_order(attempts: pandas.DataFrame) -> list[str]:
    """Each lane of `lane_names` once, by host and number."""
    named = dict(zip(_places(attempts), lane_names(attempts), strict=True))
    return [named[place] for place in sorted(named)]


def _places(attempts: pandas.DataFrame) -> list[tuple[str, int, str]]:
    """(host, slot, worker) of each attempt; the worker only where it is in no numbered slot."""
    found = []
    for host, worker in zip(attempts["host"], attempts["worker"], strict=True):
        slot = _SLOT.match(worker)
        found.append((host, -1, worker) if slot is None else (host, int(slot[1]), ""))
    return found


def ends(rows: StudyRows, now: datetime | None = None) -> pandas.Series[Any]:
    """When each attempt ended.

    Open ones of a running study end `now`. One whose coordinator died with it was seen by nobody: it ends at the
    study's last sign of life, before the next coordinator closed it if there was one.
    """
    import pandas

    attempts = rows.attempts
    ended = attempts["ended_at"]
    if rows.is_running:
        ended = ended.where(ended.notna(), now or datetime.now(UTC))
    unseen = ended.isna() | (attempts["error"] == COORDINATOR_ENDED)
    if not unseen.any():
        return ended
    epochs = pandas.Series(list(rows.last_epochs.values()), dtype="datetime64[us, UTC]")
    signs = pandas.concat([attempts["started_at"], ended[~unseen], epochs]).sort_values(ignore_index=True)
    closed = ended[unseen].where(ended[unseen].notna(), signs.iloc[-1] + pandas.Timedelta(seconds=1))
    last = signs.iloc[(signs.searchsorted(closed) - 1).clip(min=0)].set_axis(closed.index)
    started = attempts.loc[unseen, "started_at"]
    return ended.where(~unseen, last.where(last > started, started).reindex(ended.index))


def idle_before(attempts: pandas.DataFrame) -> pandas.Series[Any]:
    """Since when nothing ran as each attempt started; later than its start, or nothing, where something did.

    Args:
        attempts: in the order of their starts.
    """
    return attempts["ended_at"].cummax().shift()


def is_pause(attempts: pandas.DataFrame, before: pandas.Series[Any]) -> pandas.Series[bool]:
    """By attempt, whether a pause came before it: longer than a tenth of the time in which something ran."""
    idle = (attempts["started_at"] - before).dt.total_seconds().clip(lower=0).fillna(0.0)
    whole = (attempts["ended_at"].max() - attempts["started_at"].min()).total_seconds() if len(attempts) else 0.0
    return idle > max(_SHORTEST_PAUSE, (whole - idle.sum()) / 10)


def busy(attempts: pandas.DataFrame, session: pandas.Series[int], lanes: list[str]) -> pandas.DataFrame:
    """``busy, present, share`` by lane: a slot is present from start to end of each session that it has a part in."""
    times = attempts.groupby(session).agg(first=("started_at", "min"), last=("ended_at", "max"))
    lengths = (times["last"] - times["first"]).dt.total_seconds()
    sums = attempts["seconds"].groupby([attempts["lane"], session]).sum().rename_axis(["lane", "session"])
    each = sums.to_frame("busy").reset_index()
    each["present"] = each["session"].map(lengths).astype("float64")
    found = each.groupby("lane")[["busy", "present"]].sum().reindex(lanes)
    found["share"] = (found["busy"] / found["present"].where(found["present"] > 0)).clip(upper=1.0)
    return found
