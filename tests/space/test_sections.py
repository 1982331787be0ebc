"""Data, training, objective, search, limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.space.conftest import Complaints, Loader, small
from tests.space.plain_catalogue import PlainCatalogue

from hpsearch.errors import BuildError, SearchSpaceError
from hpsearch.space import DataFacts, load


def test_defaults_are_filled_in(read: Loader):
    space = read(parameters="u: [8, 16]", model="Dense: $u")
    configuration = space.configuration({"u": 8})

    assert space.seed == 1
    assert (space.objective.metric, space.objective.direction) == ("val_accuracy", "maximize")
    assert configuration.dataset == {"name": "cifar10", "validation": 0.1}
    assert configuration.training == {
        "trainer": "keras",
        "epochs": 4,
        "batch_size": 32,
        "optimizer": {"name": "adam"},
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    assert configuration.keep == "best"
    assert (space.retrain.top, space.retrain.repeats, space.retrain.changes) == (1, 1, False)
    assert space.limits.epoch_timeout == 600
    assert (space.limits.retries, space.limits.max_consecutive_failures) == (1, 5)
    assert space.facts == DataFacts(10, (32, 32, 3), 50_000)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("study: small", "study: 123"), "1: `study` is 123, but text was expected"),
        (("study: small", "study: a/b"), "1: `study` is `a/b`"),
        (("study: small", "study: ''"), "1: `study` is ``"),
        (("study: small", "studdy: small"), "1: The space has no key `studdy`; did you mean `study`?"),
        (("study: small", "study: small\ndescription: 3"), "2: `description` is 3"),
        (("study: small", "study: small\nseed: -1"), "2: `seed` is -1"),
        (("name: cifar10", "nam: cifar10"), "2: `dataset` has no key `nam`; did you mean `name`?"),
        (("name: cifar10", "name: cifar"), "2: `cifar` is not a data set; did you mean `cifar10`?"),
        (("name: cifar10", "name: cifar10, validation: 0"), "2: `validation` is 0"),
        (("name: cifar10", "name: cifar10, validation: 1.0"), "2: `validation` is 1, which is all the images"),
        (("name: cifar10", "name: cifar10, validation: 60000"), "there are only 50000 training images"),
        (("name: cifar10", "name: cifar10, validation: $v"), "is a reference"),
        (("name: cifar10", "name: cifar10, validtion: 0.2"), "did you mean `validation`?"),
        (("name: cifar10", "name: cifar10, path: a.npz"), "has no key `path`"),
        (("name: cifar10", "name: cifar10, train_subset: -1"), "`train_subset` is -1"),
        (("name: cifar10", "name: npz"), "needs `path`"),
        (("name: cifar10", "name: npz, path: missing.npz"), "There is no data file"),
        (("name: cifar10", "name: npz, path: own.npz, validation: 0.1"), "has validation images of its own"),
        (("epochs: 4", "epochs: 0"), "5: `epochs` is 0, but a whole number from 1"),
        (("epochs: 4", "epoch: 4"), "5: `training` has no key `epoch`; did you mean `epochs`?"),
        (("epochs: 4, ", ""), "5: `training` needs `epochs`."),
        (("optimizer: adam", "optimizer: adm"), "`adm` is not an optimizer; did you mean `adam`?"),
        (("optimizer: adam", "optimizer: {learning_rate: 0.1}"), "`optimizer` needs `name`"),
        (("optimizer: adam", "optimizer: {name: adam, momentum: 0.9}"), "`adam` has no argument `momentum`"),
        (("optimizer: adam", "optimizer: {name: adam, learnig_rate: 0.9}"), "did you mean `learning_rate`?"),
        (("optimizer: adam", "optimizer: 3"), "`optimizer` is 3"),
        (("loss: sparse_categorical_crossentropy", "loss: crossentropy"), "`crossentropy` is not a loss"),
        (
            ("loss: sparse_categorical_crossentropy", "loss: {CategoricalCrossentropy: {label_smothing: 1}}"),
            "did you mean `label_smoothing`?",
        ),
        (("optimizer: adam", "optimizer: adam, metrics: accuracy"), "a list such as [accuracy] was expected"),
        (("optimizer: adam", "optimizer: adam, metrics: [acuracy]"), "did you mean `accuracy`?"),
        (("optimizer: adam", "optimizer: adam, metrics: [accuracy, accuracy]"), "stored under the name `accuracy`"),
        (("optimizer: adam", "optimizer: adam, batch_size: 0.5"), "`batch_size` is 0.5"),
        (("optimizer: adam", "optimizer: adam, mixed_precision: 1"), "true or false was expected"),
        (("optimizer: adam", "optimizer: adam, augmentation: [RandomFlp]"), "did you mean `RandomFlip`?"),
        (("optimizer: adam", "optimizer: adam, augmentation: [RandomRotation]"), "needs `factor`"),
        (("optimizer: adam", "optimizer: adam, augmentation: RandomFlip"), "a list of layers or none was expected"),
        (("optimizer: adam", "optimizer: adam, early_stopping: {monitor: val_los}"), "did you mean `val_loss`?"),
        (
            ("optimizer: adam", "optimizer: adam, early_stopping: {patiense: 3}"),
            "`early_stopping` has no argument `patiense`",
        ),
        (("optimizer: adam", "optimizer: adam, reduce_on_plateau: 3"), "`reduce_on_plateau` is 3"),
        (("optimizer: adam", "optimizer: adam, learning_rate_schedule: {cosin: {}}"), "did you mean `cosine`?"),
        (
            ("optimizer: adam", "optimizer: adam, learning_rate_schedule: {steps: {0: 1}}"),
            "epochs are whole numbers from 1",
        ),
        (("optimizer: adam", "optimizer: adam, learning_rate_schedule: {steps: {}}"), "a mapping of epochs to factors"),
        (
            ("optimizer: adam", "optimizer: adam, learning_rate_schedule: {steps: [[2, 0.1], [2, 0.5]]}"),
            "the epoch 2 twice",
        ),
        (("optimizer: adam", "optimizer: adam, early_stopping: []"), "a mapping of Keras's arguments or none"),
        (("optimizer: adam", "optimizer: {nam: adam}"), "`optimizer` has no `nam`; did you mean `name`?"),
        (("optimizer: adam", "optimizer: adam, learning_rate_schedule: {every: 3}"), "needs `factor`"),
        (("optimizer: adam", "optimizer: adam, learning_rate_schedule: {every: 3, factor: 0}"), "a number above 0"),
        (
            ("optimizer: adam", "optimizer: adam, learning_rate_schedule: {cosine: {warmup: -1}}"),
            "a whole number from 0",
        ),
        (
            ("optimizer: adam", "optimizer: adam, learning_rate_schedule: {cyclic: {cycles: 3}}"),
            "3 cycles do not divide 4 epochs",
        ),
        (
            ("optimizer: adam", "optimizer: adam, learning_rate_schedule: {cyclic: {cycles: 2, shape: round}}"),
            "cosine or triangular",
        ),
        (
            ("optimizer: adam", "optimizer: adam, learning_rate_schedule: {cyclic: {cycles: 2}, cosine: {}}"),
            "one of steps, every, cosine or cyclic",
        ),
        (("optimizer: adam", "optimizer: adam, trainer: kears"), "did you mean `keras`?"),
        (("max_trials: 3", "max_trials: 0"), "6: `max_trials` is 0"),
        (("max_trials: 3", "max_trails: 3"), "did you mean `max_trials`?"),
        ((", max_trials: 3", ""), "6: The search backend `random` needs `max_trials`."),
        (("backend: random", "backend: rndom"), "did you mean `random`?"),
        (("backend: random", "backend: optuna, sampler: tpee"), "did you mean `tpe`?"),
        (("backend: random", "backend: optuna, pruner: medan"), "did you mean `median`?"),
        (("backend: random", "order: numbers, backend: random"), "did you mean `number`?"),
        (("backend: random", "lag: -1, backend: random"), "`lag` is -1"),
        (("backend: random", "factor: 3, backend: random"), "has no key `factor`"),
        (("backend: random, max_trials: 3", "backend: hyperband, max_epochs: 9"), "leave `training.epochs` out"),
        (("max_trials: 3", "max_trials: $n"), "is a reference"),
        (("max_trials: 3", "max_trials: 3, enqueue: [3]"), "a mapping of parameters to values"),
        (("max_trials: 3", "max_trials: 3, enqueue: [{u: 1}]"), "There is no parameter `u`"),
        (("max_trials: 3", "max_trials: 3, enqueue: [{u: $v}]"), "`$v` is a reference"),
        (("max_trials: 3", "max_trials: 3, 4: 5"), "6: The key 4 is not text"),
        (("model:", "4: 5\nmodel:"), "4: The key 4 is not text"),
        (("study: small", 'study: "small\\n"'), "`study` is `small\\n`, but a name was expected: 1 to 64 letters"),
        (
            ("search:", "objective: {metric: val_acuracy}\nsearch:"),
            "6: `val_acuracy` is no metric of this study; did you mean `val_accuracy`?",
        ),
        (("search:", "objective: {metric: val_loss, direction: maximize}\nsearch:"), "is against its sense"),
        (("search:", "objective: {direction: max}\nsearch:"), "expected maximize or minimize"),
        (("search:", "objective: {direction: }\nsearch:"), "`direction` is null; expected maximize or minimize"),
        (("search:", "objective: val_loss\nsearch:"), "a mapping such as"),
        (("search:", "limits: {timeout: 2 hours}\nsearch:"), "a duration such as 90s, 10m or 2h"),
        (("search:", "limits: {timeout: 0s}\nsearch:"), "a duration such as"),
        (("search:", "limits: {target: high}\nsearch:"), "`target` is `high`"),
        (("search:", "limits: {retrys: 3}\nsearch:"), "did you mean `retries`?"),
        (("search:", "constraints: model_parameters < 3\nsearch:"), "a list such as"),
        (("search:", "constraints: [model_parameters]\nsearch:"), "a constraint is one comparison"),
        (("search:", "constraints: [model_params < 3]\nsearch:"), "did you mean `model_parameters`?"),
        (("search:", "constraints: [classes / 0 < 3]\nsearch:"), "divides by zero"),
        (("search:", "constraints: [3]\nsearch:"), "3 is no constraint"),
        (("model:", "modle:"), "4: The space has no key `modle`; did you mean `model`?"),
    ],
)
def test_a_mistake_in_a_section_is_told_once(complaints: Complaints, change, sentence):
    text = small()
    assert change[0] in text

    found = complaints(text.replace(*change, 1))

    assert len(found) == 1
    assert sentence in found[0]


def test_sections_that_must_be_there_are_missed(complaints: Complaints):
    found = complaints("description: nothing else")

    assert [complaint.partition(": ")[2] for complaint in found] == [
        f"The space needs `{section}`." for section in ("study", "dataset", "model", "training")
    ]


def test_several_mistakes_are_told_together_in_the_order_of_lines(complaints: Complaints):
    found = complaints(
        parameters="u: [8, 8], w: {type: int, min: 3, max: 1}",
        model="Flaten, Dense: $v",
        optimizer="adm",
        search="max_trials: x",
    )

    assert [complaint[0] for complaint in found] == ["3", "3", "4", "4", "5", "6"]


def test_words_of_the_language_turn_things_off(read: Loader):
    for off in ("none", "null", "[]"):
        space = read(training=f"augmentation: {off}")
        assert "augmentation" not in space.configuration({}).training
    space = read(training="early_stopping: none, reduce_on_plateau: null, learning_rate_schedule: none")
    assert set(space.configuration({}).training) == {"trainer", "epochs", "batch_size", "optimizer", "loss", "metrics"}


def test_training_is_put_into_its_normal_form(read: Loader):
    space = read(
        training="""augmentation: [RandomFlip: horizontal, RandomTranslation: {height_factor: 0.1, width_factor: 1/8}],
        early_stopping: {patience: 3}, learning_rate_schedule: {steps: {2: 0.1, 3: 1/100}}""",
        more="objective: {metric: val_loss}",
    )
    training = space.configuration({}).training

    assert training["augmentation"] == [
        {"RandomFlip": {"mode": "horizontal"}},
        {"RandomTranslation": {"height_factor": 0.1, "width_factor": 0.125}},
    ]
    assert training["early_stopping"] == {"patience": 3, "monitor": "val_loss"}
    assert training["learning_rate_schedule"] == {"steps": {"2": 0.1, "3": 0.01}}
    assert space.objective.direction == "minimize"


def test_a_combination_that_training_cannot_take_is_a_build_error(read: Loader):
    space = read(
        parameters="e: [4, 6], c: [2, 4]", epochs="$e", training="learning_rate_schedule: {cyclic: {cycles: $c}}"
    )

    assert space.epochs == 6
    assert space.epochs_of({"e": 4, "c": 2}) == 4
    assert space.configuration({"e": 4, "c": 4}).training["epochs"] == 4
    with pytest.raises(BuildError, match="4 cycles do not divide 6 epochs"):
        space.configuration({"e": 6, "c": 4})


def test_an_objective_of_ones_own_needs_a_direction(read: Loader, complaints: Complaints):
    training = "metrics: ['my.metrics:score']"

    space = read(training=training, more="objective: {metric: val_score, direction: minimize}")

    assert (space.objective.metric, space.objective.direction) == ("val_score", "minimize")
    assert space.uses_custom
    assert "`direction` must be given" in complaints(training=training, more="objective: {metric: val_score}")[0]


def test_a_metric_is_known_by_its_stored_name(read: Loader, complaints: Complaints):
    training = "metrics: [accuracy, F1Score: {average: macro}], early_stopping: {monitor: val_f1_macro}"

    assert read(training=training, more="objective: {metric: val_f1_weighted}").objective.direction == "maximize"
    assert complaints(training=training.replace("val_f1_macro", "val_f1_micro"))


def test_a_study_without_parameters_is_one_trial(read: Loader):
    space = read(small().replace("search: {backend: random, max_trials: 3}", ""))

    assert space.search.backend == "grid"
    assert space.parameters == {}
    assert space.configuration({}).layers[0] == "Flatten"


def test_hyperband_has_its_own_budget(read: Loader):
    text = small(search="backend: hyperband, max_epochs: 27").replace("epochs: 4, ", "")
    space = read(text)

    assert space.epochs == 27
    assert space.search.arguments == {"max_epochs": 27, "factor": 3, "iterations": 1}
    assert space.search.max_trials is None
    assert space.configuration({}).training["epochs"] == 27


def test_hyperband_plans_its_own_trials(complaints: Complaints):
    text = small(search="backend: hyperband, max_epochs: 27, max_trials: 3, factor: 1").replace("epochs: 4, ", "")

    assert len(complaints(text)) == 2
    assert "needs `max_epochs`" in complaints(small(search="backend: hyperband").replace("epochs: 4, ", ""))[0]


def test_optuna_has_its_defaults(read: Loader):
    space = read(search="backend: optuna, max_trials: 5, pruner: none")

    assert space.search.arguments == {"sampler": "tpe", "pruner": "none"}


def test_a_grid_is_finite(read: Loader, complaints: Complaints):
    (found,) = complaints(parameters="r: {type: float, min: 0, max: 0.5}", model="Dropout: $r", search="backend: grid")

    assert found.startswith("3: `r` is a float without `step`")
    assert read(parameters="r: [0, 0.5]", model="Dropout: $r", search="backend: grid").search.max_trials is None


def test_enqueued_configurations_are_checked_and_take_the_parameters_types(read: Loader, complaints: Complaints):
    parts = {
        "parameters": "a: [1, 2], b: {type: float, min: 0, max: 1, when: {a: 2}}, c: {type: int, min: 1, max: 9}",
        "model": "Dense: $c, LeakyReLU: $b, Dense: $a",
    }

    space = read(search="max_trials: 2, enqueue: [{c: 3.0, a: 1}, {a: 2, b: 1/2, c: 9}, {a: 1, c: 1}]", **parts)

    assert space.search.enqueue == ({"a": 1, "c": 3}, {"a": 2, "b": 0.5, "c": 9}, {"a": 1, "c": 1})
    assert isinstance(space.search.enqueue[0]["c"], int)
    found = complaints(
        search="max_trials: 2, enqueue: [{a: 1}, {a: 1, b: 0.5, c: 1}, {a: 3, c: 1}, {a: 2, b: 2, c: 1}]", **parts
    )
    assert len(found) == 4


def test_durations_are_seconds(read: Loader):
    limits = read(
        more="limits: {timeout: 2h, trial_timeout: 90s, epoch_timeout: 1.5m, target: 9/10, retries: 0}"
    ).limits

    assert (limits.timeout, limits.trial_timeout, limits.epoch_timeout, limits.target, limits.retries) == (
        7200,
        90,
        90,
        0.9,
        0,
    )


def test_constraints_hold_or_break(read: Loader):
    space = read(
        parameters="a: [1, 2, 3], b: {type: choice, values: [2], when: {a: [2, 3]}}",
        model="Dense: $a, LeakyReLU: $b",
        more='constraints: ["a <= b", "model_parameters <= 1000 * a", "1 <= a < 3 + classes"]',
    )

    assert space.broken_constraint({"a": 1}, 500) is None
    assert space.broken_constraint({"a": 1}, 1500) == "model_parameters <= 1000 * a"
    assert space.broken_constraint({"a": 2, "b": 2}, 1500) is None
    assert space.broken_constraint({"a": 3, "b": 2}, 1500) == "a <= b"


def test_a_constraint_without_a_value_is_a_build_error(read: Loader):
    space = read(
        parameters="a: [1, 2], b: [1, 2]", model="Dense: $a, Dense: $b", more='constraints: ["1 / (a - b) < 3"]'
    )

    with pytest.raises(BuildError, match="divides by zero"):
        space.broken_constraint({"a": 1, "b": 1}, 10)


def test_a_subset_may_be_searched(read: Loader):
    space = read(small(parameters="n: [0.5, 500]").replace("name: cifar10", "name: cifar10, train_subset: $n"))

    assert space.configuration({"n": 500}).dataset == {"name": "cifar10", "train_subset": 500, "validation": 0.1}


def test_paths_are_relative_to_the_file(tmp_path: Path, catalogue: PlainCatalogue):
    folder = tmp_path / "spaces"
    folder.mkdir()
    file = folder / "space.yaml"
    file.write_text(small().replace("name: cifar10", "name: npz, path: ../data/set.npz"))

    space = load(file, catalogue)

    assert space.configuration({}).dataset == {
        "name": "npz",
        "path": str(tmp_path / "data" / "set.npz"),
        "validation": 0.1,
    }
    assert space.decisive["dataset"]["path"] == "../data/set.npz"
    again = load(space.resolved, catalogue, base=tmp_path)
    assert (again, again.hash) == (space, space.hash)


def test_a_bare_name_may_lie_in_the_data_folder(tmp_path: Path, read: Loader):
    text = small().replace("name: cifar10", "name: npz, path: set.npz")

    assert read(text).configuration({}).dataset["path"] == "set.npz"
    (tmp_path / "set.npz").touch()
    assert read(text).configuration({}).dataset["path"] == str(tmp_path / "set.npz")


def test_data_with_validation_images_of_their_own_keep_them(read: Loader):
    space = read(small().replace("name: cifar10", "name: npz, path: own.npz"))

    assert "validation" not in space.configuration({}).dataset


def test_data_may_be_missing_where_they_are_not_needed(tmp_path: Path, catalogue: PlainCatalogue):
    file = tmp_path / "space.yaml"
    file.write_text(small().replace("name: cifar10", "name: npz, path: missing.npz"))

    assert load(file, catalogue, data_needed=False).facts is None
    with pytest.raises(SearchSpaceError, match=r"space.yaml:2: There is no data file"):
        load(file, catalogue)


def test_an_objective_on_validation_images_needs_some(complaints: Complaints):
    text = small().replace("name: cifar10", "name: cifar10, validation: none")

    assert "cannot be measured" in complaints(text)[0]


def test_a_simulated_study_needs_no_data_and_uses_every_parameter(read: Loader, complaints: Complaints):
    text = """
    study: curves
    parameters: {a: [1, 2], b: {type: float, min: 0, max: 1, when: {a: 2}}, noise: 0.1}
    training: {trainer: simulated, epochs: 9, noise: $noise, early_stopping: {patience: 2}}
    search: {max_trials: 5}
    """
    space = read(text)

    assert (space.trainer, space.epochs, space.facts) == ("simulated", 9, None)
    assert space.configuration({"a": 2, "b": 0.5}).training == {
        "trainer": "simulated",
        "epochs": 9,
        "noise": 0.1,
        "early_stopping": {"patience": 2, "monitor": "val_accuracy"},
        "parameters": {"a": 2, "b": 0.5},
    }
    assert space.configuration({"a": 1}).layers == ()
    assert "did you mean `noise`?" in complaints(text.replace("noise: $noise", "nois: $noise"))[0]
    assert "noise is -1" in complaints(text.replace("noise: 0.1", "noise: -1"))[0]
    assert "there is no `dataset`" in complaints(text.replace("noise: $noise", "noise: $classes"))[0]
