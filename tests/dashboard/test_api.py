"""The data behind the pages, as scripts read them."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest
from tests.dashboard.asking import ask
from tests.dashboard.conftest import EVIL, TRACEBACK, new_study
from tests.end_to_end.command import start

from hpsearch.dashboard.answers import to_json
from hpsearch.storage import open_store
from hpsearch.study import StudyState

JSON = {"content_type": "application/json"}
LONG = """\
study: long
parameters: {rate: {type: float, min: 1e-4, max: 1e-1, scale: log}}
training: {trainer: simulated, epochs: 1000, seconds_per_epoch: 0.2}
search: {backend: random, max_trials: 2}
"""


def sql(database, query):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def test_studies_are_listed(app):
    digits, empty = ask(app, "/api/studies").json()["studies"]

    assert digits["name"] == "digits"
    assert digits["trials"] == {"complete": 2, "pruned": 1, "failed": 2, "waiting": 1}
    assert digits["best"] == {"trial": 1, "value": 0.75}
    assert (digits["ended"], digits["planned_trials"], digits["planned_epochs"]) == (5, 20, 40)
    assert digits["epochs"] == 8
    assert digits["running"] is False
    assert digits["seconds_left"] is None or digits["seconds_left"] > 0
    assert (empty["name"], empty["best"], empty["trials"], empty["ended"]) == ("empty", None, {}, 0)


def test_what_people_wrote_is_data(app):
    answer = ask(app, "/api/studies")

    assert answer.header("content-type") == "application/json"
    assert answer.json()["studies"][0]["description"] == EVIL


def test_a_study_is_told_in_full(app):
    study = ask(app, "/api/studies/digits").json()

    assert study["best"]["number"] == 1
    assert study["best"]["parameters"] == {"rate": 0.1, "kind": "<b>"}
    assert (study["seed"], study["order"], study["yaml"]) == (7, "number", "study: digits\n")
    assert study["versions"] == {"keras": "3.15.1"}
    assert study["events"] == study["notes"] == []


def test_a_study_without_a_trial_has_no_best(app):
    assert ask(app, "/api/studies/empty").json()["best"] is None
    assert ask(app, "/api/studies/empty/trials").json() == {"trials": [], "total": 0, "limit": 100, "offset": 0}


@pytest.mark.parametrize("path", ["", "/trials", "/trials/0", "/epochs?trial=0"])
@pytest.mark.parametrize("name", ["missing", "Digits", "<b>", "%00", "x" * 5000, "..%2Fdigits"])
def test_an_unknown_study_is_told_by_the_store(app, name, path):
    answer = ask(app, f"/api/studies/{name}{path}")

    assert answer.status == 404
    assert "There is no" in answer.json()["error"]


def test_an_unknown_study_names_those_that_there_are(app, database):
    said = ask(app, "/api/studies/digit").json()["error"]

    assert said == f"There is no study 'digit' in {database}: it holds digits, empty."


def test_trials_come_in_the_order_of_their_numbers(app):
    answer = ask(app, "/api/studies/digits/trials").json()

    assert [trial["number"] for trial in answer["trials"]] == [0, 1, 2, 3, 4, 5]
    assert answer["total"] == 6
    assert answer["trials"][3]["error"] == "ValueError: <script>no</script>"
    assert "backend_state" not in answer["trials"][0]


@pytest.mark.parametrize(
    ("query", "numbers", "total"),
    [
        ("limit=2", [0, 1], 6),
        ("limit=2&offset=3", [3, 4], 6),
        ("offset=4", [4, 5], 6),
        ("offset=99", [], 6),
        ("sort=-value", [1, 0, 2, 3, 4, 5], 6),
        ("sort=value&limit=1&offset=1", [0], 6),
        ("sort=rate&limit=3", [4, 3, 2], 6),
        ("state=complete", [0, 1], 2),
        ("state=complete&state=pruned&sort=-number", [2, 1, 0], 3),
        ("state=invalid", [], 0),
    ],
)
def test_trials_are_sorted_chosen_and_paged_in_sql(app, query, numbers, total):
    answer = ask(app, f"/api/studies/digits/trials?{query}").json()

    assert [trial["number"] for trial in answer["trials"]] == numbers
    assert answer["total"] == total


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit: Input should be greater than or equal to 1."),
        ("limit=1001", "limit: Input should be less than or equal to 1000."),
        ("limit=ten", "limit: Input should be a valid integer"),
        ("offset=-1", "offset: Input should be greater than or equal to 0."),
        ("offset=99999999999999999999", "offset: Input should be less than 2147483648."),
        ("state=done", "state: Input should be 'waiting', 'running'"),
        ("sort=vlaue", "Trials have no column 'vlaue' to sort by: did you mean value?"),
        ("sort=1;DROP TABLE trials", "Trials have no column '1;DROP TABLE trials' to sort by"),
        ("sort=backend_state", "Trials have no column 'backend_state' to sort by"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told(app, query, said):
    answer = ask(app, f"/api/studies/digits/trials?{query}")

    assert answer.status == 400
    assert answer.json()["error"].startswith(said)


def test_a_trial_is_told_in_full(app):
    trial = ask(app, "/api/studies/digits/trials/3").json()

    assert trial["error"] == TRACEBACK
    assert trial["attempts"][0]["outcome"] == "error"
    assert trial["epochs"] == [
        {"epoch": 1, "trial": 3, "attempt": 1, "seconds": 0.5, "values": {"loss": "nan", "val_accuracy": "inf"}}
    ]


@pytest.mark.parametrize(
    ("number", "status"), [("6", 404), ("-1", 400), ("x", 400), ("99999999999999999999", 400), ("1.5", 400)]
)
def test_a_trial_that_there_is_not_is_told(app, number, status):
    answer = ask(app, f"/api/studies/digits/trials/{number}")

    assert answer.status == status
    assert answer.json()["error"]


def test_whole_curves_are_given_those_of_parents_too(app):
    answer = ask(app, "/api/studies/digits/epochs?trial=5&trial=0&trial=5").json()

    assert [one["trial"] for one in answer["trials"]] == [5, 0]
    assert [(epoch["trial"], epoch["epoch"]) for epoch in answer["trials"][0]["epochs"]] == [(1, 1), (1, 2)]
    assert [epoch["values"]["val_accuracy"] for epoch in answer["trials"][1]["epochs"]] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("trial=x", 400),
        ("trial=-1", 400),
        ("&".join(f"trial={n}" for n in range(101)), 400),
        ("trial=9", 404),
    ],
)
def test_curves_that_cannot_be_given_are_told(app, query, status):
    answer = ask(app, f"/api/studies/digits/epochs?{query}")

    assert answer.status == status
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/no/such", 404), ("GET", "/api/", 404), ("POST", "/api/studies", 405)]
)
def test_what_the_api_does_not_have_is_told_in_json(app, method, path, status):
    answer = ask(app, path, method, **JSON)

    assert answer.status == status
    assert answer.json()["error"]


def test_numbers_that_json_does_not_have_are_text():
    assert to_json({"a": [float("nan"), (float("inf"),)], 1: float("-inf")}) == b'{"a":["nan",["inf"]],"1":"-inf"}'


def test_a_study_that_nobody_runs_is_not_stopped(app, store):
    answer = ask(app, "/api/studies/digits/stop", "POST", **JSON)

    assert answer.status == 409
    assert answer.json() == {"error": "Study digits is not being run: there is nothing to stop."}
    assert store.pending_actions(store.study("digits").id) == []


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain;application/json"],
)
def test_no_form_can_stop_a_study(app, content_type):
    assert ask(app, "/api/studies/digits/stop", "POST", content_type=content_type).status == 415


def test_reading_the_address_that_stops_stops_nothing(app):
    assert ask(app, "/api/studies/digits/stop").status in (404, 405)


def test_a_missing_study_cannot_be_stopped(app):
    assert ask(app, "/api/studies/missing/stop", "POST", **JSON).status == 404


def test_a_running_study_stops_within_an_epoch(tmp_path):
    from hpsearch.dashboard.server import make_app

    (tmp_path / "long.yaml").write_text(LONG)
    run = start("run", "long.yaml", "--workers", 1, "--no-retrain", "--quiet", folder=tmp_path)
    database = tmp_path / "studies.db"
    try:
        wait_until(lambda: database.exists() and database.stat().st_size and sql(database, "SELECT 1 FROM epochs"), run)
        with open_store(database) as store:
            app = make_app(store)
            before = ask(app, "/api/studies/long").json()

            answer = ask(app, "/api/studies/long/stop", "POST", **JSON, origin="http://127.0.0.1:8050")

            assert (answer.status, answer.json()) == (202, {"study": "long", "asked": "stop"})
            run.communicate(timeout=60)
            assert len(sql(database, "SELECT 1 FROM epochs")) < 100  # of the 2,000 that it would have
            after = ask(app, "/api/studies/long").json()
            assert store.study("long").state is StudyState.STOPPED
    finally:
        run.kill()
        run.communicate()
    assert (before["running"], after["running"]) == (True, False)
    assert before["seconds_left"] is None or before["seconds_left"] > 100
    assert after["seconds_left"] is None


def wait_until(condition, process, seconds=60):
    """Wait for `condition`, as long as `process` runs."""
    deadline = time.monotonic() + seconds
    while not tables_there(condition):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def tables_there(condition):
    try:
        return condition()
    except sqlite3.OperationalError:  # the tables are about to be made
        return False


def test_a_database_that_cannot_be_written_says_so(tmp_path):
    from hpsearch.dashboard.server import make_app

    database = tmp_path / "studies.db"
    with open_store(database, create=True) as store:
        study = store.create_study(new_study("held"))
        with store.claim(study.id), open_store(database) as reading:
            app = make_app(reading)
            folder = database.with_name("gone.db")
            database.rename(folder)

            answer = ask(app, "/api/studies/held/stop", "POST", **JSON)

            folder.rename(database)
    assert answer.status == 503
    assert "studies.db" in answer.json()["error"]  # there is none, or it cannot be opened: whoever looks first
