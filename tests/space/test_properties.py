"""What must hold for every space, and for everything that is none."""

from __future__ import annotations

import copy
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.space.plain_catalogue import PlainCatalogue

from hpsearch.errors import BuildError, SearchSpaceError
from hpsearch.space import Space, json_schema, load
from hpsearch.space.problems import Problems
from hpsearch.space.reading import read_text

CATALOGUE = PlainCatalogue()
SCHEMA = Draft202012Validator(json_schema(CATALOGUE))
TEXT = """\
study: everything
seed: 3
dataset: {name: cifar10, validation: 1/6, train_subset: $part}
parameters:
  base: 8
  part: [0.5, 500]
  n: {type: int, min: 0, max: 3}
  a: [relu, leaky_relu, elu]
  slope: {type: float, min: 0.1, max: 0.3, step: 0.1, when: {a: leaky_relu}}
  alpha: {type: float, min: 0.1, max: 0.3, when: {a: elu}}
  units: {type: int, min: $base, max: $(base * 4), step: 8, each: $n}
  act: {type: choice, values: [relu, leaky_relu], each: $n}
  tilt: {type: float, min: 0.01, max: 0.5, scale: log, each: $n, when: {act: leaky_relu}}
  optimizer: [adam, sgd]
  momentum: {type: float, min: 0.5, max: 0.9, when: {optimizer: sgd}}
  mixed: [1, true, '1', null]
model:
  - {repeat: $n, as: block, layers: [Dense: $units, Activation: {activation: $act, negative_slope: $tilt}]}
  - Activation: {activation: $a, negative_slope: $slope, alpha: $alpha}
  - {switch: $mixed, cases: {1: [Flatten], true: {Dense: 4}}, default: []}
  - {residual: [Dense: "$(max(base, 2) // 2)"]}
  - Dense: $classes
training:
  epochs: 6
  optimizer: {name: $optimizer, momentum: $momentum, learning_rate: {switch: $optimizer, cases: {adam: 1e-3, sgd: 0.1}}}
  loss: mean_squared_error
  metrics: [accuracy, F1Score: {average: weighted}]
  learning_rate_schedule: {steps: {2: 0.1, 4: 0.01}}
  early_stopping: {patience: 2}
objective: {metric: val_f1_weighted}
constraints: ["n <= 3", "slope * 2 <= 0.6"]
search: {backend: random, max_trials: 5, enqueue: [{part: 500, n: 0, a: relu, optimizer: adam, mixed: null}]}
limits: {timeout: 2h, target: 0.9}
retrain: {epochs: 12, learning_rate_schedule: {cyclic: {cycles: 3}}, snapshots: {count: 3}}
"""
DOCUMENT = read_text(TEXT, Problems(), None)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(),
    st.floats(),
    st.sampled_from(
        [
            "$n",
            "$(n * 2)",
            "$(1 / 0)",
            "$(",
            "$units",
            "none",
            "None",
            "1/6",
            "relu",
            "switch",
            "Dense",
            "2h",
            "$classes",
        ]
    ),
    st.text(max_size=8),
)
keys = st.one_of(
    st.sampled_from(
        [
            "switch",
            "cases",
            "default",
            "repeat",
            "layers",
            "as",
            "residual",
            "type",
            "values",
            "min",
            "max",
            "when",
            "each",
            "Dense",
            "name",
        ]
    ),
    st.text(max_size=6),
    st.integers(-2, 4),
    st.booleans(),
)
garbage = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
)


def attempt(source: Any) -> Space | None:
    """The space, or None where it is refused as it should be."""
    try:
        return load(source, CATALOGUE)
    except SearchSpaceError as error:
        problems = error.problems
    assert problems
    assert all(problem.message.strip() for problem in problems)
    return None


def sample(space: Space, seed: int) -> dict[str, Any]:
    """A configuration drawn parameter by parameter, as a search backend does."""
    draw = random.Random(seed)
    values: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        if name in space.active(values):
            size = parameter.size
            if size is not None:
                values[name] = parameter.value_at(draw.randrange(size))
            else:
                values[name] = draw.uniform(parameter.min or 0, parameter.max or 0)
    return values


