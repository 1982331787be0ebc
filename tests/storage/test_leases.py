"""One coordinator at a time, and what becomes of a lease whose owner is gone."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from hpsearch.errors import LeaseHeld, LeaseLost
from hpsearch.storage import leases, open_store

CLAIM = """
import sys, time
from hpsearch.storage import open_store
store = open_store(sys.argv[1], read_only=False)
lease = store.claim(int(sys.argv[2]))
print("claimed", flush=True)
time.sleep(60)
"""


@pytest.fixture
def another_coordinator(database, study):
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(database), str(study.id)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def change_lease(database, **columns):
    with sqlite3.connect(database, timeout=10) as connection:
        for name, value in columns.items():
            connection.execute(f"UPDATE studies SET lease_{name} = {value}")
    connection.close()


def test_a_living_coordinator_keeps_its_study_and_is_named(store, study, another_coordinator):
    with pytest.raises(LeaseHeld, match=rf"process {another_coordinator.pid} on .* since 20"):
        store.claim(study.id)

    assert store.is_running(study.id)


def test_a_killed_coordinators_study_is_taken_over_at_once(store, study, another_coordinator):
    another_coordinator.send_signal(signal.SIGKILL)  # not waited for: it stays a zombie
    deadline = time.monotonic() + 10
    while store.is_running(study.id):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    with store.claim(study.id):
        assert [event.kind for event in store.events(study.id)] == ["takeover"]


def test_a_pid_that_is_another_process_by_now_does_not_hold_the_lease(store, study, database):
    store.claim(study.id)
    change_lease(database, process_started="lease_process_started - 100")

    store.claim(study.id).release()


def test_another_hosts_lease_holds_for_a_minute_without_heartbeat(store, study, database):
    store.claim(study.id)
    change_lease(database, host="'elsewhere'", heartbeat_at="strftime('%Y-%m-%d %H:%M:%f', 'now', '-50 seconds')")
    with pytest.raises(LeaseHeld, match="elsewhere"):
        store.claim(study.id)

    change_lease(database, heartbeat_at="strftime('%Y-%m-%d %H:%M:%f', 'now', '-70 seconds')")

    store.claim(study.id).release()


def test_a_coordinator_that_stands_still_on_this_host_loses_its_study_after_a_minute(
    store, study, another_coordinator, database
):
    change_lease(database, heartbeat_at="strftime('%Y-%m-%d %H:%M:%f', 'now', '-70 seconds')")
    with pytest.raises(LeaseHeld):  # it lives: the clock may have been set forward
        store.claim(study.id)

    another_coordinator.send_signal(signal.SIGSTOP)

    wait_until(lambda: not store.is_running(study.id))
    store.claim(study.id).release()


def test_who_lost_the_lease_writes_nothing_more(store, study, trial, database):
    lease = store.claim(study.id)
    writer = store.writer(lease)
    change_lease(database, token="'someone else'")

    with pytest.raises(LeaseLost), writer.transaction() as write:
        write.add_trial(trial(0))

    assert lease.is_lost
    assert store.trials(study.id) == []
    lease.release()
    with pytest.raises(LeaseHeld):  # releasing did not take the other's away
        store.claim(study.id)


def test_a_released_study_can_be_claimed_again(store, study):
    with store.claim(study.id), pytest.raises(LeaseHeld):
        store.claim(study.id)

    store.claim(study.id).release()
    assert not store.is_running(study.id)


def test_the_heartbeat_goes_on_while_the_coordinator_thinks_and_notices_a_takeover(store, study, database, monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.02)

    with store.claim(study.id) as lease:
        change_lease(database, heartbeat_at="'2000-01-01 00:00:00.000'")
        wait_until(lambda: heartbeat(database) > "2001")
        change_lease(database, token="'someone else'")
        wait_until(lambda: lease.is_lost)


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def heartbeat(database) -> str:
    connection = sqlite3.connect(database, timeout=10)
    (found,) = connection.execute("SELECT lease_heartbeat_at FROM studies").fetchone()
    connection.close()
    return found


def test_a_reader_may_look_while_a_lease_is_held(store, study, another_coordinator, database):
    with open_store(database) as reader:
        assert reader.study("digits").id == study.id
