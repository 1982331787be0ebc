"""The `model` section, and what is left out when a reference is inactive."""

from __future__ import annotations

import pytest
from tests.space.conftest import Complaints, Loader, small

from hpsearch.errors import BuildError

OPTIMIZER = "optimizer: [adam, sgd], momentum: {type: float, min: 0.5, max: 0.9, when: {optimizer: sgd}}"


def test_an_item_is_a_name_arguments_or_the_first_argument(read: Loader):
    space = read(
        model="Conv2D: {filters: 4, kernel_size: 3}, BatchNormalization, MaxPooling2D: 2, "
        "Reshape: [64], Dense: 8, Dropout: 1/4"
    )

    assert space.configuration({}).layers == (
        {"Conv2D": {"filters": 4, "kernel_size": 3}},
        "BatchNormalization",
        {"MaxPooling2D": {"pool_size": 2}},
        {"Reshape": {"target_shape": [64]}},
        {"Dense": {"units": 8}},
        {"Dropout": {"rate": 0.25}},
    )


def test_classes_and_shape_come_from_the_data(read: Loader):
    space = read(model="Reshape: $input_shape, Dense: $classes, Dense: $(classes * 2)")

    assert space.configuration({}).layers == (
        {"Reshape": {"target_shape": [32, 32, 3]}},
        {"Dense": {"units": 10}},
        {"Dense": {"units": 20}},
    )


def test_an_argument_whose_reference_is_inactive_is_left_out(read: Loader):
    space = read(
        parameters="a: [relu, leaky_relu], s: {type: float, min: 0.1, max: 0.3, when: {a: leaky_relu}}, "
        "r: [no, yes], l2: {type: float, min: 0, max: 1, when: {r: yes}}",
        model="Activation: {activation: $a, negative_slope: $s}, LeakyReLU: $s, LeakyReLU: {negative_slope: $(s * 2)}, "
        "Dense: {units: 3, kernel_regularizer: {l2: $l2}}",
    )

    assert space.configuration({"a": "relu", "r": "no"}).layers == (
        {"Activation": {"activation": "relu"}},
        "LeakyReLU",
        "LeakyReLU",
        {"Dense": {"units": 3}},
    )
    assert space.configuration({"a": "leaky_relu", "s": 0.1, "r": "yes", "l2": 0.5}).layers == (
        {"Activation": {"activation": "leaky_relu", "negative_slope": 0.1}},
        {"LeakyReLU": {"negative_slope": 0.1}},
        {"LeakyReLU": {"negative_slope": 0.2}},
        {"Dense": {"units": 3, "kernel_regularizer": {"l2": 0.5}}},
    )


def test_the_optimizers_momentum_comes_and_goes(read: Loader):
    space = read(parameters=OPTIMIZER, optimizer="{name: $optimizer, momentum: $momentum}")

    assert space.configuration({"optimizer": "adam"}).training["optimizer"] == {"name": "adam"}
    assert space.configuration({"optimizer": "sgd", "momentum": 0.7}).training["optimizer"] == {
        "name": "sgd",
        "momentum": 0.7,
    }


def test_repeats_nest_and_may_be_empty(read: Loader):
    space = read(
        parameters="n: {type: int, min: 0, max: 2}",
        model="{repeat: $n, as: block, layers: [{repeat: 2, layers: [Dense: $(8 * 2 ** block + i)]}, "
        "Dropout: $(0.1 * block)]}, Dense: 3",
    )

    assert space.configuration({"n": 0}).layers == ({"Dense": {"units": 3}},)
    units = [layer["Dense"]["units"] for layer in space.configuration({"n": 2}).layers if "Dense" in layer]
    assert units == [8, 9, 16, 17, 3]


