"""What a running search shows on stderr: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hpsearch.execution.progress import Progress, progress_of
from hpsearch.execution.table import Table
from hpsearch.study import Objective, TrialState
from hpsearch.wording import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_LIVE_SECONDS = 0.25
_PLAIN_SECONDS = 10.0


class Pace:
    """Epochs a second since the start of this run, and the time left at that pace."""

    def __init__(self, planned_epochs: int | None, clock: Callable[[], float]) -> None:
        self._planned = planned_epochs
        self._clock = clock
        self._start: tuple[float, int] | None = None

    def read(self, epochs: int) -> tuple[float | None, float | None]:
        """Epochs a second and seconds left; None while unknown."""
        now = self._clock()
        if self._start is None:
            self._start = (now, epochs)
        seconds, trained = now - self._start[0], epochs - self._start[1]
        if seconds <= 0 or trained <= 0:
            return None, None
        rate = trained / seconds
        left = max(0, self._planned - epochs) / rate if self._planned is not None else None
        return rate, left


class PlainDisplay:
    """A line every few seconds, for logs and pipes."""

    def __init__(
        self,
        objective: Objective,
        planned_epochs: int | None,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objective = objective
        self._pace = Pace(planned_epochs, clock)
        self._write = write
        self._clock = clock
        self._last = clock()

    def show(self, table: Table, running: Mapping[int, int]) -> None:
        """Write a line if the last one is old enough."""
        if self._clock() - self._last < _PLAIN_SECONDS:
            return
        self._last = self._clock()
        progress = progress_of(table, running, self._objective)
        self._write(summary_line(progress, self._objective, *self._pace.read(progress.epochs)))


class LiveDisplay:
    """A panel that stays at the bottom of the terminal while news scroll above it."""

    def __init__(
        self,
        name: str,
        objective: Objective,
        planned_epochs: int | None,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from rich.live import Live

        self._name = name
        self._objective = objective
        self._pace = Pace(planned_epochs, clock)
        self._clock = clock
        self._last = -_LIVE_SECONDS
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def show(self, table: Table, running: Mapping[int, int]) -> None:
        """Draw the panel anew if the last drawing is old enough."""
        if self._clock() - self._last < _LIVE_SECONDS:
            return
        self._last = self._clock()
        self._live.update(self._panel(progress_of(table, running, self._objective)), refresh=True)

    def _panel(self, progress: Progress) -> RenderableType:
        from rich.panel import Panel
        from rich.table import Table as Grid
        from rich.text import Text

        grid = Grid.grid(padding=(0, 2))
        grid.add_row(Text(" · ".join(counted(progress))))
        grid.add_row(Text(" · ".join(judged(progress, self._objective, *self._pace.read(progress.epochs)))))
        for slot, (number, done, asked) in sorted(progress.running.items()):
            filled = round(20 * done / asked) if asked else 0
            grid.add_row(
                Text(f"slot {slot}  trial {number:<5} {'━' * filled}{'╌' * (20 - filled)} epoch {done}/{asked}")
            )
        return Panel(grid, title=f"study {self._name}", title_align="left", expand=False)


def summary_line(progress: Progress, objective: Objective, rate: float | None, seconds_left: float | None) -> str:
    """Counts, the best so far, the pace and the time left, in one line."""
    return " · ".join([*counted(progress), *judged(progress, objective, rate, seconds_left)])


def counted(progress: Progress) -> list[str]:
    """Trials by state and epochs."""
    counts = progress.counts
    parts = [f"{counts[TrialState.COMPLETE]} complete", f"{len(progress.running)} running"]
    parts += [
        f"{counts[state]} {state.value}"
        for state in (TrialState.PRUNED, TrialState.FAILED, TrialState.INVALID)
        if counts[state]
    ]
    return [*parts, f"{progress.epochs} epochs"]


def judged(progress: Progress, objective: Objective, rate: float | None, seconds_left: float | None) -> list[str]:
    """The best so far, the pace, the time left: what is known of them."""
    parts = []
    if progress.best is not None:
        parts.append(f"best {objective.metric} {progress.best[1]:.4f} (trial {progress.best[0]})")
    if rate is not None:
        parts.append(f"{rate:.2f} epochs/s" if rate >= 0.1 else f"{duration(1 / rate, decimals=0)} an epoch")
    if seconds_left is not None:
        parts.append(f"about {duration(seconds_left, decimals=0)} left")
    return parts
