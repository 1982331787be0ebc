"""Models from layers as data."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from hpsearch.errors import BuildError, OutOfMemory
from hpsearch.training.building import build_model


def classes_of(model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def built(*layers, shape=(8, 8, 1), **options):
    return build_model(layers, shape, **options)


def test_a_layer_takes_nothing_one_value_or_arguments():
    model = built({"Conv2D": {"filters": 4, "kernel_size": 3}}, {"MaxPooling2D": 2}, "Flatten", {"Reshape": [6, 6]})

    assert classes_of(model) == ["InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Reshape"]
    assert model.output_shape == (None, 6, 6)


def test_names_follow_from_the_place_in_the_model_however_many_were_built_before():
    layers = [{"Dense": 4}, {"Dense": 4}, {"Activation": {"activation": "celu", "alpha": 0.5}}, {"Dropout": 0.2}]

    names = [[operation.name for operation in build_model(layers, (4,)).operations] for _ in range(2)]

    assert names[0] == names[1] == ["input", "dense", "dense_1", "celu", "dropout"]


def test_variables_have_the_same_paths_in_every_model():
    paths = [[variable.path for variable in built("Flatten", {"Dense": 4}).variables] for _ in range(2)]

    assert paths[0] == paths[1] == ["dense/kernel", "dense/bias"]


def test_a_regularizer_is_a_mapping_of_l1_and_l2():
    model = built("Flatten", {"Dense": {"units": 4, "kernel_regularizer": {"l2": 0.01, "l1": 0.5}}})

    regularizer = model.get_layer("dense").kernel_regularizer
    assert (float(regularizer.l1), float(regularizer.l2)) == (0.5, pytest.approx(0.01))


@pytest.mark.parametrize(
    ("activation", "arguments", "layer"),
    [
        ("leaky_relu", {"negative_slope": 0.3}, "LeakyReLU"),
        ("elu", {"alpha": 0.3}, "ELU"),
        ("relu", {"max_value": 6.0}, "ReLU"),
        ("leaky_relu", {}, "Activation"),
    ],
)
def test_an_activation_with_arguments_is_the_plain_layer_of_keras(activation, arguments, layer):
    model = built({"Activation": {"activation": activation, **arguments}})

    assert classes_of(model)[1] == layer
    assert all(getattr(model.layers[1], key) == value for key, value in arguments.items())


def test_arguments_that_the_function_at_hand_does_not_take_are_left_out():
    model = built({"Activation": {"activation": "tanh", "negative_slope": 0.2}})

    assert classes_of(model)[1] == "Activation"


def test_an_activation_without_a_layer_of_its_own_keeps_its_argument_and_is_saved_as_plain_keras(tmp_path):
    model = built({"Activation": {"activation": "celu", "alpha": 0.5}}, shape=(3,))
    model.save(tmp_path / "model.keras")

    outputs = keras.models.load_model(tmp_path / "model.keras")(np.array([[-1.0, 0.0, 1.0]], "float32"))

    assert np.allclose(outputs, keras.ops.celu(np.array([[-1.0, 0.0, 1.0]], "float32"), alpha=0.5))


def test_a_convolution_takes_an_activation_by_name():
    model = built({"Conv2D": {"filters": 4, "kernel_size": 3, "activation": "leaky_relu"}})

    assert model.get_layer("conv2d").activation is keras.activations.leaky_relu


def test_a_whole_float_is_a_size():
    assert built("Flatten", {"Dense": {"units": 64.0}}).output_shape == (None, 64)


def test_a_residual_adds_its_input_to_its_output():
    model = built({"residual": [{"Dense": {"units": 1, "kernel_initializer": "zeros"}}]}, shape=(1,))

    assert "dense_1" not in [layer.name for layer in model.layers]
    assert model(np.array([[3.0]], "float32")).item() == 3.0


def test_a_residual_projects_its_input_by_a_convolution_with_the_strides_that_are_missing():
    inner = {"Conv2D": {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}}
    model = built({"residual": [inner]}, shape=(7, 8, 3))

    projection = model.get_layer("conv2d_1")
    assert (projection.filters, projection.kernel_size, projection.strides) == (6, (1, 1), (2, 2))
    assert projection.use_bias
    assert model.output_shape == (None, 4, 4, 6)


def test_a_residual_of_a_flat_input_projects_by_a_dense_layer():
    model = built({"residual": [{"Dense": 7}]}, shape=(3,))

    assert model.output_shape == (None, 7)
    assert model.count_params() == 2 * (3 * 7 + 7)


def test_residuals_nest():
    model = built({"residual": [{"residual": [{"Dense": 7}]}, {"Dense": 5}]}, shape=(3,))

    assert classes_of(model).count("Add") == 2
    assert model.output_shape == (None, 5)


def test_a_residual_whose_sizes_do_not_come_out_equal_cannot_be_built():
    with pytest.raises(BuildError, match=r"strides of 2x2 bring an input of 8x8x1 to 4x4x4, not to the output's 6x6x4"):
        built({"residual": [{"Conv2D": {"filters": 4, "kernel_size": 3}}]})


def test_a_residual_around_flatten_cannot_be_built():
    with pytest.raises(BuildError, match="an input of 8x8x1 cannot be added to an output of 64"):
        built({"residual": ["Flatten"]})


def test_a_trainer_can_make_the_layers_itself():
    made = []

    def make(name, layer, arguments):
        made.append((name, arguments["name"]))
        return layer(**arguments)

    built("Flatten", {"Dropout": 0.5}, {"residual": [{"Dense": 3}]}, make=make)

    expected = [("Flatten", "flatten"), ("Dropout", "dropout"), ("Dense", "dense"), ("Dense", "dense_1")]
    assert made == [*expected, ("residual", "add")]


def test_a_layer_of_ones_own_is_imported(monkeypatch, tmp_path):
    (tmp_path / "own_layers.py").write_text(
        "import keras\n"
        "class Doubling(keras.layers.Layer):\n"
        "    def __init__(self, factor=2.0, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.factor = factor\n"
        "    def call(self, tensor):\n"
        "        return tensor * self.factor\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    model = built({"own_layers:Doubling": 3.0}, shape=(1,))

    assert model(np.array([[2.0]], "float32")).item() == 6.0


def test_a_mistake_in_a_layer_of_ones_own_is_told_in_its_own_words(monkeypatch, tmp_path):
    (tmp_path / "faulty_layers.py").write_text(
        "import keras\n"
        "class Faulty(keras.layers.Layer):\n"
        "    def call(self, tensor):\n"
        "        return tensor * self.factor\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(BuildError, match="cannot be built: 'Faulty' object has no attribute 'factor'"):
        built("faulty_layers:Faulty", shape=(1,))


def test_a_layer_that_overflows_on_what_lies_in_memory_is_built_all_the_same(monkeypatch, tmp_path):
    (tmp_path / "steep_layers.py").write_text(
        "import keras\n"
        "class Steep(keras.layers.Layer):\n"
        "    def call(self, tensor):\n"
        "        return keras.ops.exp(tensor * 0 + 1_000.0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert built("steep_layers:Steep", shape=(1,)).output_shape == (None, 1)


def test_a_layer_of_ones_own_is_refused_where_it_may_not_be_imported():
    with pytest.raises(BuildError, match="only be named in a file given on the command line"):
        built({"os:path": {}}, custom=False)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"Conv2D": {"filters": -1, "kernel_size": 3}}], "Invalid value for argument `filters`"),
        ([{"Conv2D": {"filters": 4, "kernel_size": 9}}], "output size would be zero or negative"),
        (["Flatten", {"Conv2D": {"filters": 4, "kernel_size": 3}}], r"Conv2D \(layer 2\).*expected min_ndim=4"),
        (["Convolve"], "Convolve is not a layer of Keras"),
        ([{"Dense": {"units": 4, "kernel_regularizer": {"l3": 1.0}}}], "a mapping of l1 and l2, not of l3"),
        ([{"nowhere:Layer": {}}], "cannot be imported: No module named 'nowhere'"),
        ([{"Reshape": [7]}], "total size of the tensor must be unchanged"),
        ([{"residual": [{"MaxPooling2D": 20}]}], "MaxPooling2D"),
        ([{"Dense": {"units": 3, "name": "a"}}, {"Dense": {"units": 3, "name": "a"}}], "name"),
    ],
)
def test_what_keras_refuses_is_one_sentence(layers, message):
    with pytest.raises(BuildError, match=message) as caught:
        build_model(layers, (8, 8, 1))

    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_device_without_room_is_no_impossible_model():
    def make(name, layer, arguments):
        raise MemoryError

    with pytest.raises(OutOfMemory):
        built("Flatten", make=make)