def test_a_switch_stands_for_any_value(read: Loader):
    space = read(
        parameters="a: [1, true, '1', null], n: [1, 2, 3]",
        model="{switch: $a, cases: {1: [Flatten, Dense: 1], true: Flatten, '1': [], null: {Dense: 7}}}, "
        "Dense: {units: {switch: $(n % 2), cases: {0: 4, 1: $n}}}, {repeat: 2, "
        "layers: [{switch: $i, cases: {0: Flatten}, default: {Dense: 9}}]}",
    )

    assert space.configuration({"a": 1, "n": 2}).layers == (
        "Flatten",
        {"Dense": {"units": 1}},
        {"Dense": {"units": 4}},
        "Flatten",
        {"Dense": {"units": 9}},
    )
    assert space.configuration({"a": True, "n": 3}).layers[:2] == ("Flatten", {"Dense": {"units": 3}})
    assert space.configuration({"a": "1", "n": 1}).layers[0] == {"Dense": {"units": 1}}
    assert space.configuration({"a": None, "n": 1}).layers[0] == {"Dense": {"units": 7}}


def test_residual_blocks_hold_layers(read: Loader):
    space = read(parameters="n: [1, 2]", model="{residual: [{repeat: $n, layers: [Dense: 4]}]}")

    assert space.configuration({"n": 2}).layers == ({"residual": [{"Dense": {"units": 4}}, {"Dense": {"units": 4}}]},)


def test_a_combination_without_a_value_is_a_build_error(read: Loader):
    space = read(
        parameters="u: {type: int, min: 1, max: 3}, v: {type: int, min: 0, max: 2}", model="Dense: $(4 // abs(u - v))"
    )

    assert space.configuration({"u": 3, "v": 1}).layers == ({"Dense": {"units": 2}},)
    with pytest.raises(BuildError, match="divides by zero"):
        space.configuration({"u": 1, "v": 1})


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("Flaten", "`Flaten` is not a layer; did you mean `Flatten`?"),
        ("conv2d: 3", "did you mean `Conv2D`?"),
        ("Dense: {unit: 3}", "`Dense` has no argument `unit`; did you mean `units`?"),
        ("Dense", "`Dense` needs `units`"),
        ("Dense: {}", "`Dense` needs `units`"),
        ("Dense: -1", "units from 1, not -1"),
        ("Dense: {units: 3, activation: rlu}", "`rlu` is not an activation; did you mean `relu`?"),
        ("Dense: {units: 3, activation: None}", "written null"),
        ("Dense: {units: 3, kernel_regularizer: {l3: 1}}", "`kernel_regularizer` has no `l3`"),
        ("Dense: {units: 3, kernel_regularizer: {l2: -1}}", "a number from 0 was expected"),
        ("Dense: {units: 3, 4: 5}", "The key 4 is not text"),
        ("Input: [3]", "`Input` is added by itself"),
        ("Activation: {activation: leaky_relu, alpha: 0.1}", "Keras 3 says negative_slope"),
        ("Activation: {activation: tanh, negative_slope: 0.1}", "`tanh` takes no `negative_slope`"),
        ("Activation: rlu", "did you mean `relu`?"),
        ("{Flatten: }", "nothing after its colon"),
        ("3", "3 is no layer"),
        ("[Flatten]", "is no layer"),
        ("{Dense: 3, Dropout: 0.1}", "stand in one item"),
        ("{}", "{} is no layer"),
        ("{repeat: 2}", "needs `layers`"),
        ("{repeat: 2, layer: [Flatten]}", "did you mean `layers`?"),
        ("{repeat: -1, layers: [Flatten]}", "a whole number from 0"),
        ("{repeat: 1.5, layers: [Flatten]}", "a whole number from 0"),
        ("{repeat: 5000, layers: [Flatten]}", "at most 1000"),
        ("{repeat: 2, layers: Flatten}", "a list of layers was expected"),
        ("{repeat: 2, as: max, layers: [Flatten]}", "is a built-in name"),
        ("{repeat: 2, as: lambda, layers: [Flatten]}", "is a built-in name"),
        ("{repeat: 2, layers: [{repeat: 2, layers: [Flatten]}]}", "has the counter `i` already"),
        ("{residual: []}", "a list of layers was expected"),
        ("{switch: x, cases: {x: Flatten}}", "a reference such as `$name` was expected"),
        ("{switch: $(1), case: {1: Flatten}}", "did you mean `cases` in the place of `case`?"),
        ("{switch: $(1), case: {a: Flatten}}", "did you mean `cases`?"),
        ("{switch: $(1)}", "needs `cases`"),
        ("{switch: $(1), cases: {2: Flatten}, default: Flatten}", "The case 2 is never met"),
        ("Dense: $nothing", "There is no parameter or constant `nothing`"),
        ("Dense: $i", "There is no parameter or constant `i`"),
        ("Dense: $model_parameters", "stands in `constraints` alone"),
        ("Dense: $(8 / 0)", "divides by zero"),
        ("Dense: $(a < 3)", "comparisons belong in `constraints`"),
        ("Dense: {units: u$classes}", "mixes a reference"),
    ],
)
def test_an_unsound_layer_is_one_mistake(complaints: Complaints, model, sentence):
    found = complaints(model=model)

    assert len(found) == 1
    assert found[0].startswith("4: ")
    assert sentence in found[0]


