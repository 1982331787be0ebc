"""The `parameters` section."""

from __future__ import annotations

import pytest
from tests.space.conftest import Complaints, Loader

from hpsearch.space import Condition, ParameterKind, Scale


def used(*names: str) -> str:
    """A model that uses these names, whatever their values."""
    mentions = ", ".join(f"${name}" for name in names)
    return f"Flatten, Dense: $classes, LeakyReLU: {{negative_slope: {{switch: $(0), cases: {{0: [{mentions}]}}}}}}"


def test_all_kinds_are_read(read: Loader):
    space = read(
        parameters="""base: 8, double: $(base * 2), u: {type: int, min: $base, max: $(double * 2), step: 8},
        x: {type: float, min: 0.1, max: 0.3, step: 0.1}, r: {type: float, min: 1/10, max: 1, scale: log},
        c: [relu, 3, 3.5, true, null, "3"], k: {type: choice, values: [$base, $(base + 1)]}""",
        model=used("u", "x", "r", "c", "k"),
    )

    u, x, r, c, k = space.parameters.values()
    assert space.constants == {"base": 8, "double": 16}
    assert [u.value_at(index) for index in range(u.size or 0)] == [8, 16, 24, 32]
    assert [x.value_at(index) for index in range(x.size or 0)] == [0.1, 0.2, 0.3]
    assert (r.kind, r.min, r.max, r.scale, r.size) == (ParameterKind.FLOAT, 0.1, 1.0, Scale.LOG, None)
    assert c.values == ("relu", 3, 3.5, True, None, "3")
    assert k.values == (8, 9)


def test_a_value_is_found_by_kind_and_value(read: Loader):
    space = read(parameters="c: [1, true, '1'], x: {type: float, min: 0.1, max: 0.7, step: 0.1}", model=used("c", "x"))

    assert [space.parameters["c"].index_of(value) for value in (1.0, True, "1")] == [0, 1, 2]
    assert space.parameters["x"].contains(0.3)
    assert not space.parameters["x"].contains(0.30000000000000004)
    assert not space.parameters["c"].contains(2)


def test_parents_come_before_children_and_otherwise_the_file_decides(read: Loader):
    space = read(
        parameters="c: {type: int, min: 1, max: 2, when: {b: x}}, z: [1, 2], b: {type: choice, values: [x, "
        "y], when: {a: 1}}, a: [1, 2]",
        model=used("z", "a") + ", LeakyReLU: {negative_slope: $b}, LeakyReLU: {negative_slope: $c}",
    )

    assert list(space.parameters) == ["z", "a", "b", "c"]
    assert space.active({"z": 1, "a": 1, "b": "x"}) == ("z", "a", "b", "c")
    assert space.active({"z": 1, "a": 2}) == ("z", "a")
    assert space.active({"z": 1, "a": 2, "b": "x"}) == ("z", "a")


def test_a_family_has_a_member_for_each_count(read: Loader):
    space = read(
        parameters="""n: {type: int, min: 1, max: 3}, f: {type: int, min: 8, max: 16, step: 8, each: $n},
        act: {type: choice, values: [relu, leaky_relu], each: $n},
        slope: {type: float, min: 0.1, max: 0.3, each: $n, when: {act: leaky_relu}}""",
        model="{repeat: $n, layers: [Conv2D: {filters: $f, kernel_size: 3}, "
        "Activation: {activation: $act, negative_slope: $slope}]},"
        "Flatten, Dense: $f_0",
    )

    assert list(space.parameters) == ["n", *(f"{name}_{k}" for name in ("f", "act", "slope") for k in range(3))]
    assert space.parameters["f_0"].when == ()
    assert space.parameters["f_2"].when == (Condition("n", min=3),)
    assert space.parameters["slope_1"].when == (Condition("n", min=2), Condition("act_1", values=("leaky_relu",)))
    chosen = {"n": 2, "f_0": 8, "f_1": 16, "act_0": "relu", "act_1": "leaky_relu", "slope_1": 0.2}
    assert set(space.active(chosen)) == set(chosen)
    assert space.configuration(chosen).layers == (
        {"Conv2D": {"filters": 8, "kernel_size": 3}},
        {"Activation": {"activation": "relu"}},
        {"Conv2D": {"filters": 16, "kernel_size": 3}},
        {"Activation": {"activation": "leaky_relu", "negative_slope": 0.2}},
        "Flatten",
        {"Dense": {"units": 8}},
    )


