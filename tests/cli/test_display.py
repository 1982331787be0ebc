"""What a running search shows."""

from __future__ import annotations

import io

from rich.console import Console

from hpsearch.cli.display import LiveDisplay, PlainDisplay
from hpsearch.execution.table import Table
from hpsearch.study import Direction, ErrorKind, Objective, Trial, TrialState
from hpsearch.wording import duration

OBJECTIVE = Objective("val_accuracy", Direction.MAXIMIZE)


class Clock:
    """Seconds that we move ourselves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_table() -> Table:
    """Two complete, one failed, one invalid, one running trial."""
    trial = {"parameters": {"x": 1}, "epochs": 4, "seed": 1}
    return Table(
        [
            Trial(0, TrialState.COMPLETE, **trial, value=0.5, epochs_done=4, values={1: 0.1, 2: 0.2, 3: 0.4, 4: 0.5}),
            Trial(1, TrialState.COMPLETE, **trial, value=0.75, epochs_done=4, values={1: 0.75, 2: 0.7, 3: 0.7, 4: 0.7}),
            Trial(2, TrialState.FAILED, **trial, error_kind=ErrorKind.NAN),
            Trial(3, TrialState.INVALID, **trial, error_kind=ErrorKind.INVALID),
            Trial(4, TrialState.RUNNING, **trial, epochs_done=2, values={1: 0.1, 2: 0.2}),
        ]
    )


def test_plain_lines_come_every_few_seconds_with_counts_best_pace_and_time_left():
    clock, lines = Clock(), []
    display = PlainDisplay(OBJECTIVE, 20, lines.append, clock)

    display.show(Table(), {})
    clock.now = 11.0
    display.show(Table(), {})
    clock.now = 12.0
    display.show(a_table(), {0: 4})
    clock.now = 31.0
    display.show(a_table(), {0: 4})

    counts, judgement = (
        "2 complete · 1 running · 1 failed · 1 invalid · 10 epochs",
        "best val_accuracy 0.7500 (trial 1)",
    )
    assert lines == [
        "0 complete · 0 running · 0 epochs",
        f"{counts} · {judgement} · 0.50 epochs/s · about 20 s left",
    ]


def test_the_live_panel_fits_eighty_columns_and_shows_each_slot():
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)

    with LiveDisplay("digits", OBJECTIVE, 20, console) as display:
        display.show(a_table(), {0: 4})

    shown = stream.getvalue()
    assert "study digits" in shown
    assert "slot 0  trial 4" in shown
    assert "epoch 2/4" in shown


def test_durations_read_well():
    assert [duration(seconds, decimals=0) for seconds in (4.2, 185, 7620)] == ["4 s", "3 min 05 s", "2 h 07 min"]
