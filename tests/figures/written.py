"""Studies written trial by trial, for what no search gives at will."""

from __future__ import annotations

import contextlib

from tests.new_study import new_study

from hpsearch.figures.rows import StudyRows
from hpsearch.storage import open_store
from hpsearch.study import Direction, Trial, TrialState

ANYWHERE = ("slot-0", "here", "cpu")


@contextlib.contextmanager
def written(folder, parameters, trials, direction=Direction.MAXIMIZE):
    """The rows of a study of `parameters` with these trials.

    Args:
        trials: a tuple each: its state, its parameters, and its values by epoch, of which the best is its own.
    """
    with open_store(folder / "studies.db", create=True) as store:
        study = store.create_study(new_study("written", {"parameters": parameters}, direction))
        best = max if direction is Direction.MAXIMIZE else min
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            for number, (state, values, curve) in enumerate(trials):
                _write(write, number, TrialState(state), values, curve, best)
        yield StudyRows(store, store.study("written"))


def _write(write, number, state, parameters, curve, best):
    write.add_trial(Trial(number, TrialState.WAITING, parameters, 9, seed=number))
    write.move(number, TrialState.RUNNING)
    attempt = write.start_attempt(number, *ANYWHERE, from_epoch=0)
    for epoch, value in enumerate(curve, 1):
        write.record_epoch(number, attempt, epoch, {"loss": 1 - value, "val_accuracy": value}, seconds=0.5)
    found = {"value": best(curve), "last_value": curve[-1], "best_epoch": curve.index(best(curve)) + 1}
    found["epochs_done"] = len(curve)
    if state is TrialState.RUNNING:
        write.progress(number, **found)
    else:
        write.end_attempt(number, attempt, state.value)
        write.move(number, state, **found)