def test_a_model_is_a_list_with_layers(complaints: Complaints):
    assert "has no layers" in complaints(model="")[0]
    text = small().replace("model: [Flatten, Dense: $classes]", "model: Flatten")
    assert complaints(text) == ["4: `model` is `Flatten`, but a list of layers was expected."]


@pytest.mark.parametrize(
    ("parameters", "model", "sentence"),
    [
        (
            OPTIMIZER,
            (
                "Dropout: $momentum, Dense: {units: 3, activation: {switch: $optimizer, "
                "cases: {adam: relu}, default: tanh}}"
            ),
            (
                "`Dropout` needs `rate`, "
                "but what stands there may be inactive: `momentum` is inactive when `optimizer` is `adam`."
            ),
        ),
        (
            "a: [1, 2], n: {type: int, min: 1, max: 2, when: {a: 1}}",
            "{repeat: $n, layers: [Dense: 3]}, Dense: $a",
            "`repeat` needs a number, but what stands there may be inactive: `n` is inactive when `a` is 2.",
        ),
        (
            "a: [1, 2], n: {type: choice, values: [x, y], when: {a: 1}}",
            "{switch: $n, cases: {x: [], y: []}}, Dense: $a",
            "A `switch` needs a value, but `$n` may be inactive: `n` is inactive when `a` is 2.",
        ),
        (
            "a: [1, 2], n: {type: int, min: 1, max: 2, when: {a: 1}}",
            "Reshape: [$n, 3], Dense: $a",
            "An item of a list cannot be left out, but `$n` may be inactive: `n` is inactive when `a` is 2.",
        ),
        (
            "a: [x, y, z]",
            "{switch: $a, cases: {x: Flatten, y: Flatten}}",
            "`$a` can be `z`, which has no case; add it, or a `default`.",
        ),
        (
            "a: {type: float, min: 0, max: 1}",
            "{switch: $a, cases: {0: Flatten, 1: Flatten}}",
            "so this switch needs a `default`.",
        ),
        (
            "a: [1, 2]",
            "{switch: $a, cases: {1: Flatten, '2': Dense}, default: Flatten}",
            "The case `2` is never met: `$a` can be 1 or 2 here.",
        ),
        ("u: [0, 1, 2]", "Dense: $u", "Dense takes units from 1, not 0 (with `u` 0)."),
        (  # of two, the one that the fault changes with
            "a: [relu, tanh], u: {type: int, min: -2, max: 0}",
            "Dense: {units: $u, activation: $a}",
            "Dense takes units from 1, not -2 (with `u` -2).",
        ),
        (  # what is not there cannot be inactive
            OPTIMIZER,
            "Dense: {activation: {switch: $optimizer, cases: {adam: relu}, default: tanh}}, LeakyReLU: $momentum",
            "`Dense` needs `units`.",
        ),
        (
            "r: {type: float, min: 0, max: 1}",
            "Dropout: $r",
            "Dropout takes a rate from 0 to 1, not 1.0 (with `r` 1.0).",
        ),
        ("f: [relu, rlu]", "Activation: $f", "`rlu` is not an activation; did you mean `relu`?"),
        ("l: [Flatten, Flaten]", "$l", "`Flaten` is not a layer; did you mean `Flatten`?"),
        ("t: [3, relu]", "Dense: $(t * 2)", "arithmetic takes numbers, but `t` is `relu` (with `t` `relu`)."),
        (
            "k: [1, 3]",
            "Conv2D: {filters: 3, kernel_size: 2, strides: $k}",
            "strides up to its kernel_size (with `k` 3).",
        ),
    ],
)
def test_every_value_is_checked_where_it_is_used(complaints: Complaints, parameters, model, sentence):
    found = complaints(parameters=parameters, model=model)

    assert len(found) == 1
    assert found[0].endswith(sentence)


