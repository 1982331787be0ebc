"""README's figures and the database that they come from: recorded whole, read without a trace, never retyped."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import readme_figures
from benchmarks.record import record
from click.testing import CliRunner
from tests.end_to_end.command import hpsearch

from hpsearch.cli.main import cli
from hpsearch.storage import open_store, write_artifact

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SPACE = """\
study: {name}
seed: 3
parameters:
  units: {{type: int, min: 16, max: 128, step: 16}}
  rate: {{type: float, min: 1e-4, max: 1e-1, scale: log}}
training: {{trainer: simulated{epochs}}}
search: {search}
retrain: {{epochs: 12}}
"""
CHANCE = SPACE.format(name="chance", epochs=", epochs: 9", search="{backend: random, max_trials: 5}")
HALVING = SPACE.format(name="halving", epochs="", search="{backend: hyperband, max_epochs: 9, factor: 3}")


def call(*arguments, database, exit_code=0):
    """A command in this process."""
    done = CliRunner().invoke(cli, [*arguments, "--database", str(database)])
    assert done.exit_code == exit_code, done.output


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A database as work leaves it: two studies, one with a saved model, and a checkpoint that nobody has removed."""
    folder = tmp_path_factory.mktemp("used")
    for name, text in (("chance", CHANCE), ("halving", HALVING)):
        (folder / f"{name}.yaml").write_text(text)
        call("run", str(folder / f"{name}.yaml"), "--executor", "inline", "--quiet", database=folder / "studies.db")
    database = folder / "studies.db"
    with open_store(database, read_only=False) as store:
        study = store.study("chance")
        evaluation = store.evaluations(study.id)[0]
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            for kind, path in (("model", "models/best.keras"), ("checkpoint", "checkpoints/left")):
                written = write_artifact(store.artifacts_dir(study.id), path, b"content")
                write.add_artifact(kind, path, *written, evaluation=evaluation.id)
    return database


@pytest.fixture(scope="module")
def recorded(used, tmp_path_factory):
    """The same, recorded, where nobody may write it."""
    target = tmp_path_factory.mktemp("recorded") / "studies.db"
    assert record(used, target) == ["chance", "halving"]
    target.chmod(0o444)
    return target


def artifacts(database):
    with open_store(database) as store:
        return [(one.kind, one.path) for one in store.artifacts(store.study("chance").id)]


def test_readme_has_the_figures_of_the_recorded_studies():
    text = readme_figures.figures(readme_figures.DATABASE)

    assert readme_figures.with_section(README, readme_figures.FIGURES, text) == README


def test_readme_has_the_times_that_were_measured():
    text = readme_figures.times(readme_figures.SPEED)

    assert readme_figures.with_section(README, readme_figures.TIMES, text) == README


def test_readme_has_the_memory_that_was_measured():
    text = readme_figures.memory(readme_figures.SIZES)

    assert readme_figures.with_section(README, readme_figures.MEMORY, text) == README


def test_without_recorded_studies_the_figures_say_so(tmp_path):
    assert "No study has been recorded yet" in readme_figures.figures(tmp_path / "studies.db")


