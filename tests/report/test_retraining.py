"""The winners are trained once more, or taken as they are; each is tested once, and the summary says which it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.execution.laboratory import Laboratory

from hpsearch.errors import ConfigError
from hpsearch.execution.executor import Slot
from hpsearch.execution.inline import InlineExecutor
from hpsearch.execution.messages import EpochDone
from hpsearch.execution.setting import Setting
from hpsearch.report.choosing import choose
from hpsearch.report.retraining import KEPT, RETRAINED, Retraining, what_is_wanted
from hpsearch.report.summary import class_lines, summary
from hpsearch.study import derive_seed


class Bench:
    """Searches and retrains on simulated training, in one database."""

    def __init__(self, folder: Path) -> None:
        self.laboratory = Laboratory(folder)
        self.news: list[str] = []
        self.checkpoint_seconds = 30.0

    def search(self, keep_best: int = 1, **sections):
        """A space, and a study that has searched it."""
        space = self.laboratory.space(**sections)
        self.laboratory.run(space, keep_best=keep_best)
        return space

    def retrain(self, space, executor=None, trial=None, **asked):
        """Do what is wanted and not done; what it was, whether it came to its end, how many failed."""
        with self.laboratory.store() as reading:
            study = reading.study("simulated")
            chosen = choose(reading, study, space) if trial is None else [reading.trial(study.id, trial)]
            wanted = what_is_wanted(reading, study, space, chosen, **asked)
        with open_for_writing(self.laboratory) as store, store.claim(study.id) as lease:
            executor = executor or InlineExecutor([Slot(0), Slot(1)])
            setting = Setting(checkpoint_seconds=self.checkpoint_seconds)
            retraining = Retraining(study, space, store, store.writer(lease), executor, setting, self.news.append)
            if isinstance(executor, Watched):
                executor.watch(retraining, store)
            ended = retraining.run(wanted)
        return wanted, ended, retraining.failed

    def evaluations(self):
        """All of them."""
        with self.laboratory.store() as store:
            return store.evaluations(store.study("simulated").id)

    def summary(self, space):
        """What a person reads."""
        with self.laboratory.store() as store:
            return summary(store, store.study("simulated"), space)


class Watched(InlineExecutor):
    """Counts epochs and calls back after one of them."""

    def __init__(self, after: int, then) -> None:
        super().__init__([Slot(0)])
        self.epochs = 0
        self._after = after
        self._then = then

    def watch(self, retraining, store) -> None:
        self._retraining, self._store = retraining, store

    def wait(self, timeout_seconds):
        events = super().wait(timeout_seconds)
        self.epochs += sum(isinstance(event, EpochDone) for event in events)
        if self.epochs == self._after:
            self._after = -1
            self._then(self._retraining, self._store)
        return events


def open_for_writing(laboratory):
    """The laboratory's database."""
    from hpsearch.storage import open_store

    return open_store(laboratory.database, read_only=False)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.laboratory.close()


def test_a_retrain_that_would_change_nothing_evaluates_the_kept_weights(bench):
    space = bench.search()

    wanted, ended, failed = bench.retrain(space)

    (evaluation,) = bench.evaluations()
    assert (ended, failed) == (True, 0)
    assert wanted[0].role == evaluation.role == KEPT
    assert not evaluation.curve
    assert "its weights of the search, kept" in bench.summary(space)


def test_nothing_is_done_twice(bench):
    space = bench.search()
    bench.retrain(space)

    bench.retrain(space)

    assert len(bench.evaluations()) == 1


def test_weights_that_were_not_kept_are_trained_anew_and_not_called_kept(bench):
    space = bench.search(keep_best=1)
    more = bench.laboratory.space(retrain={"top": 3})

    wanted, _, _ = bench.retrain(more)

    assert [want.role for want in wanted] == [KEPT, RETRAINED, RETRAINED]
    assert [want.seed for want in wanted[1:]] == [derive_seed(7, "retrain", 1)] * 2
    assert "retrained, 4 epochs" in bench.summary(more)
    assert space.retrain.top == 1


def test_the_kept_weights_of_all_of_the_best_k_are_evaluated(bench):
    space = bench.search(keep_best=3, retrain={"top": 3})

    wanted, _, _ = bench.retrain(space)

    assert [want.role for want in wanted] == [KEPT] * 3
    assert bench.summary(space).count("its weights of the search, kept") == 3


def test_a_best_so_far_that_a_limit_cut_short_is_retrained_to_its_full_epochs(bench):
    space = bench.search(limits={"max_epochs_total": 2})

    wanted, _, _ = bench.retrain(space)

    assert [(want.role, want.epochs) for want in wanted] == [(RETRAINED, 4)]
    assert "best so far (no trial is complete)" in bench.summary(space)


def test_epochs_that_the_cycles_do_not_divide_are_refused_before_anything_is_written(bench):
    cycles = {"learning_rate_schedule": {"cyclic": {"cycles": 2}}}
    space = bench.search(training={"trainer": "simulated", "epochs": 4, **cycles})

    with pytest.raises(ConfigError, match="2 cycles, which do not divide 5 epochs"):
        bench.retrain(space, epochs=5)

    assert bench.evaluations() == []


