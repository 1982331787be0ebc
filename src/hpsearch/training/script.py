"""A configuration as a Keras script that needs nothing of this project."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hpsearch.errors import ConfigError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.configuration import Configuration
from hpsearch.space.values import Plain
from hpsearch.study import Objective
from hpsearch.training.building import layer_names
from hpsearch.training.layer_calls import layer_call, parse, signature_of
from hpsearch.training.script_calls import arguments_text, call_text, name_and_arguments
from hpsearch.training.script_data import DRAW, ScriptData, script_data
from hpsearch.training.script_training import compile_lines, ensemble_lines, fit_lines, needs_one_hot

_APPLY = '''\
def apply(layers, tensor):
    """The tensor after all layers."""
    for layer in layers:
        tensor = layer(tensor)
    return tensor
'''
_RESIDUAL = '''\
def residual(*layers):
    """Layers whose input is added to their output, through a projection where the shapes differ."""

    def call(tensor):
        branch = apply(layers, tensor)
        if tensor.shape != branch.shape:
            strides = [-(-before // after) for before, after in zip(tensor.shape[1:-1], branch.shape[1:-1])]
            units = branch.shape[-1]
            if strides:
                name = f"Conv{len(strides)}D"
                tensor = getattr(keras.layers, name)(units, kernel_size=1, strides=strides)(tensor)
            else:
                tensor = keras.layers.Dense(units)(tensor)
        return keras.layers.Add()([tensor, branch])

    return call
'''
_EVALUATE = """\
# The test split is used here and nowhere else.
for name, value in model.evaluate(x_test, y_test, verbose=0, return_dict=True).items():
    print(f"test {name}: {value:.4f}")
"""


def keras_script(
    configuration: Configuration,
    facts: DataFacts,
    objective: Objective,
    *,
    seed: int = 1,
    split_seed: int = 1,
    data_dir: str | None = None,
    title: str = "One configuration of a hyperparameter search, in plain Keras.",
) -> str:
    """Python text that loads the data, trains the configuration with plain Keras and prints its test scores.

    It needs Keras and NumPy (digits: scikit-learn too). Training, validation and test images are exactly the
    study's. Weights and data order are seeded, but drawn by Keras in its own way, so scores come out near the
    study's and not equal.

    Args:
        configuration: of a trial or a retrain.
        facts: of its data set.
        objective: decides which weights are kept.
        seed: of weights and data order, 0 .. 2**31 - 1.
        split_seed: the study's seed.
        data_dir: where ``NAME.npz`` data sets lie.
        title: the script's docstring, one line.

    Raises:
        ConfigError: the configuration trains no Keras model, or a short script cannot load its data.
    """
    training = configuration.training
    if training.get("trainer", "keras") != "keras":
        raise ConfigError(f"A {training['trainer']} training has no Keras script: there is no model in it.")
    compiling = compile_lines(training, objective)
    ensemble = ensemble_lines(training, facts.classes)
    data = script_data(configuration.dataset, facts, split_seed, data_dir)
    imports = [f"import {module}" for module in ("keras", "numpy as np", *_own_modules(configuration))]
    sections = [
        f'"""{title}"""',
        "\n".join([*imports, *data.imports]),
        DRAW,
        _APPLY + ("\n\n" + _RESIDUAL if "residual" in layer_names(configuration.layers) else ""),
        f"keras.utils.set_random_seed({seed})",
        *(['keras.config.set_dtype_policy("mixed_float16")'] if training.get("mixed_precision") else []),
        "\n".join([*data.lines, *_one_hot_lines(training, objective, facts, data)]),
        "\n".join([*_augmentation_lines(training, data), *_model_lines(configuration.layers, facts, data)]),
        "\n".join(compiling),
        "\n".join(fit_lines(configuration, objective, data)),
        *(["\n".join([*ensemble, *compiling])] if ensemble else []),
        *([_EVALUATE] if data.has_test else []),
    ]
    text = "\n\n".join(section.rstrip() for section in sections)
    text = re.sub(r"\n+(?=(def|class) )", "\n\n\n", text)  # two empty lines around every definition
    return re.sub(r"(?<=\n    return call)\n+|(?<=\n    return tensor)\n+(?=keras)", "\n\n\n", text) + "\n"


def _model_lines(layers: Sequence[Plain], facts: DataFacts, data: ScriptData) -> list[str]:
    lines, first = [], []
    if data.rescale == "standardize":
        lines = ["standardize = keras.layers.Normalization()", "standardize.adapt(x_train)"]
        first = ["standardize"]
    elif data.rescale is not None:
        first = [f"keras.layers.Rescaling({data.rescale!r})"]
    listed = [f"    {text}," for text in (*first, *map(_layer, layers))]
    lines += ["layers = [", *listed, "]", f"inputs = keras.Input({facts.input_shape!r})"]
    return [*lines, "model = keras.Model(inputs, apply(layers, inputs))", "model.summary()"]


def _layer(item: Plain) -> str:
    """An item of a model as an expression that can be called with a tensor."""
    name, value = parse(item)
    if name == "residual":
        return f"residual({', '.join(map(_layer, value))})"
    call = layer_call(name, value)
    if call.layer is None:
        return f"lambda tensor: keras.ops.{call.function}(tensor, {arguments_text(call.arguments)})"
    return call_text(name if ":" in name else call.layer, call.arguments)


def _augmentation_lines(training: Mapping[str, Plain], data: ScriptData) -> list[str]:
    if not training.get("augmentation"):
        return []
    texts = []
    for item in training["augmentation"]:
        name, value = parse(item)
        call = layer_call(name, value)
        assert call.layer is not None
        arguments = dict(call.arguments)
        if "value_range" in signature_of(call.layer).arguments:
            arguments.setdefault("value_range", data.value_range)
        texts.append(call_text(name if ":" in name else call.layer, arguments))
    return ["augmentation = [", *(f"    {text}," for text in texts), "]"]


def _one_hot_lines(
    training: Mapping[str, Plain], objective: Objective, facts: DataFacts, data: ScriptData
) -> list[str]:
    if not needs_one_hot(training, objective):
        return []
    parts = ["train", *(["validation"] if data.has_validation else []), *(["test"] if data.has_test else [])]
    return [f"y_{part} = keras.utils.to_categorical(y_{part}, {facts.classes})" for part in parts]


def _own_modules(configuration: Configuration) -> list[str]:
    """Modules of layers, losses, metrics, ... of one's own."""
    training = configuration.training
    optimizer = training.get("optimizer")
    wishes = [training.get("loss"), *training.get("metrics", ()), *(training.get("augmentation") or ())]
    names = {name_and_arguments(wish)[0] for wish in wishes} | set(layer_names(configuration.layers))
    names.add(str(optimizer.get("name")) if isinstance(optimizer, Mapping) else str(optimizer))
    return sorted({name.partition(":")[0] for name in names if ":" in name})