def places(tree: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place, *(inner for key, value in below for inner in places(value, (*place, key)))]


PLACES = places(DOCUMENT)


def test_the_space_of_this_file_is_sound():
    assert attempt(DOCUMENT) is not None


def test_the_resolved_form_is_json_and_gives_the_same_space():
    space = load(DOCUMENT, CATALOGUE)
    again = load(json.loads(json.dumps(space.resolved)), CATALOGUE)

    assert again == space
    assert again.resolved == space.resolved
    assert again.hash == space.hash
    assert list(again.parameters) == list(space.parameters)
    for seed in range(50):
        values = sample(space, seed)
        assert again.configuration(values) == space.configuration(values)
        assert again.retrain_configuration(values) == space.retrain_configuration(values)


def test_the_yaml_of_a_space_made_from_a_mapping_gives_the_same_space(tmp_path: Path):
    space = load(DOCUMENT, CATALOGUE)
    (tmp_path / "again.yaml").write_text(space.yaml, encoding="utf-8")

    assert load(tmp_path / "again.yaml", CATALOGUE) == space


@given(st.integers(0, 2**32))
def test_a_sampled_configuration_names_the_active_parameters_and_resolves_without_a_reference(seed: int):
    space = load(DOCUMENT, CATALOGUE)
    values = sample(space, seed)

    configuration = space.configuration(values)

    assert space.check(values) == []
    assert set(space.active(values)) == set(values)
    text = json.dumps([configuration.dataset, configuration.layers, configuration.training, configuration.keep])
    assert "$" not in text
    assert "switch" not in text
    assert ("momentum" in text) is (values["optimizer"] == "sgd")
    assert text.count("negative_slope") == sum(name == "slope" or name.startswith("tilt") for name in values)
    assert sum("units_" in name for name in values) == values["n"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*DOCUMENT, "other"]), garbage))
def test_garbage_in_sections_is_refused_in_words(document):
    attempt(document)


NO_SWITCHES = [
    {"switch": None},
    {"switch": "$optimizer", "case": {"sgd": 1}},
    {"switch": "$optimizer", "cases": {}},
    {"switch": "$optimizer", "cases": [1]},
    {"switch": "$optimizer", "cases": [["sgd", 2, 3]]},
    {"switch": "$optimizer", "cases": {"sgd": {"switch": 1}}, "default": [{"switch": 2}]},
]


@pytest.mark.parametrize("part", NO_SWITCHES, ids=str)
def test_a_switch_that_is_none_is_refused_in_words_wherever_it_stands(part):
    wanted = [place for place in PLACES[1:] if "cases" not in place]  # what lies in a case is no place of its own
    keys = ("metrics", "epochs", "learning_rate_schedule", "keep", "validation", "snapshots", "optimizer")
    wanted += [("retrain", key) for key in keys] + [("training", key) for key in keys]
    for place in wanted:
        for wrapped in (part, {"Activation": part}) if place[0] == "model" else (part,):
            document = copy.deepcopy(DOCUMENT)
            inner = document
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = copy.deepcopy(wrapped)

            assert attempt(document) is None, place


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES[1:]), garbage)
def test_a_sound_space_with_one_wrong_part_is_sound_or_refused_in_words(place, part):
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = part

    space = attempt(document)

    if space is not None:
        SCHEMA.validate(document)
        assert load(json.loads(json.dumps(space.resolved)), CATALOGUE) == space
        values = sample(space, 1)
        assert space.check(values) == []
        with suppress(BuildError):  # a combination may have no model, but says so in no other way
            space.configuration(values)
            space.retrain_configuration(values, best_epoch=2)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, 4), st.text("{}[]():,$'\"#&*!|>-\n\t %@`?0aé\x00", max_size=4))
def test_a_damaged_file_is_sound_or_refused_in_words(tmp_path_factory, start, length, inserted):
    file = tmp_path_factory.getbasetemp() / "damaged.yaml"
    file.write_bytes((TEXT[:start] + inserted + TEXT[start + length :]).encode())

    attempt(file)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused_in_words(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(content)

    assert attempt(file) is None
