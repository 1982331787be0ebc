"""The documentation is true: every command is in it, every key of the language too, and its examples are valid."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from hpsearch.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
LANGUAGE_PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
]

# what an example that is a part of a file is laid over: a network that uses no parameter, or one that uses every one
NETWORK = {
    "study": "example",
    "dataset": {"name": "digits"},
    "model": ["Flatten", {"Dense": {"units": "$classes", "activation": "softmax"}}],
    "training": {"epochs": 5, "optimizer": "adam", "loss": "sparse_categorical_crossentropy"},
    "search": {"max_trials": 4},
}
CURVES = {"study": "example", "training": {"trainer": "simulated", "epochs": 5}, "search": {"max_trials": 4}}


def whole(part: dict) -> dict:
    """An example as a whole file."""
    if "study" in part:
        return part
    base = NETWORK if {"dataset", "model", "training", "retrain"} & set(part) else CURVES
    return {**base, **part, "training": {**base["training"], **part.get("training", {})}}


def commands():
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", found) for below, found in command.commands.items())
        else:
            yield name, command


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_documentation_is_valid(example, tmp_path):
    file = tmp_path / "example.yaml"
    file.write_text(json.dumps(whole(YAML(typ="safe", pure=True).load(example))))
    if "study:" in example:
        file.write_text(example)  # as it stands

    done = CliRunner().invoke(cli, ["validate", str(file)])

    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(("name", "command"), [pytest.param(*found, id=found[0]) for found in commands()])
def test_a_command_has_help_and_an_entry_in_the_documentation(name, command):
    section = re.search(rf"^##+ `hpsearch {name}\b.*?(?=^##|\Z)", COMMANDS_PAGE, re.M | re.S)

    assert command.help
    assert section, f"docs/commands.md has no section for {name}"
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.hidden or parameter.name in ("study", "database"):
            continue
        assert parameter.help, f"{name} {parameter.opts[0]} has no help"
        assert f"`{parameter.opts[-1]}" in section[0], f"{parameter.opts[-1]} is missing from the section of {name}"


def test_the_documentation_names_no_command_that_does_not_exist():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = re.findall(r"^```\w*$(.*?)^```$|(`[^`\n]+`)", text, re.M | re.S)
        named = [name for part in code for name in re.findall(r"(?:^|`|bin/)hpsearch ([a-z]+)", "".join(part), re.M)]

        assert set(named) <= set(COMMANDS), page


def test_every_key_of_the_language_is_explained():
    schema = json.loads(CliRunner().invoke(cli, ["schema"]).stdout)

    for section, rules in schema["properties"].items():
        for key in [section, *rules.get("properties", {})]:
            assert re.search(rf"\b{key}\b", LANGUAGE_PAGE), f"docs/language.md does not explain {section}.{key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