def test_the_figures_tell_search_and_test_apart_and_name_backend_epochs_and_machine(recorded):
    text = readme_figures.figures(recorded)

    with open_store(recorded) as store:
        study = store.study("halving")
        best, test = store.best_trials(study.id)[0], store.evaluations(study.id)[0]
    (row,) = [line for line in text.splitlines() if line.startswith("| halving ")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["hyperband", f"{len(open_trials(recorded))} complete", epochs_trained(recorded)]
    assert cells[4] == f"val_accuracy {best.value:.4f} (trial {best.number})"
    assert cells[5] == f"accuracy {test.metrics['accuracy']:.4f} (12 epochs)"
    assert cells[7].startswith("1 x ")
    assert re.search(r"^Recorded with hpsearch \S+, Python \S+, TensorFlow \S+, Keras \S+, .*; \w+ \w+\.$", text, re.M)


def open_trials(database):
    with open_store(database) as store:
        return store.trials(store.study("halving").id)


def epochs_trained(database):
    with open_store(database) as store:
        return str(len(store.epoch_seconds(store.study("halving").id)))


def test_studies_of_one_question_are_compared_with_chance(recorded):
    text = readme_figures.figures(recorded)

    assert "On the same images, with at most 9 epochs a trial (val_accuracy):" in text
    assert re.search(r"^- chance: median 0\.\d{4}, best 0\.\d{4}, in 45 epochs$", text, re.M)
    assert re.search(r"^- halving: best 0\.\d{4}, in \d+ epochs$", text, re.M)


def test_the_script_writes_readme_and_its_check_fails_where_readme_differs(recorded, tmp_path):
    readme = tmp_path / "README.md"
    sections = "".join(f"<!-- {name}:begin -->\nold\n<!-- {name}:end -->\n" for name in ("figures", "times", "memory"))
    readme.write_text(f"above\n{sections}below\n")

    def script(*arguments):
        command = [sys.executable, "-m", "benchmarks.readme_figures", "--database", recorded, "--readme", readme]
        return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    before = script("--check")
    script()
    after = script("--check")

    assert (before.returncode, after.returncode) == (1, 0)
    assert "differs" in before.stderr
    assert readme.read_text().startswith("above\n<!-- figures:begin -->\n| study |")
    assert readme.read_text().endswith("<!-- memory:end -->\nbelow\n")
    assert "old" not in readme.read_text()


def test_reading_a_recorded_database_leaves_it_and_its_folder_as_they_are(recorded):
    before = recorded.read_bytes(), os.listdir(recorded.parent)

    for arguments in (["best"], ["best", "--format", "json"], ["trials"], ["show"]):
        call(*arguments, "--study", "chance", database=recorded)
    call("studies", database=recorded)
    call("db", "check", database=recorded, exit_code=1)  # the model's file is not there
    readme_figures.figures(recorded)

    assert (recorded.read_bytes(), os.listdir(recorded.parent)) == before


@pytest.mark.skipif(not readme_figures.DATABASE.exists(), reason="no study has been recorded yet")
def test_the_committed_database_is_one_plain_file():
    with contextlib.closing(sqlite3.connect(f"{readme_figures.DATABASE.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_predict_says_which_model_file_a_recorded_study_lacks(recorded):
    done = hpsearch("predict", "--study", "chance", "--split", "test", folder=recorded.parent)

    assert (done.returncode, done.stdout) == (2, "")
    assert "best.keras is not there" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_recorded_database_keeps_saved_models_and_forgets_checkpoints(used, recorded):
    assert artifacts(used) == [("model", "models/best.keras"), ("checkpoint", "checkpoints/left")]
    assert artifacts(recorded) == [("model", "models/best.keras")]


def test_recording_some_studies_leaves_no_row_of_the_others(used, tmp_path):
    target = tmp_path / "studies.db"

    assert record(used, target, ["halving"]) == ["halving"]

    with contextlib.closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT name FROM studies").fetchall() == [("halving",)]
        assert connection.execute("SELECT count(*) FROM trials WHERE study_id != 2").fetchone() == (0,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert os.listdir(tmp_path) == ["studies.db"]


def test_a_database_in_use_is_not_replaced(used, tmp_path):
    target = tmp_path / "studies.db"
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE held (id)")

        with pytest.raises(ValueError, match="is in use"):
            record(used, target)


def test_a_study_that_is_not_complete_is_not_recorded(used, tmp_path):
    source = tmp_path / "source.db"
    record(used, source)
    with contextlib.closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE studies SET state = 'stopped' WHERE name = 'halving'")

    with pytest.raises(ValueError, match="halving is stopped"):
        record(source, tmp_path / "studies.db")

    assert not (tmp_path / "studies.db").exists()
