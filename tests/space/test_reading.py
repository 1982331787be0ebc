"""YAML as the language reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.space.conftest import Complaints, Loader, small
from tests.space.plain_catalogue import PlainCatalogue

from hpsearch.errors import SearchSpaceError
from hpsearch.space import load
from hpsearch.space.problems import Problems
from hpsearch.space.reading import read_text
from hpsearch.space.values import Pairs


def value_of(text: str) -> object:
    problems = Problems("text")
    value = read_text(f"key: {text}", problems, "text")
    problems.raise_if_any()
    return value["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("None", "None"),
        ("1e-4", 1e-4),
        ("1_000", 1000),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("0x1F", 31),
        ("0o17", 15),
        ("012", 12),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("'1'", "1"),
        ("~", None),
        ("null", None),
        ("", None),
        ("true", True),
        ("1/6", "1/6"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def test_keys_that_are_no_text_stay_apart():
    value = value_of("{1: a, true: b, '1': c, null: d}")

    assert isinstance(value, Pairs)
    assert [key for key, _ in value] == [1, True, "1", None]


def test_aliases_stand_for_their_anchor(read: Loader):
    space = read(small(model="Flatten, Dense: &last {units: 8, activation: relu}, Dense: *last"))

    assert space.configuration({}).layers[1] == space.configuration({}).layers[2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1,\nb: 2", "2: This is not readable YAML"),
        ("a: 1\na: 2", "2: The key `a` stands twice"),
        ("a: {1: x, 1.0: y}", "1: The key 1.0 stands twice"),
        ("a: !!int 3", "1: The tag `!!int` is not allowed"),
        ("a: !mine 3", "1: The tag `!mine` is not allowed"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "3: Merge keys"),
        ("%YAML 1.1\n---\na: 1", "directives are not allowed"),
        ("a: 1\n---\nb: 2", "2: A file is one document"),
        ("? [a]\n: 1", "1: A key must be one text"),
        ("a: .nan", "1: `.nan` is not a finite number"),
        ("a: 1e999", "1: `1e999` is not a finite number"),
        ("a: *b", "1: The alias `*b` has no anchor"),
        ("a: &a [*a]", "1: The alias `*a` stands within the value"),
        ("a: " + "[" * 30 + "]" * 30, "1: The file nests deeper than 20"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [" + "*b," * 100 + "]",
            "3: Aliases expand",
        ),
        ('a: "\\uD800"', "1: This text holds half a character"),
        ("a: \x07", "not readable YAML"),
        ('a: "\\UFFFFFFFF"', "not readable YAML"),
        ("- a\n- b", "a mapping with `study`"),
        ("", "is empty"),
        ("text", "a mapping with `study`"),
    ],
)
def test_text_that_is_no_plain_mapping_is_refused_with_its_line(complaints: Complaints, text, sentence):
    assert any(sentence in complaint for complaint in complaints(text))


def test_mistakes_of_reading_do_not_hide_those_of_the_space(complaints: Complaints):
    found = complaints(small(optimizer="adm").replace("study: small", "study: small\nstudy: twice"))

    assert len(found) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{filters: $(max(u // 2, 8)), kernel_size: 3}", 4),
        ("{filters: {'$(max(u // 2': null, '8))': null}, kernel_size: 3}", 4),
        ("{filters: $(max(u // 2, 8) + min(u, 3)), kernel_size: 3}", 4),
    ],
)
def test_a_torn_expression_is_one_mistake(complaints: Complaints, text, line):
    (found,) = complaints(parameters="u: [8, 16]", model=f"Conv2D: {text}, Flatten")

    assert found.startswith(f"{line}: The expression")
    assert "torn" in found


def test_a_torn_expression_in_a_list_is_one_mistake(complaints: Complaints):
    (found,) = complaints(parameters="u: [8, 16]", model="Flatten, Dense: $(max(u // 2, 8)), Dense: $classes")

    assert "torn" in found


def test_an_unquoted_expression_that_breaks_yaml_is_named(complaints: Complaints):
    (found,) = complaints(parameters="n: [0, 1]", model="Flatten, Dense: {units: $([8, 16][n])}")

    assert "the unquoted `$(` in line 4" in found


def test_a_file_that_is_not_there_is_named(tmp_path: Path, catalogue: PlainCatalogue):
    with pytest.raises(SearchSpaceError, match=r"There is no file .*nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml", catalogue)


def test_a_folder_bytes_and_a_large_file_are_refused(tmp_path: Path, catalogue: PlainCatalogue):
    (tmp_path / "bytes.yaml").write_bytes(b"a: 1\nb: \xff\xfe")
    (tmp_path / "large.yaml").write_bytes(b"# " + b"x" * 1_000_001)

    with pytest.raises(SearchSpaceError, match="is a folder"):
        load(tmp_path, catalogue)
    with pytest.raises(SearchSpaceError, match=r"bytes.yaml:2: This is not UTF-8"):
        load(tmp_path / "bytes.yaml", catalogue)
    with pytest.raises(SearchSpaceError, match="larger than 1 MB"):
        load(tmp_path / "large.yaml", catalogue)


def test_a_mapping_is_read_like_a_file_but_without_lines(read: Loader, catalogue: PlainCatalogue):
    space = read(parameters="u: [8, 16]", model="Flatten, Dense: $u")

    again = load({**space.resolved, "seed": 1}, catalogue)

    assert again == space
    with pytest.raises(SearchSpaceError) as caught:
        load({**space.resolved, "seed": "x", "sed": 3}, catalogue)
    assert [str(problem)[:8] for problem in caught.value.problems] == ["The spac", "`seed` i"]


def test_a_mapping_of_other_objects_is_refused(catalogue: PlainCatalogue):
    with pytest.raises(SearchSpaceError, match="A set cannot stand in a space"):
        load({"study": "a", "model": {1, 2}}, catalogue)
    endless: dict[str, object] = {}
    endless["a"] = endless
    with pytest.raises(SearchSpaceError, match="larger than"):
        load(endless, catalogue)


def test_overrides_are_laid_over_the_file(read: Loader):
    space = read(
        None,
        ["search.max_trials=7", "training.optimizer.name=sgd", "model.1.Dense=12", "retrain.epochs=9", "seed=3"],
        optimizer="{name: adam}",
    )

    assert space.search.max_trials == 7
    assert space.seed == 3
    assert space.configuration({}).training["optimizer"] == {"name": "sgd"}
    assert space.configuration({}).layers[-1] == {"Dense": {"units": 12}}
    assert space.retrain_configuration({}).training["epochs"] == 9


@pytest.mark.parametrize(
    ("parameters", "said"), [("3", "a mapping of names"), ("{u: [8, 16], 1: [2, 3]}", "The key 1")]
)
def test_names_are_not_missed_where_parameters_cannot_be_read(complaints: Complaints, parameters, said):
    model, more = "Flatten, Dense: $u", 'constraints: ["u < 9"]'

    (found,) = complaints(None, [f"parameters={parameters}"], parameters="u: [8, 16]", model=model, more=more)

    assert said in found


def test_a_mistake_in_an_override_names_the_override(complaints: Complaints):
    found = complaints(None, ["search.max_trials=x", "model.9=Flatten", "serch.lag=1", "nothing", "training.epochs=["])

    assert {complaint.partition(": ")[0] for complaint in found} == {
        "--set nothing",
        "--set training.epochs=[",
        "--set model.9=Flatten",
        "--set serch.lag=1",
        "--set search.max_trials=x",
    }