def test_a_family_over_a_number_belongs_to_a_repeat_over_the_same_number(read: Loader, complaints: Complaints):
    definitions = "three: 3, u: {type: int, min: 1, max: 9, each: $three}"
    space = read(
        parameters=definitions,
        model="Flatten, {repeat: 3, as: layer, layers: [Dense: $u, {repeat: 2, layers: [Dense: $u]}]}",
    )

    assert [layer["Dense"]["units"] for layer in space.configuration({"u_0": 1, "u_1": 2, "u_2": 3}).layers[1:]] == [
        1,
        1,
        1,
        2,
        2,
        2,
        3,
        3,
        3,
    ]
    (found,) = complaints(parameters=definitions, model="Flatten, {repeat: 2, layers: [Dense: $u]}")
    assert "`$u` is a family; it stands only inside a `repeat: 3`" in found


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ("{type: int, min: 3, max: 2}", "min 3 above max 2"),
        ("{type: int, min: 1, max: 10, step: 4}", "the last value is 9"),
        ("{type: float, min: 0, max: 1, step: 0.3}", "the last value is 0.9"),
        ("{type: int, min: 1, max: 10, step: 0}", "a number above 0 was expected"),
        ("{type: int, min: 1.5, max: 10}", "a whole number was expected"),
        ("{type: float, min: 0, max: 1, scale: log}", "needs a min above 0"),
        ("{type: int, min: 1, max: 64, step: 1, scale: log}", "[1, 2, 4, 8, 16, 32, 64]"),
        ("{type: float, min: 0.1, max: 1, step: 0.1, scale: log}", "write a choice"),
        ("{type: float, min: .nan, max: 1}", "not a finite number"),
        ("{type: float, min: 0, max: 1e400}", "not a finite number"),
        ("{type: float, min: a, max: 1}", "a number was expected"),
        ("{type: float, min: true, max: 1}", "a number was expected"),
        ("{type: float, max: 1}", "needs `min`"),
        ("{type: float, min: 0, maximum: 1}", "did you mean `max`?"),
        ("{type: integer, min: 0, max: 1}", "did you mean `int`?"),
        ("{min: 0, max: 1}", "needs `type`"),
        ("{type: float, min: 0, max: 1, scale: ln}", "linear or log was expected"),
        ("{type: choice, values: []}", "is empty"),
        ("[]", "is empty"),
        ("[1, 2, 1.0]", "has 1.0 twice"),
        ("[[1], 2]", "is no value"),
        ("{type: choice, values: 3}", "a list was expected"),
        ("{type: int, min: $y, max: 9}", "There is no constant `y`"),
        ("{type: int, min: $other, max: 9}", "`other` is a parameter"),
        ("{type: int, min: $classes, max: 9}", "known only once the data are"),
        ("{type: int, min: $(1 / 0), max: 9}", "divides by zero"),
        ("{type: int, min: 1, max: $(10 ** 99)}", "too large"),
        ("{type: int, min: 1, max: 9, when: {other: 7}}", "which `other` never is"),
        ("{type: int, min: 1, max: 9, when: {other: '1'}}", "which `other` never is"),
        ("{type: int, min: 1, max: 9, when: {other: [1, 7]}}", "waits for 7"),
        ("{type: int, min: 1, max: 9, when: {other: {min: 3}}}", "can never hold"),
        ("{type: int, min: 1, max: 9, when: {other: {mni: 3}}}", "did you mean `min`?"),
        ("{type: int, min: 1, max: 9, when: {othr: 1}}", "did you mean `other`?"),
        ("{type: int, min: 1, max: 9, when: {constant: 1}}", "names the constant"),
        ("{type: int, min: 1, max: 9, when: {x: 1}}", "go in a circle"),
        ("{type: int, min: 1, max: 9, each: 0}", "a whole number from 1"),
        ("{type: int, min: 1, max: 9, each: $nothing}", "There is no parameter `nothing`"),
        ("{type: int, min: 1, max: 9, each: $half}", "whole numbers from 0"),
        ("[None, 1]", "written null"),
        ("'$(3'", "is torn"),
        ("a$other", "mixes a reference with other text"),
    ],
)
def test_an_unsound_definition_is_one_mistake(complaints: Complaints, definition, sentence):
    found = complaints(
        parameters=f"constant: 1, half: [0.5, 1], other: [1, 2], x: {definition}",
        model=used("constant", "half", "other", "x"),
    )

    assert len(found) == 1
    assert found[0].startswith("3: ")
    assert sentence in found[0]


