"""`hpsearch run` around what it trains: continuing, changing, refusing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.end_to_end.command import SIMULATED, hpsearch, table

from hpsearch.storage import open_store


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """A folder with a space that has been run, and what was said."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "space.yaml").write_text(SIMULATED)
    done = hpsearch("run", "space.yaml", "--workers", 2, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def folder(first_run, tmp_path):
    """A copy of it of one's own."""
    return Path(shutil.copytree(first_run[0], tmp_path / "folder"))


def run(folder, *arguments, change=("", "")):
    (folder / "space.yaml").write_text(SIMULATED.replace(*change))
    return hpsearch("run", "space.yaml", "--workers", 2, *arguments, folder=folder)


def test_it_says_first_where_the_database_is_and_last_what_to_type_next(first_run):
    _, done = first_run

    assert done.stderr.splitlines()[0] == "database studies.db"
    assert "6 trials, 24 epochs planned, 2 workers" in done.stderr
    assert done.stdout.splitlines()[-1].strip() == "hpsearch trials --study simulated"


def test_a_complete_study_prints_its_summary_again_and_how_to_run_anew(folder):
    before = table(folder / "studies.db", "simulated")

    again = hpsearch("run", "space.yaml", folder=folder)

    assert again.returncode == 0
    assert "--again" in again.stderr
    assert "study simulated: 6 complete" in again.stdout
    assert table(folder / "studies.db", "simulated") == before


def test_again_runs_it_under_a_free_name_with_the_same_table(folder):
    assert run(folder, "--again").returncode == 0

    assert table(folder / "studies.db", "simulated-2") == table(folder / "studies.db", "simulated")


def test_a_larger_max_trials_goes_on_as_if_it_had_been_given_at_first(folder):
    grown = run(folder, change=("max_trials: 6", "max_trials: 9"))

    assert grown.returncode == 0
    assert "search.max_trials: was 6, is 9" in grown.stderr
    whole = run(folder, "--study", "whole", change=("max_trials: 6", "max_trials: 9"))
    assert whole.returncode == 0
    assert table(folder / "studies.db", "simulated") == table(folder / "studies.db", "whole")
    with open_store(folder / "studies.db") as store:
        assert any("max_trials" in event.text for event in store.events(store.study("simulated").id))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max: 128", "max: 144", "parameters.units.max: was 128, is 144"),
        ("epochs: 4", "epochs: 5", "training.epochs: was 4, is 5"),
        ("study: simulated", "study: simulated\nseed: 2", "seed: was 1, is 2"),
        ("max_trials: 6", "max_trials: 5", "search.max_trials of study 'simulated' is 6 and cannot shrink to 5"),
    ],
)
def test_a_file_that_decides_otherwise_is_refused_with_the_difference_and_the_ways_out(folder, old, new, said):
    before = table(folder / "studies.db", "simulated")

    refused = run(folder, change=(old, new))

    assert refused.returncode == 2
    assert said in refused.stderr
    assert "--study NEW" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert table(folder / "studies.db", "simulated") == before


def test_a_description_and_limits_may_change(folder):
    changed = run(folder, change=("search:", "description: said later\nlimits: {timeout: 2h}\nsearch:"))

    assert changed.returncode == 0
    with open_store(folder / "studies.db") as store:
        assert store.study("simulated").description == "said later"


def test_more_workers_than_the_lag_can_feed_are_not_started(tmp_path):
    (tmp_path / "space.yaml").write_text(SIMULATED.replace("backend: random", "backend: optuna"))

    done = hpsearch("run", "space.yaml", "--workers", 6, folder=tmp_path)

    assert done.returncode == 0
    assert "starting 4 of 6 workers" in done.stderr


def test_a_target_ends_the_search_and_the_study_is_complete(tmp_path):
    (tmp_path / "space.yaml").write_text(SIMULATED + "limits: {target: 0.0}\n")

    done = hpsearch("run", "space.yaml", "--workers", 2, folder=tmp_path)

    rows = table(tmp_path / "studies.db", "simulated")
    assert done.returncode == 0
    assert [row[4] for row in rows].count("complete") == 1
    assert sum(len(row[-1]) for row in rows) <= 2
    assert "target" in done.stderr


def test_max_epochs_total_is_kept_to_the_epoch_and_a_larger_one_opens_the_study_again(tmp_path):
    (tmp_path / "space.yaml").write_text(SIMULATED + "limits: {max_epochs_total: 10}\n")
    assert hpsearch("run", "space.yaml", "--workers", 2, folder=tmp_path).returncode == 0
    rows = table(tmp_path / "studies.db", "simulated")
    assert sum(len(row[-1]) for row in rows) == 10

    (tmp_path / "space.yaml").write_text(SIMULATED + "limits: {max_epochs_total: 1000}\n")
    assert hpsearch("run", "space.yaml", "--workers", 2, folder=tmp_path).returncode == 0

    (tmp_path / "space.yaml").write_text(SIMULATED)
    assert hpsearch("run", "space.yaml", "--study", "whole", "--workers", 2, folder=tmp_path).returncode == 0
    assert table(tmp_path / "studies.db", "simulated") == table(tmp_path / "studies.db", "whole")


def test_failures_in_a_row_fail_the_study_with_exit_code_one(tmp_path):
    (tmp_path / "space.yaml").write_text(SIMULATED.replace("epochs: 4", "epochs: 4, failure_rate: 1.0"))

    done = hpsearch("run", "space.yaml", "--workers", 2, folder=tmp_path)

    assert done.returncode == 1
    assert "5 trials in a row failed" in done.stderr
    with open_store(tmp_path / "studies.db") as store:
        assert store.study("simulated").state == "failed"


def test_smoke_leaves_nothing_behind(tmp_path):
    (tmp_path / "space.yaml").write_text(SIMULATED)

    done = hpsearch("run", "space.yaml", "--smoke", folder=tmp_path)

    assert done.returncode == 0
    assert "2 complete" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def test_a_shipped_space_is_found_by_its_bare_name(tmp_path):
    done = hpsearch("plan", "digits_space", folder=tmp_path)

    assert done.returncode == 0
    assert "study      digits" in done.stdout


def test_inline_runs_everything_in_this_process(tmp_path):
    (tmp_path / "space.yaml").write_text(SIMULATED)
    assert hpsearch("run", "space.yaml", "--executor", "inline", folder=tmp_path).returncode == 0
    assert hpsearch("run", "space.yaml", "--study", "local", folder=tmp_path).returncode == 0

    assert table(tmp_path / "studies.db", "simulated") == table(tmp_path / "studies.db", "local")
