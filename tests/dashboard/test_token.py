"""The token is made once, and only its owner can read it."""

from __future__ import annotations

import os
import stat

import pytest

from hpsearch.dashboard.token import token_of
from hpsearch.errors import ConfigError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_token_is_made_when_it_is_first_needed(tmp_path):
    file = tmp_path / "config" / "hpsearch" / "dashboard-token"

    token, made = token_of(file)

    assert made
    assert len(token) == 43  # 32 bytes in base64
    assert file.read_text() == token + "\n"
    assert mode(file) == 0o600
    assert mode(file.parent) == mode(file.parent.parent) == 0o700


def test_the_next_time_it_is_the_same(tmp_path):
    first, _ = token_of(tmp_path / "token")

    assert token_of(tmp_path / "token") == (first, False)


def test_two_tokens_differ(tmp_path):
    assert token_of(tmp_path / "one")[0] != token_of(tmp_path / "two")[0]


def test_it_is_private_whatever_new_files_are(tmp_path):
    before = os.umask(0)
    try:
        token_of(tmp_path / "folder" / "token")
    finally:
        os.umask(before)

    assert mode(tmp_path / "folder" / "token") == 0o600
    assert mode(tmp_path / "folder") == 0o700


def test_a_token_of_ones_own_is_taken_as_it_is(tmp_path):
    assert token_of(write(tmp_path / "token", "  my-own-long-token!\n")) == ("my-own-long-token!", False)


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o644, 0o620, 0o660, 0o601])
def test_a_file_that_others_can_reach_is_refused(tmp_path, wide):
    with pytest.raises(ConfigError, match=r"Others can read the token's file .*: run `chmod 600 "):
        token_of(write(tmp_path / "token", "x" * 43, wide))


def test_a_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    file = write(tmp_path / "token", "x" * 43)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)

    with pytest.raises(ConfigError, match="belongs to somebody else"):
        token_of(file)


@pytest.mark.parametrize("held", ["", "\n", "   \n\n"])
def test_an_empty_file_is_refused(tmp_path, held):
    with pytest.raises(ConfigError, match="is empty: delete it, and a new one is made"):
        token_of(write(tmp_path / "token", held))


@pytest.mark.parametrize("held", ["short", "two words of a long text", "x" * 5000, "ääääääääääääääääää", "a\x00" * 20])
def test_what_is_no_token_is_refused(tmp_path, held):
    with pytest.raises(ConfigError, match="holds no token: one word of 16 or more"):
        token_of(write(tmp_path / "token", held))


def test_a_folder_is_no_token(tmp_path):
    with pytest.raises(ConfigError, match="is no file"):
        token_of(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(ConfigError, match="is no file"):
        token_of(tmp_path / "pipe")


def test_a_file_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be made: Not a directory"):
        token_of(tmp_path / "file" / "token")
