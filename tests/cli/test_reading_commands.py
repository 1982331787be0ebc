"""The commands that read or administrate a store, and the Python door, on one small recorded study."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

import hpsearch
from hpsearch.cli.main import COMMANDS, cli
from hpsearch.errors import ArtifactMissing, StudyNotFound

GOLDEN = max((Path(__file__).parents[1] / "data").glob("schema_*.db"))


@pytest.fixture
def database(tmp_path):
    return shutil.copy(GOLDEN, tmp_path / "studies.db")


@pytest.fixture
def call(database):
    def run(*arguments):
        return CliRunner().invoke(cli, [*arguments, "--database", str(database)])

    return run


def test_best_tells_the_search_value_and_the_test_score_apart(call):
    result = call("best", "--study", "golden")

    assert result.exit_code == 0
    assert "validation accuracy 0.7500 (search), test accuracy 0.7000 (retrained, evaluated once)" in result.stdout
    assert "activation  relu" in result.stdout


def test_best_as_json_and_yaml_say_the_same(call):
    from ruamel.yaml import YAML

    (as_json,) = json.loads(call("best", "--study", "golden", "--format", "json").stdout)
    (as_yaml,) = YAML(typ="safe").load(call("best", "--study", "golden", "--format", "yaml").stdout)

    assert as_json["search"] == as_yaml["search"] == {"metric": "val_accuracy", "value": 0.75, "epoch": None}
    assert as_json["parameters"] == as_yaml["parameters"]
    assert as_json["test"]["accuracy"] == 0.7
    assert as_json["test"]["loss"] == "nan"


def test_trials_shows_states_with_their_error_in_one_line_each(call):
    result = call("trials", "--study", "golden")

    lines = result.stdout.splitlines()
    assert lines[0].split() == ["trial", "state", "value", "epochs", "seconds", "parameters"]
    assert lines[2].split()[:4] == ["1", "complete", "0.7500", "3/3"]
    assert lines[3].endswith("units=0: no units")
    assert "\x1b" not in result.stdout


def test_trials_as_csv_has_every_parameter_as_a_column(call):
    rows = list(csv.DictReader(io.StringIO(call("trials", "--study", "golden", "--format", "csv").stdout)))

    assert [row["units"] for row in rows] == ["32", "32", "0"]
    assert rows[2]["error_kind"] == "invalid"


def test_trials_are_sorted_and_cut(call):
    shown = json.loads(
        call("trials", "--study", "golden", "--sort", "-value", "--limit", "1", "--format", "json").stdout
    )

    assert [trial["trial"] for trial in shown] == [1]


def test_show_prints_a_trials_whole_curve(call):
    result = call("show", "--study", "golden", "--trial", "1")

    assert "continues  trial 0" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines()[-3:]] == ["1", "2", "3"]


def test_show_says_which_promise_a_study_has(call):
    result = call("show", "--study", "golden")

    assert "same table" in result.stdout
    assert "last bit" in result.stdout
    assert "kept for upgrades (trial 1)" in result.stdout


def test_studies_lists_one_line_a_study(call):
    (study,) = json.loads(call("studies", "--format", "json").stdout)

    assert (study["study"], study["state"], study["best"], study["best_trial"]) == ("golden", "complete", 0.75, 1)


def test_a_study_that_its_coordinator_left_without_a_word_is_not_told_as_running(call, database):
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE studies SET state = 'running'")

    shown = call("show", "--study", "golden").stdout
    (study,) = json.loads(call("studies", "--format", "json").stdout)

    assert "running when its coordinator ended without a word; `hpsearch run` goes on" in shown
    assert "nobody runs it" in call("studies").stdout
    assert (study["state"], study["running"]) == ("running", False)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_exported_file_holds_all_trials(call, tmp_path, suffix):
    import pandas

    target = tmp_path / f"trials.{suffix}"

    result = call("export", "--study", "golden", "-o", str(target))

    assert result.exit_code == 0
    frame = pandas.read_csv(target) if suffix == "csv" else pandas.read_parquet(target).reset_index()
    assert list(frame["number"]) == [0, 1, 2]
    assert list(frame["units"]) == [32, 32, 0]


def test_exported_lines_hold_each_trials_epochs(call, tmp_path):
    target = tmp_path / "trials.jsonl"

    call("export", "--study", "golden", "-o", str(target))

    trials = [json.loads(line) for line in target.read_text().splitlines()]
    assert [len(trial["epochs_trained"]) for trial in trials] == [2, 1, 0]
    assert trials[0]["parameters"]["norm"] is None


def test_an_export_to_an_unknown_kind_of_file_is_refused(call, tmp_path):
    result = call("export", "--study", "golden", "-o", str(tmp_path / "trials.xls"))

    assert (result.exit_code, list(tmp_path.glob("trials*"))) == (2, [])
    assert "should end in .csv" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["best"], ["trials"], ["show"], ["stop"], ["delete"], ["rename", "new"], ["export", "-o", "x.csv"]],
    ids=lambda arguments: arguments[0],
)
def test_an_unknown_study_is_one_sentence_and_exit_code_2(call, arguments):
    result = call(*arguments, "--study", "goldn")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "it holds golden." in result.stderr


def test_a_missing_database_is_one_sentence_and_exit_code_2(tmp_path):
    result = CliRunner().invoke(cli, ["studies", "--database", str(tmp_path / "none.db")])

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_reading_commands_leave_the_file_as_it_was(call, database):
    before = Path(database).read_bytes()

    for arguments in (["best"], ["trials"], ["show"], ["stop"], ["export", "-o", str(database) + ".csv"]):
        assert call(*arguments, "--study", "golden").exit_code == 0
    call("studies")
    call("db", "check")

    assert Path(database).read_bytes() == before


def test_a_study_is_renamed_then_deleted(call):
    assert call("rename", "--study", "golden", "silver").exit_code == 0
    assert call("delete", "--study", "silver").exit_code == 0
    assert json.loads(call("studies", "--format", "json").stdout) == []


def test_a_sound_database_passes_the_check_and_upgrade_changes_nothing(call):
    assert call("db", "upgrade").exit_code == 0
    assert call("db", "check").exit_code == 0


def test_every_command_has_a_line_in_the_help_that_fits():
    result = CliRunner().invoke(cli, ["--help"])

    assert result.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in result.stdout
        assert line.endswith(".")
    assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_an_interrupted_command_exits_130(call, monkeypatch):
    from hpsearch import storage

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "open_store", interrupt)

    assert call("studies").exit_code == 130


def test_the_door_gives_frames_and_plain_values(database):
    study = hpsearch.open_study("golden", database)

    best = study.best()

    assert (best.trial, best.value, best.scores["accuracy"]) == (1, 0.75, 0.7)
    assert best.parameters["activation"] == "relu"
    assert list(study.trials()["units"]) == [32, 32, 0]
    assert list(study.epochs()["val_accuracy"]) == [0.25, 0.5, 0.75]
    assert list(study.evaluations()["accuracy"]) == [0.7]
    with pytest.raises(ArtifactMissing, match="no saved model"):
        study.load_model()


def test_the_door_refuses_a_study_that_does_not_exist(database):
    with pytest.raises(StudyNotFound):
        hpsearch.open_study("none", database)
