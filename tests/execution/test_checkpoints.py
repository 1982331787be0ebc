"""Nothing that goes on needs is deleted, and nothing useless is kept."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import Counter
from random import Random

import pytest
from tests.execution.laboratory import FailingExecutor, Laboratory, PowerCut

from hpsearch.errors import StorageFull
from hpsearch.execution import checkpoint_files
from hpsearch.execution.executor import Slot
from hpsearch.execution.limits import End
from hpsearch.study import AttemptOutcome, Trial, TrialState

HYPERBAND = {"training": {"trainer": "simulated"}, "search": {"backend": "hyperband", "max_epochs": 9, "factor": 3}}
PRUNING = {"search": {"backend": "optuna", "pruner": "median", "max_trials": 14}}


@pytest.fixture
def checkpoint_every_epoch(laboratory):
    """As when every epoch takes half a minute."""
    laboratory.checkpoint_seconds = 0.0


def _best(laboratory, count):
    return _best_of(laboratory.trials(), count)


def _best_of(trials, count):
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))[:count]


@pytest.mark.parametrize("interrupt_after", [0, 2, 7, 15])
def test_an_interrupted_study_has_a_checkpoint_of_every_epoch_that_it_trained(
    laboratory, checkpoint_every_epoch, interrupt_after
):
    laboratory.run(laboratory.space(), slots=3, interrupt_after=interrupt_after)

    waiting = [trial.number for trial in laboratory.trials() if trial.state is TrialState.WAITING and trial.values]
    assert set(waiting) <= set(laboratory.checkpoints())
    laboratory.run(laboratory.space(), slots=3)
    with laboratory.store() as store:
        attempts = store.attempts(store.study("simulated").id)
    assert sum(1 for attempt in attempts if attempt.from_epoch) >= len(waiting)
    assert laboratory.checkpoints() == []


def test_a_search_that_is_through_keeps_the_weights_of_the_best_alone(laboratory, checkpoint_every_epoch):
    laboratory.run(laboratory.space(), slots=3, keep_best=2)

    assert laboratory.checkpoints() == sorted(trial.number for trial in _best(laboratory, 2))


def test_a_trial_that_cannot_be_among_the_best_writes_no_final_state(laboratory, monkeypatch):
    written = []
    save = checkpoint_files.save
    monkeypatch.setattr(checkpoint_files, "save", lambda *arguments: written.append(1) or save(*arguments))

    laboratory.run(laboratory.space(search={"backend": "random", "max_trials": 60}), slots=2, keep_best=1)

    assert len(written) < 20
    assert laboratory.checkpoints() == [trial.number for trial in _best(laboratory, 1)]


def test_all_weights_are_kept_where_all_are_to_be_evaluated(laboratory):
    laboratory.run(laboratory.space(), slots=3, keep_best=1_000)

    assert laboratory.checkpoints() == list(range(12))


def test_hyperband_keeps_at_the_end_only_what_can_be_evaluated_as_it_is(laboratory, checkpoint_every_epoch):
    laboratory.run(laboratory.space(**HYPERBAND), slots=2, keep_best=3)

    full = [trial.number for trial in _best(laboratory, 3) if trial.epochs_done == 9]
    assert full
    assert laboratory.checkpoints() == sorted(full)


class Counting(FailingExecutor):
    """Notes now and then which trials have checkpoint files, and how many."""

    def __init__(self, laboratory: Laboratory, slots: int) -> None:
        super().__init__([Slot(index) for index in range(slots)], Random(1))
        self._laboratory = laboratory
        self.files: list[tuple[Counter[int], list[Trial]]] = []

    def wait(self, timeout_seconds):
        if self._words % 4 == 0:
            files = self._laboratory.folder.glob("studies-artifacts/*/checkpoints/*")
            self.files.append((Counter(int(file.name[:6]) for file in files), self._laboratory.trials()))
        return super().wait(timeout_seconds)


def test_hyperband_of_ninety_trials_keeps_only_what_promotion_resume_and_the_best_need(
    laboratory, checkpoint_every_epoch
):
    space = laboratory.space(
        training={"trainer": "simulated"}, search={"backend": "hyperband", "max_epochs": 40, "factor": 3}
    )
    executor = Counting(laboratory, slots=4)

    laboratory.run(space, slots=4, keep_best=2, executor=executor)

    trials = laboratory.trials()
    rungs = Counter((trial.bracket, trial.rung) for trial in trials)
    assert len(trials) >= 90
    most = 0
    for files, then in executor.files:
        promoted = Counter((trial.bracket, (trial.rung or 0) - 1) for trial in then if trial.parent is not None)
        continued = {trial.parent for trial in then if not trial.state.is_ended}
        best = {trial.number for trial in _best_of(then, 2)}
        for number, count in files.items():
            trial = then[number]
            place = (trial.bracket, trial.rung)
            may_rise = promoted[place] < rungs[trial.bracket, (trial.rung or 0) + 1]
            assert count <= (1 if trial.state.is_ended else 2)
            assert not trial.state.is_ended or may_rise or number in continued or number in best, (number, place)
        most = max(most, sum(files.values()))
    assert most < 45  # of 90 trials; the widest bracket has 27 in its first rung
    assert laboratory.checkpoints() == sorted(trial.number for trial in _best(laboratory, 2) if trial.epochs_done == 40)


def test_hyperband_without_kept_weights_leaves_no_file(laboratory, checkpoint_every_epoch):
    laboratory.run(laboratory.space(**HYPERBAND), slots=3, losses=0.1)

    assert laboratory.checkpoints() == []


def test_hyperband_with_early_stopping_keeps_the_weights_of_a_winner_whose_promotions_train_nothing(laboratory):
    stopping = {"early_stopping": {"patience": 1, "min_delta": 0.2, "monitor": "val_accuracy"}}
    space = laboratory.space(search=HYPERBAND["search"], training={"trainer": "simulated", **stopping})
    laboratory.run(space, slots=2, keep_best=1)

    (best,) = _best(laboratory, 1)
    assert best.epochs_done < best.epochs
    assert laboratory.checkpoints() == [best.number]


def test_pruned_trials_leave_no_file_even_if_their_worker_writes_one_late(laboratory, checkpoint_every_epoch):
    laboratory.run(laboratory.space(**PRUNING), slots=4)

    assert TrialState.PRUNED in {trial.state for trial in laboratory.trials()}
    assert laboratory.checkpoints() == []


def test_a_file_left_by_a_crash_goes_at_the_next_start(laboratory, checkpoint_every_epoch):
    with pytest.raises(PowerCut):
        laboratory.run(laboratory.space(), slots=3, cut_after=11)
    with laboratory.store() as store:
        folder = store.artifacts_dir(store.study("simulated").id) / "checkpoints"
    (folder / "000099-1-00001.checkpoint").write_bytes(b"half")

    laboratory.run(laboratory.space(), slots=3)

    assert laboratory.checkpoints() == []


def test_a_file_that_a_killed_worker_had_no_time_to_speak_of_goes_at_the_end(laboratory, checkpoint_every_epoch):
    class Hasty(FailingExecutor):
        def wait(self, timeout_seconds):
            folders = list(laboratory.folder.glob("studies-artifacts/*/checkpoints"))
            if folders:
                (folders[0] / "000003-1-00002.checkpoint").write_bytes(b"whole, and known to nobody")
            return super().wait(timeout_seconds)

    laboratory.run(laboratory.space(), executor=Hasty([Slot(0)], Random(0)))

    assert laboratory.checkpoints() == []


def _delete(file):
    file.unlink()


def _damage(file):
    file.write_bytes(file.read_bytes()[:-1])


def _harm(laboratory, harm, only_the_last=False):
    """Do `harm` to every checkpoint that there is, or to the last one of each trial; how many those were."""
    with laboratory.store() as store:
        study = store.study("simulated")
        by_trial = {}
        for artifact in sorted(store.artifacts(study.id, kind="checkpoint"), key=lambda artifact: artifact.epoch):
            by_trial.setdefault(artifact.trial, []).append(store.artifacts_dir(study.id) / artifact.path)
    harmed = [file for files in by_trial.values() for file in (files[-1:] if only_the_last else files) if file.exists()]
    for file in harmed:
        harm(file)
    return len(harmed)


def _told(laboratory):
    with laboratory.store() as store:
        study = store.study("simulated")
        outcomes = {attempt.outcome for attempt in store.attempts(study.id)}
        return outcomes, [event.text for event in store.events(study.id) if "checkpoint" in event.text]


@pytest.mark.parametrize("harm", [_delete, _damage])
def test_a_trial_whose_checkpoint_is_gone_or_damaged_starts_over_and_an_event_says_so(
    laboratory, checkpoint_every_epoch, harm
):
    laboratory.run(laboratory.space(), name="calm", slots=3)
    laboratory.run(laboratory.space(), slots=3, interrupt_after=8)
    harmed = _harm(laboratory, harm)

    end = laboratory.run(laboratory.space(limits={"retries": 0}), slots=3)

    outcomes, told = _told(laboratory)
    assert harmed
    assert end is End.EXHAUSTED
    assert laboratory.table() == laboratory.table("calm")
    assert outcomes == {AttemptOutcome.COMPLETE, AttemptOutcome.STOPPED, AttemptOutcome.LOST}
    assert len(told) == harmed
    assert sum("starts over from its first epoch" in text for text in told) == 3  # of three that ran


@pytest.mark.parametrize("harm", [_delete, _damage])
def test_a_trial_whose_last_checkpoint_is_gone_or_half_written_goes_on_from_the_one_before(
    laboratory, checkpoint_every_epoch, harm
):
    laboratory.run(laboratory.space(), name="calm", slots=2)
    with pytest.raises(PowerCut):
        laboratory.run(laboratory.space(), slots=2, cut_after=9)
    with laboratory.store() as store:
        known = store.artifacts(store.study("simulated").id, kind="checkpoint")
    assert set(Counter(artifact.trial for artifact in known).values()) == {2}  # never more of a trial
    assert _harm(laboratory, harm, only_the_last=True) == 2

    laboratory.run(laboratory.space(limits={"retries": 0}), slots=2)

    assert laboratory.table() == laboratory.table("calm")
    assert ["goes on from epoch" in text for text in _told(laboratory)[1]] == [True, True]


@pytest.mark.parametrize("harm", [_delete, _damage])
def test_a_promotion_whose_parents_checkpoint_is_gone_trains_its_parents_epochs_again_and_writes_only_its_own(
    laboratory, checkpoint_every_epoch, harm
):
    laboratory.run(laboratory.space(**HYPERBAND), name="calm", slots=2, lag=4)
    for most in (10, 23, 30):  # amid rung 0, amid promotions
        laboratory.run(laboratory.space(**HYPERBAND, limits={"max_epochs_total": most}), slots=2, lag=4)
        assert _harm(laboratory, harm)
        assert sum(len(trial.values) for trial in laboratory.trials()) == most

    laboratory.run(laboratory.space(**HYPERBAND, limits={"retries": 0}), slots=2, lag=4)

    with laboratory.store() as store:
        study = store.study("simulated")
        trained = sorted((trial, epoch) for trial, epoch, _ in store.epoch_seconds(study.id))
    assert laboratory.table() == laboratory.table("calm")
    assert trained == [(trial.number, epoch) for trial in laboratory.trials() for epoch in sorted(trial.values)]
    assert any("starts over from its first epoch" in text for text in _told(laboratory)[1])


def test_a_promotion_whose_own_checkpoint_is_gone_goes_on_from_its_parents(laboratory, checkpoint_every_epoch):
    laboratory.run(laboratory.space(**HYPERBAND), name="calm")
    for words in range(1, 200):
        with contextlib.suppress(PowerCut):
            laboratory.run(laboratory.space(**HYPERBAND), cut_after=words)
        if _promotion_underway(laboratory):
            break
    own = _promotion_underway(laboratory)
    own.unlink()

    laboratory.run(laboratory.space(**HYPERBAND))

    assert laboratory.table() == laboratory.table("calm")
    assert ["goes on from epoch 1" in text for text in _told(laboratory)[1]] == [True]


def test_a_disk_without_room_for_a_checkpoint_stops_the_study_and_fails_no_trial(
    laboratory, checkpoint_every_epoch, monkeypatch
):
    laboratory.run(laboratory.space(), name="calm", slots=2)

    def no_room(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageFull, match="No room left for the checkpoint"):
        laboratory.run(laboratory.space(limits={"retries": 0}), slots=2)

    monkeypatch.undo()
    assert laboratory.checkpoints() == []
    laboratory.run(laboratory.space(limits={"retries": 0}), slots=2)
    assert laboratory.table() == laboratory.table("calm")


def _promotion_underway(laboratory):
    """The own checkpoint of a promotion that has not ended, where there is one."""
    promotions = {t.number for t in laboratory.trials() if t.parent is not None and not t.state.is_ended}
    with laboratory.store() as store:
        study = store.study("simulated")
        for artifact in store.artifacts(study.id, kind="checkpoint"):
            if artifact.trial in promotions:
                return store.artifacts_dir(study.id) / artifact.path
    return None