def test_a_class_without_a_test_image_is_neither_the_best_nor_the_worst():
    scores = [
        {"name": name, "precision": 0.0, "recall": recall, "f1": 0.0, "support": support}
        for name, recall, support in (("seen", 0.9, 10), ("hard", 0.2, 10), ("absent", 0.0, 0))
    ]

    *_, last = class_lines(scores)

    assert last == "  best class seen (recall 0.9000), worst hard (0.2000)"


def test_hyperbands_winner_is_evaluated_with_the_weights_of_its_last_promotion(bench):
    hyperband = {"backend": "hyperband", "max_epochs": 9, "factor": 3}
    space = bench.search(training={"trainer": "simulated"}, search=hyperband)

    (want,), ended, failed = bench.retrain(space)

    (evaluation,) = bench.evaluations()
    assert (ended, failed) == (True, 0)
    assert want.trial.epochs_done == 9
    assert evaluation.role == KEPT
    assert evaluation.epoch == want.trial.best_epoch


def test_repeats_have_seeds_of_their_own_and_are_summed_up_by_mean_and_deviation(bench):
    space = bench.search(keep_best=0, retrain={"epochs": 6, "repeats": 3})

    wanted, _, _ = bench.retrain(space)

    evaluations = bench.evaluations()
    assert len({want.seed for want in wanted}) == 3
    assert [len(evaluation.curve) for evaluation in evaluations] == [6, 6, 6]
    assert "retrained, 6 epochs, 3 seeds" in bench.summary(space)
    assert "±" in bench.summary(space)


def test_means_are_never_taken_over_different_trainings(bench):
    space = bench.search()
    bench.retrain(space)
    bench.retrain(space, epochs=6, repeats=2)

    text = bench.summary(space)

    assert "its weights of the search, kept" in text
    assert "retrained, 6 epochs, 2 seeds" in text
    assert [line.count(",") for line in text.splitlines() if "±" in line] == [1] * text.count("±")


def test_another_trial_that_was_retrained_is_in_the_summary_too(bench):
    space = bench.search()
    bench.retrain(space)
    other = next(trial.number for trial in bench.laboratory.trials() if trial.number != bench.evaluations()[0].trial)

    bench.retrain(space, trial=other, epochs=5)

    assert f"test of trial {other} (retrained, 5 epochs" in bench.summary(space)


def test_an_interrupted_retrain_goes_on_from_its_checkpoint(bench):
    space = bench.search(keep_best=0, retrain={"epochs": 20})
    first = Watched(7, lambda retraining, store: retraining.stop())
    _, ended, _ = bench.retrain(space, first)
    assert not ended

    second = Watched(-1, None)
    _, ended, _ = bench.retrain(space, second)

    (evaluation,) = bench.evaluations()
    assert ended
    assert first.epochs + second.epochs == 20
    assert sorted(evaluation.curve) == list(range(1, 21))
    assert evaluation.finished_at is not None
    assert not list((bench.laboratory.folder / "studies-artifacts").rglob("*.checkpoint"))


def test_a_killed_retrain_goes_on_from_its_last_checkpoint(bench):
    bench.checkpoint_seconds = 0.0
    space = bench.search(keep_best=0, retrain={"epochs": 20})

    def killed(retraining, store):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.retrain(space, Watched(7, killed))
    (own,) = (bench.laboratory.folder / "studies-artifacts").rglob("retrains")
    (own / "written-but-not-recorded.checkpoint").touch()

    second = Watched(-1, None)
    bench.retrain(space, second)

    (evaluation,) = bench.evaluations()
    assert second.epochs < 20
    assert sorted(evaluation.curve) == list(range(1, 21))
    assert not list((bench.laboratory.folder / "studies-artifacts").rglob("*.checkpoint"))


def test_a_retrain_that_was_interrupted_and_is_wanted_otherwise_now_leaves_no_checkpoint(bench):
    space = bench.search(keep_best=0, retrain={"epochs": 20})
    _, ended, _ = bench.retrain(space, Watched(7, lambda retraining, store: retraining.stop()))
    assert not ended
    assert list((bench.laboratory.folder / "studies-artifacts").rglob("*.checkpoint"))

    _, ended, _ = bench.retrain(bench.laboratory.space(retrain={"epochs": 12}))

    assert ended
    assert not list((bench.laboratory.folder / "studies-artifacts").rglob("*.checkpoint"))
    with bench.laboratory.store() as store:
        assert not store.artifacts(store.study("simulated").id, kind="retrain_checkpoint")


def test_a_stop_asked_of_another_process_ends_a_retrain_after_its_epoch(bench):
    space = bench.search(keep_best=0, retrain={"epochs": 20})
    executor = Watched(3, lambda retraining, store: store.request_stop("simulated"))

    _, ended, _ = bench.retrain(space, executor)

    assert not ended
    assert executor.epochs < 20


def test_a_retrain_that_fails_is_counted_told_and_tried_again_the_next_time(bench):
    space = bench.search(keep_best=0, retrain={"epochs": 6})
    broken = bench.laboratory.space(
        training={"trainer": "simulated", "epochs": 4, "failure_rate": 1.0}, retrain={"epochs": 6}
    )

    _, ended, failed = bench.retrain(broken)

    assert (ended, failed) == (True, 1)
    assert "Simulated failure" in bench.summary(broken)
    _, ended, failed = bench.retrain(space)
    assert (ended, failed) == (True, 0)
    assert "retrained, 6 epochs" in bench.summary(space)
