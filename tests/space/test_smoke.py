"""The cut-down study that shows whether a space runs at all."""

from __future__ import annotations

import pytest
from tests.space.conftest import Loader, small
from tests.space.test_properties import TEXT


def test_everything_is_cut_down(read: Loader):
    smoke = read(TEXT).smoke()
    configuration = smoke.configuration(first(smoke))
    final = smoke.retrain_configuration(first(smoke))

    assert (smoke.search.backend, smoke.search.max_trials, smoke.search.enqueue, smoke.epochs) == ("random", 2, (), 1)
    assert configuration.training["epochs"] == final.training["epochs"] == 1
    assert "learning_rate_schedule" not in configuration.training
    assert "learning_rate_schedule" not in final.training
    assert "snapshots" not in final.training
    assert configuration.dataset["train_subset"] == 500
    assert configuration.dataset["validation"] == 500


def first(space):
    values = {}
    for name, parameter in space.parameters.items():
        if name in space.active(values):
            values[name] = parameter.value_at(0) if parameter.size is not None else parameter.min
    return values


@pytest.mark.parametrize("more", ["", ", iterations: 2", ", enqueue: [{}]"])
def test_hyperband_becomes_random(read: Loader, more):
    smoke = read(small(search=f"backend: hyperband, max_epochs: 27{more}").replace("epochs: 4, ", "")).smoke()

    assert (smoke.search.backend, smoke.search.max_trials, smoke.epochs) == ("random", 2, 1)


def test_a_parameter_of_a_schedule_goes_with_it(read: Loader):
    space = read(
        parameters="kind: [flat, falling], w: {type: int, min: 0, max: 2, when: {kind: falling}}, "
        "f: {type: float, min: 0.1, max: 0.5}",
        model="Dropout: $f",
        training="learning_rate_schedule: {switch: $kind, cases: {flat: none, falling: {cosine: {warmup: $w}}}}",
    )

    assert list(space.smoke().parameters) == ["f"]


def test_a_small_data_set_is_used_whole(read: Loader):
    smoke = read(small().replace("name: cifar10", "name: npz, path: set.npz")).smoke()

    assert "train_subset" not in smoke.configuration({}).dataset


def test_a_simulated_study_keeps_its_parameters(read: Loader):
    text = "study: s\nparameters: {a: [1, 2]}\ntraining: {trainer: simulated, epochs: 9}\nsearch: {max_trials: 9}"

    assert list(read(text).smoke().parameters) == ["a"]
