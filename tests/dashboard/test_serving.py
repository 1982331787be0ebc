"""The command, a real web server and a real connection."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from tests.end_to_end.command import command, hpsearch

from hpsearch.dashboard.serving import _listener

SECONDS = 60


@contextlib.contextmanager
def serving(folder, *options, **environment):
    """A dashboard as a person starts it; gives the process, its port, and the lines that it said first."""
    process = subprocess.Popen(
        command("dashboard", "--port", 0, *options),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        while not said or "dashboard of" not in said[-1]:
            line = process.stdout.readline()
            assert line, process.communicate()
            said.append(line.rstrip("\n"))
        yield process, int(re.search(r"http://\S+:(\d+)", said[-1])[1]), said
    finally:
        process.kill()
        process.communicate()


def end(process, number):
    """The exit code after a signal, what else was said, and how long it took."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out + err, time.monotonic() - began


def get(port, path="/", method="GET", body=None, **headers):
    """Status, headers and body of one request over a connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()


def upgrade(port, **headers):
    """The status of the answer to a websocket's handshake."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        wish = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        wish["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
        connection.request("GET", "/_dash-ws-callback", headers=wish | headers)
        return connection.getresponse().status


@pytest.fixture(scope="module")
def folder(database):
    """The folder of the database of all tests."""
    return database.parent


def test_for_this_machine_it_asks_for_nothing_and_ends_with_a_ctrl_c(folder):
    with serving(folder) as (process, port, said):
        status, headers, body = get(port)
        listed = json.loads(get(port, "/api/studies")[2])
        opened = upgrade(port, Origin=f"http://127.0.0.1:{port}")
        foreign = upgrade(port, Origin="http://evil.example")
        rebound = get(port, Host="evil.example")[0]
        code, more, seconds = end(process, signal.SIGINT)

    assert said == [f"dashboard of studies.db on http://127.0.0.1:{port} - Ctrl-C ends it"]
    assert status == 200
    assert b"_dash-config" in body
    assert "server" not in {name.lower() for name in headers}
    assert [study["name"] for study in listed["studies"]] == ["digits", "empty"]
    assert (opened, foreign, rebound) == (101, 403, 403)
    assert (code, more) == (130, "")
    assert seconds < 10


def test_for_others_it_asks_for_a_token_that_it_makes(folder, tmp_path):
    with serving(folder, "--host", "0.0.0.0", "--allow-host", "dash.example", XDG_CONFIG_HOME=str(tmp_path)) as found:
        process, port, said = found
        file = tmp_path / "hpsearch" / "dashboard-token"
        token = file.read_text().strip()
        closed = [get(port)[0], get(port, "/api/studies")[0], upgrade(port), get(port, Host="dash.example")[0]]
        form = get(port, Accept="text/html")
        led = get(port, f"/?token={token}")
        cookie = led[1]["set-cookie"].partition(";")[0]
        opened = [
            get(port, Cookie=cookie)[0],
            get(port, Host="dash.example", Cookie=cookie)[0],
            get(port, "/api/studies", Authorization=f"Bearer {token}")[0],
            upgrade(port, Cookie=cookie, Origin=f"http://127.0.0.1:{port}"),
        ]
        too_much = get(port, "/_dash-update-component", "POST", b"x" * (2**20 + 1), Cookie=cookie)[0]
        code, more, _ = end(process, signal.SIGTERM)

    assert said == [
        f"the token that it asks for is in {file}, made now",
        f"dashboard of studies.db on http://0.0.0.0:{port} - Ctrl-C ends it",
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in "".join(said) + more
    assert closed == [401, 401, 401, 401]
    assert (form[0], b"<form" in form[2]) == (401, True)
    assert (led[0], led[1]["location"]) == (303, "/")
    assert opened == [200, 200, 200, 101]
    assert too_much == 413
    assert (code, more) == (143, "")


def test_a_port_in_use_is_told(folder):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]

        done = hpsearch("dashboard", "--port", port, folder=folder)

    assert done.returncode == 2
    assert done.stderr == (
        f"Port {port} of 127.0.0.1 is in use: give another with --port, or --port 0 for any free one.\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--database", "missing.db"], "There is no database missing.db: `hpsearch run` makes one"),
        (["--database", "text.db"], "text.db is not an SQLite database, or it is damaged."),
        (["--host", "no.such.host.invalid"], "There is no address 'no.such.host.invalid' to listen on"),
        (["--host", "203.0.113.7"], "Port 0 of 203.0.113.7 cannot be listened on"),
        (["--allow-host", "http://dash"], "'http://dash' is not the name of a host: give it alone"),
        (["--token-file", "open.txt"], "Others can read the token's file open.txt"),
        (["--token-file", "text.db/token"], "The token's file text.db/token cannot be made: Not a directory."),
        (["--port", "70000"], "Invalid value for '--port'"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(folder, options, said):
    (folder / "text.db").write_text("no database at all, but a text that is long enough to be read as one" * 20)
    (folder / "open.txt").write_text("x" * 43)
    (folder / "open.txt").chmod(0o644)

    done = hpsearch("dashboard", *(["--port", 0] if "--port" not in options else []), *options, folder=folder)

    assert done.returncode == 2
    assert done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_asked_for_on_one_connection_is_not_held_back():
    """Without TCP_NODELAY the second part of each answer waits for the other side, which takes its time: 40 ms."""
    with contextlib.closing(_listener("127.0.0.1", 0)) as listener:
        nodelay = asyncio.run(_nodelay_of_an_accepted_connection(listener))

    assert nodelay == 1


async def _nodelay_of_an_accepted_connection(listener):
    found = asyncio.get_running_loop().create_future()

    def accepted(reader, writer):
        found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    server = await asyncio.start_server(accepted, sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            return await asyncio.wait_for(found, SECONDS)
        finally:
            writer.close()