@pytest.mark.parametrize(
    "name", ["classes", "input_shape", "model_parameters", "min", "round", "lambda", "a-b", "3d", "i"]
)
def test_a_name_that_is_taken_or_cannot_be_one_is_refused(complaints: Complaints, name):
    found = complaints(parameters=f"{name}: [1, 2], u: [1, 2]", model="Flatten, {repeat: 2, layers: [Dense: $u]}")

    assert len(found) == 1
    assert f"`{name}`" in found[0]


def test_a_condition_that_other_conditions_rule_out_can_never_hold(complaints: Complaints):
    found = complaints(
        parameters="a: [1, 2], b: {type: choice, values: [3, 4], when: {a: 1}}, c: {type: choice, "
        "values: [5], when: {b: 3, a: 2}}",
        model=used("a") + ", LeakyReLU: {negative_slope: $b}, LeakyReLU: {negative_slope: $c}",
    )

    assert found == ["3: The condition of `c` can never hold; no trial would ever have it."]


def test_a_member_may_not_be_defined_twice(complaints: Complaints):
    found = complaints(
        parameters="u: {type: int, min: 1, max: 2, each: 2}, u_1: [1, 2]",
        model="Flatten, {repeat: 2, layers: [Dense: $u]}",
    )

    assert len(found) == 1
    assert "`u_1` is a member of the family `u` already" in found[0]


def test_what_nothing_uses_is_told_unless_a_misspelt_name_was_meant_to(complaints: Complaints):
    assert "used nowhere" in complaints(parameters="u: [1, 2]")[0]
    assert "used nowhere" in complaints(parameters="u: 3")[0]
    assert len(complaints(parameters="units: [1, 2]", model="Flatten, Dense: $unit")) == 1


def test_constants_that_define_each_other_are_refused(complaints: Complaints):
    found = complaints(parameters="a: $b, b: $a", model=used("a", "b"))

    assert len(found) == 1
    assert "are defined by each other" in found[0]


def test_a_configuration_must_name_the_active_parameters_with_legal_values(read: Loader):
    space = read(
        parameters="a: [x, y], b: {type: int, min: 1, max: 4, when: {a: x}}",
        model="Flatten, LeakyReLU: {negative_slope: $b}, Dense: {units: 3, activation: {switch: $a, "
        "cases: {x: relu}, default: tanh}}",
    )

    assert space.check({"a": "x", "b": 2}) == []
    assert space.check({"a": "x", "b": 2.0}) == []
    assert space.check({"a": "y"}) == []
    assert "missing" in space.check({"a": "x"})[0]
    assert "inactive" in space.check({"a": "y", "b": 2})[0]
    assert "cannot be 9" in space.check({"a": "x", "b": 9})[0]
    assert "cannot be [2]" in space.check({"a": "x", "b": [2]})[0]
    assert "no parameter `c`" in space.check({"a": "y", "c": 1})[0]
