"""A search of which every trial has failed, some of them after epochs that have values."""

from __future__ import annotations

from tests.end_to_end.command import SIMULATED, hpsearch
from tests.report.reading import Page

from hpsearch.storage import open_store


def test_where_every_trial_has_failed_it_is_said_that_none_ended_well(tmp_path):
    space = SIMULATED.replace("epochs: 4", "epochs: 9, failure_rate: 1.0").replace("max_trials: 6", "max_trials: 4")
    (tmp_path / "space.yaml").write_text(space)

    run = hpsearch("run", "space.yaml", "--workers", 2, "--quiet", folder=tmp_path)
    retrain = hpsearch("retrain", "--study", "simulated", folder=tmp_path)
    report = hpsearch("report", "--study", "simulated", "-o", "report.html", folder=tmp_path)

    with open_store(tmp_path / "studies.db") as store:
        trials = store.trials(store.study("simulated").id)
    assert all(trial.state == "failed" for trial in trials)
    assert any(trial.value is not None for trial in trials)
    assert (run.returncode, report.returncode) == (1, 0)
    said = "no trial has ended well, so there is nothing to retrain; `hpsearch trials --study simulated` shows why"
    assert said in run.stderr
    assert "has no trial that has ended well" in retrain.stderr
    assert said.replace("`", "") in Page((tmp_path / "report.html").read_text()).text("facts")