@pytest.mark.parametrize(
    ("parameters", "model"),
    [
        # in a case only the values that lead there count
        (
            "a: [1, 2], r: {type: float, min: 0.1, max: 0.2, when: {a: 1}}",
            "{switch: $a, cases: {1: [Dropout: $r], 2: Flatten}}",
        ),
        ("a: [0, 3]", "{switch: $a, cases: {0: Flatten, 3: [Dense: $a]}}"),
        ("a: [0, 3, 4]", "{switch: $a, cases: {0: Flatten}, default: [Dense: $a]}"),
        ("a: [0, 3]", "Dense: {units: {switch: $a, cases: {0: 1, 3: $a}}}"),
        # inside a repeat only counts above 0
        ("n: {type: int, min: 0, max: 2}", "{repeat: $n, layers: [Dense: $n]}, Dense: 3"),
        # a family's current member is active
        (
            "n: {type: int, min: 0, max: 2}, u: {type: int, min: 1, max: 2, each: $n}",
            "{repeat: $n, layers: [Dense: $u]}, Dense: 3",
        ),
        # an argument that only other functions take
        (
            "a: [relu, elu, leaky_relu], s: {type: float, min: 0.1, max: 0.2}",
            "Activation: {activation: $a, negative_slope: $s, alpha: $s}",
        ),
        # two parameters that only some combinations of fail
        ("k: [1, 3], s: [1, 2]", "Conv2D: {filters: 3, kernel_size: $k, strides: $s}"),
    ],
)
def test_only_values_that_reach_a_place_are_checked_there(complaints: Complaints, parameters, model):
    assert complaints(parameters=parameters, model=model) == []


def test_an_expression_may_give_a_whole_float(read: Loader):
    space = read(parameters="u: [8, 16]", model="Dense: $(u / 2)")

    assert space.configuration({"u": 8}).layers == ({"Dense": {"units": 4.0}},)


def test_layers_of_ones_own_are_seen(read: Loader):
    assert read(model="'my.layers:Block': {size: 3}, Dense: 3").uses_custom
    assert not read().uses_custom


def test_a_model_in_which_nothing_varies_is_built_at_once(complaints: Complaints):
    layers = "{repeat: $n, layers: [Flatten]}, Dense: $classes"

    assert complaints(parameters="n: 101", model=layers) == ["4: A model has at most 100 layers."]
    assert complaints(parameters="n: [1, 101]", model=layers) == []  # found when it is drawn


def test_a_model_of_too_many_layers_is_a_build_error(read: Loader):
    space = read(parameters="n: [1, 1000]", model="{repeat: $n, as: j, layers: [{repeat: $n, layers: [Dense: 3]}]}")

    with pytest.raises(BuildError, match="more than 10,000 layers"):
        space.configuration({"n": 1000})
