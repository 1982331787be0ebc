"""Simulated training: curves that a search can learn from, the same everywhere."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import pytest

from hpsearch.errors import BuildError, Diverged
from hpsearch.space.configuration import Configuration
from hpsearch.study import Direction, Objective
from hpsearch.training.registry import make_trainer
from hpsearch.training.simulated import Curve, problem
from hpsearch.training.task import Task

PARAMETERS = {"learning_rate": 0.003, "filters": 48, "activation": "relu", "bias": None, "nesterov": True}


def task(seed=1, epochs=9, **training):
    settings = {"trainer": "simulated", "epochs": epochs, "parameters": PARAMETERS, **training}
    objective = Objective("val_accuracy", Direction.MAXIMIZE)
    return Task(Configuration({}, (), settings), objective, seed=seed, split_seed=1, epochs=epochs)


def values_of(trainer, epochs):
    return [dict(trainer.advance().values) for _ in range(epochs)]


def test_three_epochs_and_six_more_from_a_checkpoint_are_nine():
    stopping = {"early_stopping": {"patience": 3}, "learning_rate_schedule": {"cosine": {"warmup": 2}}}
    whole = make_trainer(task(**stopping))
    nine = values_of(whole, 9)
    first = make_trainer(replace(task(**stopping), epochs=3))
    three = values_of(first, 3)

    second = make_trainer(task(**stopping))
    second.restore(first.checkpoint())

    assert three + values_of(second, 6) == nine
    assert second.checkpoint() == whole.checkpoint()
    assert second.evaluate() == whole.evaluate()


def test_another_process_measures_the_same():
    program = "from tests.training.numpy_side.test_simulated import *; print(values_of(make_trainer(task(seed=5)), 4))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(values_of(make_trainer(task(seed=5)), 4))


def test_curves_rise_and_noise_follows_the_seed():
    noiseless = values_of(make_trainer(task(noise=0.0)), 9)
    one, other = (values_of(make_trainer(task(seed=seed)), 9) for seed in (1, 2))

    accuracies = [values["val_accuracy"] for values in noiseless]
    assert accuracies == sorted(accuracies)
    assert [values["val_loss"] for values in noiseless] == sorted(
        (values["val_loss"] for values in noiseless), reverse=True
    )
    assert one != other
    assert set(noiseless[0]) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}


def test_equal_numbers_of_two_kinds_are_one_and_truth_is_no_number():
    assert Curve.of({"kernel": 3}) == Curve.of({"kernel": 3.0})
    assert Curve.of({"kernel": 1}) != Curve.of({"kernel": True})
    assert Curve.of({"kernel": "3"}) != Curve.of({"kernel": 3})


def test_neighbouring_values_have_neighbouring_scores_and_some_are_good():
    rates = [10 ** (-4 + 3 * step / 300) for step in range(301)]
    qualities = [Curve.of({"learning_rate": rate}).quality for rate in rates]

    assert max(abs(left - right) for left, right in itertools.pairwise(qualities)) < 0.02
    assert max(qualities) - min(qualities) > 0.3
    assert all(0 <= quality <= 1 for quality in qualities)


def test_early_ranks_tell_something_but_not_all():
    curves = [Curve.of({"learning_rate": 10 ** (-4 + step / 20), "units": 16 + step}) for step in range(60)]
    early = sorted(range(60), key=lambda place: curves[place].accuracy(1))
    late = sorted(range(60), key=lambda place: curves[place].accuracy(27))

    best_ten = set(late[-10:])
    assert early != late
    assert len(best_ten & set(early[-30:])) >= 5


@pytest.mark.parametrize(("rate", "error"), [("failure_rate", RuntimeError), ("nan_rate", Diverged)])
def test_accidents_happen_at_their_rate_and_at_one_place_for_a_seed(rate, error):
    def accident(seed):
        trainer = make_trainer(task(seed=seed, **{rate: 0.3}))
        try:
            values_of(trainer, 9)
        except error:
            return trainer.epoch + 1
        return None

    met = [accident(seed) for seed in range(200)]

    assert 0.2 < sum(epoch is not None for epoch in met) / 200 < 0.4
    assert {1, 9} <= set(met)
    assert met[:20] == [accident(seed) for seed in range(20)]


def test_an_epoch_lasts_as_long_as_asked_between_cheap_and_dear():
    trainer = make_trainer(task(seconds_per_epoch={"min": 0.02, "max": 0.03}))

    assert 0.02 <= trainer.advance().seconds < 0.2


def test_the_evaluation_is_the_curve_without_noise_at_the_kept_epoch():
    trainer = make_trainer(task(noise=0.05))
    measured = [values["val_accuracy"] for values in values_of(trainer, 9)]

    evaluation = trainer.evaluate()

    assert evaluation.epoch == measured.index(max(measured)) + 1
    assert evaluation.metrics["accuracy"] == pytest.approx(Curve.of(PARAMETERS).accuracy(evaluation.epoch))
    assert trainer.model_file() == b""


@pytest.mark.parametrize(
    "settings",
    [
        {"noise": -1},
        {"failure_rate": 2},
        {"nan_rate": "often"},
        {"seconds_per_epoch": {"min": 2, "max": 1}},
        {"seconds_per_epoch": {"least": 2}},
        {"seconds_per_epoch": -0.1},
    ],
)
def test_settings_without_sense_are_named_in_a_sentence(settings):
    assert str(next(iter(settings))) in problem(settings)
    with pytest.raises(BuildError):
        make_trainer(task(**settings))


def test_an_objective_that_is_not_measured_is_refused():
    wanted = replace(task(), objective=Objective("val_f1_weighted", Direction.MAXIMIZE))

    with pytest.raises(BuildError, match="val_f1_weighted"):
        make_trainer(wanted)
