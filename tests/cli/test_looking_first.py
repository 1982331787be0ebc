"""`validate`, `schema`, `plan` and `doctor`: what can be known before anything runs, and without data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hpsearch.cli.main import cli

ROOT = Path(__file__).parents[2]
DIGITS = str(ROOT / "search_spaces" / "digits_space.yaml")

SIMULATED = """
study: curves
parameters:
  rate: {type: float, min: 1.0e-4, max: 1.0e-1, scale: log}
  width: {type: int, min: 1, max: 8}
  depth: {type: int, min: 1, max: 8}
training: {trainer: simulated, epochs: 9}
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run a command in an empty folder; its result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPSEARCH_DATABASE", raising=False)
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def write(tmp_path, text, name="space.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("path", sorted((ROOT / "search_spaces").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_space_is_valid(path, call):
    result = call("validate", str(path))

    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("ok")


def test_a_shipped_space_is_found_by_its_bare_name(call):
    result = call("validate", "digits_space")

    assert result.exit_code == 0, result.output
    assert "study digits" in result.stdout


def test_validate_tells_all_mistakes_of_all_files_and_ends_with_2(tmp_path, call):
    good = write(tmp_path, SIMULATED + "search: {max_trials: 3}\n", "good.yaml")
    bad = write(tmp_path, SIMULATED.replace("max: 8", "max: 0") + "search: {max_trials: 0}\nlimitz: {}\n", "bad.yaml")

    result = call("validate", bad, good, "missing.yaml")

    assert result.exit_code == 2
    assert f"{good}: study curves" in result.stdout
    assert result.stderr.count("bad.yaml:") == 4  # width, depth, max_trials, limitz
    assert "missing.yaml" in result.stderr
    assert "Traceback" not in result.output


def test_plan_tells_trials_epochs_sizes_and_the_retrain_of_digits(call):
    result = call("plan", DIGITS, "--workers", "2")

    assert result.exit_code == 0, result.output
    assert "20, 100 epochs in all, at most 5 for each trial" in result.stdout
    assert "number, lag 4 with 2 workers" in result.stdout
    assert "200 configurations drawn, 0 invalid" in result.stdout
    assert "model parameters, median" in result.stdout
    assert "the best 1, 35 epochs" in result.stdout
    assert "unknown until an epoch of study digits has been measured in studies.db" in result.stdout


def test_plan_writes_nothing(tmp_path, call):
    space = write(tmp_path, SIMULATED + "search: {max_trials: 3}\n")

    result = call("plan", space)

    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def test_plan_draws_the_brackets_of_hyperband(tmp_path, call):
    text = SIMULATED.replace(", epochs: 9", "") + "search: {backend: hyperband, max_epochs: 9, factor: 3}\n"

    result = call("plan", write(tmp_path, text))

    assert result.exit_code == 0, result.output
    assert result.stdout.count("bracket ") == 3
    assert result.stdout.count("rung ") == 6


def test_plan_names_the_rules_that_make_configurations_invalid(tmp_path, call):
    text = SIMULATED + 'constraints: ["width <= depth"]\nsearch: {max_trials: 3}\n'

    result = call("plan", write(tmp_path, text))

    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if "width <= depth" in line]
    assert 50 <= int(line.split()[0]) <= 130  # 28 of 64 pairs break it, of 200 drawn


def test_plan_tells_the_time_once_epochs_have_been_measured(tmp_path, call):
    space = write(tmp_path, SIMULATED + "search: {max_trials: 3}\n")
    ran = call("run", space, "--database", "studies.db", "--workers", "1", "--quiet", "--no-retrain")
    assert ran.exit_code == 0, ran.output

    result = call("plan", space, "--workers", "1")

    assert "for the search with 1 worker:" in result.stdout
    assert "s an epoch in study curves" in result.stdout


def test_the_schema_is_a_json_schema_of_the_sections(call):
    result = call("schema")

    schema = json.loads(result.stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"study", "dataset", "parameters", "model", "training", "search"} <= set(schema["properties"])


def test_doctor_tells_versions_devices_and_that_there_is_no_database(call):
    result = call("doctor")

    assert result.exit_code == 0, result.output
    assert "tensorflow" in result.stdout
    assert "cores" in result.stdout
    assert "not there yet" in result.stdout


def test_doctor_finds_a_file_that_is_no_database(tmp_path, call):
    result = call("doctor", "--database", write(tmp_path, "not a database, but long enough to be one\n" * 40))

    assert result.exit_code == 2
    assert "not an SQLite database" in result.stdout
