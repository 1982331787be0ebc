"""Every mistake of a person: one sentence each on stderr, exit code 2, nothing written."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.end_to_end.command import SIMULATED, command, hpsearch

from hpsearch.cli.main import cli

GOLDEN = max((Path(__file__).parents[1] / "data").glob("schema_*.db"))

SPACE = """\
study: small
dataset: {name: digits}
parameters:
  units: {type: int, min: 8, max: 32, step: 8}
  rate: {type: float, min: 1e-4, max: 1e-2, scale: log}
  optimizer: [adam, sgd]
  momentum: {type: float, min: 0.5, max: 0.9, when: {optimizer: sgd}}
model:
  - Flatten
  - Dense: {units: $units, activation: relu}
  - Dense: {units: $classes, activation: softmax}
training:
  epochs: 2
  optimizer: {name: $optimizer, learning_rate: $rate, momentum: $momentum}
  loss: sparse_categorical_crossentropy
search: {backend: random, max_trials: 3}
"""


@pytest.fixture
def folder(tmp_path, tmp_path_factory, monkeypatch):
    """An empty folder to stand in, with nothing of this machine in sight."""
    empty = tmp_path / "folder"
    empty.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # Keras writes its settings where there are none, in a worker that is started ahead too: not where a test looks
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
    for name in ("HPSEARCH_DATABASE", "HPSEARCH_DATA_DIR", "XDG_CACHE_HOME", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")  # `predict` and an inline executor set another
    monkeypatch.setattr(sys, "path", list(sys.path))
    return empty


@pytest.fixture
def told(folder):
    """Run a command that must fail by the person's mistake and leave everything as it was; its sentences."""

    def told(*arguments: object) -> list[str]:
        before = litter(folder.parent)
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        assert isinstance(result.exception, SystemExit), result.output
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Traceback" not in result.stderr
        assert litter(folder.parent) == before
        return result.stderr.splitlines()

    return told


def litter(folder):
    """All files below `folder` with their content, and all folders; but for SQLite's own beside a database."""
    paths = [path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))]
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


def changed(old, new):
    assert SPACE.count(old) >= 1, old
    return SPACE.replace(old, new, 1)


# (what is changed, into what, the line, what the one sentence must say)
MISTAKES = {
    "unknown key": ("search: {", "serch: {}\nsearch: {", 16, "no key `serch`"),
    "misspelt section": ("search: {", "serach: {", 16, "did you mean `search`?"),
    "misspelt model": ("model:", "modle:", 8, "did you mean `model`?"),
    "misspelt parameters": ("parameters:", "paramters:", 3, "did you mean `parameters`?"),
    "misspelt training": ("training:", "trainig:", 12, "did you mean `training`?"),
    "duplicate key": ("  epochs: 2", "  epochs: 2\n  epochs: 3", 14, "stands twice"),
    "layer": ("- Flatten", "- Flaten", 9, "did you mean `Flatten`?"),
    "block": ("- Flatten", "- Flatten\n  - residul: [Dense: 3]", 10, "did you mean `residual`?"),
    "argument": ("units: $units", "unit: $units", 10, "did you mean `units`?"),
    "activation": ("activation: relu", "activation: rellu", 10, "did you mean `relu`?"),
    "optimizer": ("[adam, sgd]", "[adm, sgd]", 14, "did you mean `adam`?"),
    "optimizer's argument": ("learning_rate: $rate", "learningrate: $rate", 14, "did you mean `learning_rate`?"),
    "no optimizer": ("  optimizer: {name: $optimizer, learning_rate: $rate, momentum: $momentum}\n", "", 12, "needs"),
    "text for a truth value": ("activation: relu", "use_bias: no", 10, "`use_bias` is `no`, but true or false"),
    "text for a number": ("learning_rate: $rate", "weight_decay: '0.1', learning_rate: $rate", 14, "a number was"),
    "metric": ("epochs: 2", "epochs: 2\n  metrics: [acuracy]", 14, "did you mean `accuracy`?"),
    "loss": ("crossentropy", "crossentropie", 15, "did you mean `sparse_categorical_crossentropy`?"),
    "data set": ("name: digits", "name: digit", 2, "did you mean `digits`?"),
    "data set's key": ("name: digits", "name: digits, labels: coarse", 2, "rescale or test."),
    "sampler": ("backend: random", "backend: optuna, sampler: tpee", 16, "did you mean `tpe`?"),
    "pruner": ("backend: random", "backend: optuna, pruner: medain", 16, "did you mean `median`?"),
    "backend": ("backend: random", "backend: randm", 16, "did you mean `random`?"),
    "trainer": ("epochs: 2", "epochs: 2\n  trainer: simulatd", 14, "did you mean `simulated`?"),
    "min > max": ("min: 8,", "min: 64,", 4, "min 64 above max 32"),
    "step": ("max: 32", "max: 30", 4, "the last value is 24"),
    "log from 0": ("min: 1e-4", "min: 0", 5, "needs a min above 0"),
    "log with step": ("scale: log", "scale: log, step: 1e-4", 5, "write a choice, such as [0.0001"),
    "NaN": ("min: 1e-4", "min: .nan", 5, "not a finite number"),
    "infinity": ("max: 1e-2", "max: 1e999", 5, "not a finite number"),
    "empty choice": ("[adam, sgd]", "[]", 6, "is empty"),
    "equal values": ("[adam, sgd]", "[adam, sgd, adam]", 6, "twice"),
    "when unknown": ("{optimizer: sgd}", "{optimzer: sgd}", 7, "did you mean `optimizer`?"),
    "when never": ("{optimizer: sgd}", "{optimizer: sdg}", 7, "it takes `adam` or `sgd`"),
    "when out of range": ("{optimizer: sgd}", "{units: {min: 100}}", 7, "`units` takes numbers from 8 to 32"),
    "cycle": ("{optimizer: sgd}", "{momentum: 0.5}", 7, "go in a circle"),
    "unknown name": ("units: $units", "units: $unit", 10, "did you mean `units`?"),
    "division by zero": ("units: $units", "units: $(units // 0)", 10, "divides by zero"),
    "division by zero once": ("units: $units", "units: $(64 // (units - 8))", 10, "(with `units` 8)"),
    "huge power": ("units: $units", "units: $(9**9**9**9)", 10, "too large"),
    "huge power in a bound": ("min: 8,", "min: $(10**10**10),", 4, "too large"),
    "code": ("units: $units", "units: $(__import__('os').system('touch x'))", 10, "cannot be called"),
    "an attribute": ("units: $units", "units: $(units.__class__)", 10, "is not allowed"),
    "no expression": ("units: $units", "units: $(units +)", 10, "not arithmetic"),
    "built-in name": ("  rate:", "  classes: [1, 2]\n  rate:", 5, "is built in"),
    "name of a function": ("  rate:", "  round: [1, 2]\n  rate:", 5, "is built in"),
    "study with a slash": ("study: small", "study: a/b", 1, "letters, digits, dots, dashes and underscores"),
    "study of dots alone": ("study: small", "study: ..", 1, "not dots alone"),
    "study that is a number": ("study: small", "study: 123", 1, "text was expected"),
    "validation 0": ("name: digits", "name: digits, validation: 0", 2, "`validation` is 0"),
    "validation 1": ("name: digits", "name: digits, validation: 1.0", 2, "`validation` is 1"),
    "validation of few": ("name: digits", "name: digits, validation: 3", 2, "each of the 10 classes"),
    "train_subset 0": ("name: digits", "name: digits, train_subset: 0", 2, "`train_subset` is 0"),
    "train_subset too large": ("name: digits", "name: digits, train_subset: 9999", 2, "only 1293 training images left"),
    "train_subset of few": ("name: digits", "name: digits, train_subset: 5", 2, "each of the 10 classes"),
    "epochs 0": ("epochs: 2", "epochs: 0", 13, "a whole number from 1"),
    "endless epochs": ("epochs: 2", "epochs: 100000000000000000000", 13, "go up to 1000000000"),
    "endless trials": ("max_trials: 3", "max_trials: 100000000000000000000", 16, "1 to 1000000000"),
    "duration": ("search: {", "limits: {timeout: 2}\nsearch: {", 16, "90s, 10m or 2h"),
    "torn expression": ("units: $units", "units: $(max(units, 3))", 10, "in quotes"),
    "YAML": ("units: {type: int, min: 8,", "units: {type: int, min: 8, ]", 4, "not readable YAML"),
    "YAML without an end": ("study: small", 'study: "small', None, "not readable YAML"),
    "missing data file": ("name: digits", "name: npz, path: no.npz", 2, "HPSEARCH_DATA_DIR"),
    "missing folder": ("name: digits", "name: images, path: no, size: [8, 8]", 2, "There is no folder"),
    "missing function": ("name: digits", "name: nowhere:load", 2, "No module named 'nowhere'"),
}


@pytest.mark.parametrize(("old", "new", "line", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_in_a_file_is_one_sentence_at_its_line(folder, told, old, new, line, said):
    (folder / "space.yaml").write_text(changed(old, new))

    (sentence,) = told("run", "space.yaml")

    assert re.match(rf"space\.yaml:{line if line is not None else '[0-9]+'}: ", sentence), sentence
    assert said in sentence


@pytest.mark.parametrize(
    ("layer", "said"),
    [("Reshape: [7]", "Reshape (layer 2) cannot be built"), ("Dense: 7", "10 classes need 10 numbers")],
)
def test_a_fixed_model_that_cannot_be_built_is_told_before_anything_runs(folder, told, layer, said):
    text = re.sub(r"(  - Flatten\n)(  - .*\n)+", rf"\1  - {layer}\n", SPACE)
    (folder / "space.yaml").write_text(text.replace("  units: {type: int, min: 8, max: 32, step: 8}\n", ""))

    (sentence,) = told("run", "space.yaml")

    assert sentence.startswith("space.yaml:7: ")
    assert said in sentence


@pytest.mark.parametrize("model", ["[]", "Dense", "{Dense: 3}", "null"])
def test_what_only_follows_is_not_told(folder, told, model):
    text = re.sub(r"model:\n(  - .*\n)+", f"model: {model}\n", SPACE)
    (folder / "space.yaml").write_text(text)  # nothing uses `units` now

    (sentence,) = told("validate", "space.yaml")

    assert sentence.startswith("space.yaml:8: `model` ")


def test_what_stands_below_a_misspelt_section_is_checked_too(folder, told):
    (folder / "space.yaml").write_text(SPACE.replace("training:", "trainig:").replace("epochs: 2", "epochs: 0"))

    assert [sentence.partition(" ")[0] for sentence in told("validate", "space.yaml")] == [
        "space.yaml:12:",
        "space.yaml:13:",
    ]


def test_several_mistakes_are_told_together_in_the_order_of_their_lines(folder, told):
    text = SPACE.replace("digits", "digit").replace("max: 32", "max: 30").replace("Flatten", "Flaten")
    (folder / "space.yaml").write_text(text.replace("max_trials: 3", "max_trials: 0"))

    lines = [int(sentence.split(":")[1]) for sentence in told("run", "space.yaml")]

    assert lines == [2, 4, 9, 16]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file space.yaml"),
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- a list\n", "a mapping with"),
        (b"words\n", "a mapping with"),
        ("study: \u00e9".encode("latin-1"), "space.yaml:1: This is not UTF-8 text"),
        (bytes(range(256)), "not UTF-8"),
        (b"study: a\x00b\n", "space.yaml:1: This is not readable YAML"),
        (b"x: " + b"a" * 1_000_001, "larger than 1 MB"),
    ],
    ids=["missing", "empty", "a remark", "a list", "words", "latin-1", "bytes", "NUL", "large"],
)
@pytest.mark.parametrize("command_name", ["run", "plan", "validate"])
def test_a_file_that_is_no_space_is_one_sentence(folder, told, command_name, content, said):
    if content is not None:
        (folder / "space.yaml").write_bytes(content)

    (sentence,) = told(command_name, "space.yaml")

    assert said in sentence


def test_a_folder_is_no_space(folder, told):
    (folder / "space.yaml").mkdir()

    assert told("run", "space.yaml") == ["space.yaml is a folder, but a YAML file was expected."]


# Data ----------------------------------------------------------------------------------------------------------------

IMAGES = np.zeros((40, 8, 8), np.uint8)
LABELS = np.arange(40) % 4


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": IMAGES}, "has no array x_train; the arrays there are a."),
        ({"x_train": IMAGES}, "has no array y_train"),
        ({"x_train": np.zeros(40), "y_train": LABELS}, "shape (40,)"),
        ({"x_train": np.zeros((40, 2, 2, 2, 2)), "y_train": LABELS}, "shape (40, 2, 2, 2, 2)"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "shape (0, 8, 8)"),
        ({"x_train": IMAGES, "y_train": LABELS[:30]}, "30 labels for 40 images"),
        ({"x_train": IMAGES, "y_train": LABELS + 0.5}, "labels are whole numbers"),
        ({"x_train": IMAGES, "y_train": LABELS - 1}, "labels from -1 to 2"),
        ({"x_train": IMAGES, "y_train": LABELS * 2}, "has no image in y_train"),
        ({"x_train": IMAGES, "y_train": LABELS * 0}, "one class only"),
        ({"x_train": IMAGES, "y_train": np.eye(4)[LABELS]}, "shape (40, 4)"),
        ({"x_train": IMAGES, "y_train": np.r_[LABELS[:39] % 3, 3]}, "class 3 has only one image"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": np.zeros((4, 9, 9), np.uint8)}, "x_test has images of 9x9x1"),
        ({"x_train": np.full((40, 8, 8), np.nan), "y_train": LABELS}, "NaN or infinite"),
    ],
)
def test_an_npz_without_what_it_needs_is_one_sentence(folder, told, arrays, said):
    np.savez(folder / "data.npz", **arrays)
    (folder / "space.yaml").write_text(changed("name: digits", "name: npz, path: data.npz"))

    (sentence,) = told("run", "space.yaml")

    assert said in sentence


@pytest.mark.parametrize("content", [b"nonsense", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_npz_is_one_sentence(folder, told, content):
    (folder / "data.npz").write_bytes(content)
    (folder / "space.yaml").write_text(changed("name: digits", "name: npz, path: data.npz"))

    assert told("run", "space.yaml") == [f"space.yaml:2: {folder / 'data.npz'} is not a readable .npz file."]


def test_a_named_set_with_other_images_is_refused(folder, told, monkeypatch):
    monkeypatch.setenv("HPSEARCH_DATA_DIR", str(folder))
    np.savez(folder / "cifar10.npz", x_train=IMAGES, y_train=LABELS)
    (folder / "space.yaml").write_text(changed("digits", "cifar10"))

    (sentence,) = told("run", "space.yaml")

    assert sentence.endswith("x_train has shape (40, 8, 8), but images of cifar10 are 32x32x3.")


def test_missing_data_name_the_path_and_the_variable(folder):
    (folder / "space.yaml").write_text(changed("digits", "cifar10"))
    nowhere = {  # no network, no cache of Keras's
        "HPSEARCH_DATA_DIR": str(folder / "data"),
        "KERAS_HOME": str(folder.parent / "keras"),
        "https_proxy": "http://127.0.0.1:9",
    }

    done = hpsearch("run", "space.yaml", folder=folder, environment=nowhere)

    (sentence,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert str(folder / "data" / "cifar10.npz") in sentence
    assert "HPSEARCH_DATA_DIR" in sentence
    assert [path.name for path in folder.iterdir()] == ["space.yaml"]


# Databases -----------------------------------------------------------------------------------------------------------


def other_database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()


NO_DATABASES = {
    "text": (
        lambda path: path.write_text("not a database, but long enough to be one\n" * 40),
        "not an SQLite database",
    ),
    "other tables": (other_database, "other tables than hpsearch's"),
    "a folder": (Path.mkdir, "is a folder"),
}


@pytest.mark.parametrize(("make", "said"), NO_DATABASES.values(), ids=list(NO_DATABASES))
@pytest.mark.parametrize("arguments", [("run", "space.yaml"), ("best", "--study", "x"), ("studies",), ("db", "check")])
def test_what_is_no_database_is_one_sentence(folder, told, arguments, make, said):
    (folder / "space.yaml").write_text(SIMULATED)
    make(folder / "other.db")

    (sentence,) = told(*arguments, "--database", "other.db")

    assert said in sentence
    assert sentence.count("other.db") == 1


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("no/folder/x.db", "There is no folder"),
        ("", "The name of the database is empty"),
        ("postgresql://person:secret@host/studies", "postgresql://person:***@host"),
        ("sqlite://", "give the path of an SQLite file"),
    ],
)
def test_a_database_that_cannot_be_made_is_one_sentence(folder, told, database, said):
    (folder / "space.yaml").write_text(SIMULATED)

    (sentence,) = told("run", "space.yaml", "--database", database)

    assert said in sentence


WITH_A_STUDY = (
    ["best"],
    ["trials"],
    ["show"],
    ["stop"],
    ["delete"],
    ["resume"],
    ["retrain"],
    ["rename", "new"],
    ["export", "-o", "trials.csv"],
    ["predict", "--split", "test"],
)


@pytest.mark.parametrize("arguments", WITH_A_STUDY, ids=lambda arguments: arguments[0])
def test_a_study_that_does_not_exist_names_the_ones_that_do(folder, told, arguments):
    shutil.copy(GOLDEN, folder / "studies.db")

    (sentence,) = told(*arguments, "--study", "goldn")

    assert "it holds golden." in sentence


@pytest.mark.parametrize(
    "arguments", [["best"], ["best", "--format", "python"], ["predict", "--split", "test"], ["retrain"]]
)
def test_a_study_without_a_finished_trial_is_one_sentence(folder, told, arguments):
    (folder / "space.yaml").write_text(SIMULATED.replace("epochs: 4", "epochs: 4, failure_rate: 1.0"))
    assert CliRunner().invoke(cli, ["run", "space.yaml", "--workers", "1", "--executor", "inline"]).exit_code == 1

    (sentence,) = told(*arguments, "--study", "simulated")

    assert "simulated" in sentence


# The command line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("run space.yaml --workers 0", "a whole number from 1"),
        ("run space.yaml --workers \u00b2", "a whole number from 1"),
        ("run space.yaml --set nonsense", "no key.path=value"),
        ("run space.yaml --set unknown.key=1", "has no key `unknown`"),
        ("run space.yaml --set serch.max_trials=1", "did you mean `search`?"),
        ("run space.yaml --set training.epochs=[1", "not readable YAML"),
        ("run space.yaml --set", "requires an argument"),
        ("run space.yaml --study a/b", "cannot be a study's name"),
        ("run space.yaml --study ..", "not dots alone"),
        ("run space.yaml --study=", "cannot be a study's name"),
        ("run space.yaml --executor ray", "'local', 'inline'"),
        ("run space.yaml other.yaml", "unexpected extra argument"),
        ("run", "Missing argument 'SPACE.yaml'"),
        ("run --wrokers 2 space.yaml", "--workers"),
        ("best", "Missing option '--study'"),
        ("best --study x --top 0", "0 is not in the range"),
        ("best --study x --format jsn", "'table', 'json', 'yaml', 'python'"),
        ("predict --study x", "either --split test or a FILE"),
        ("predict --study x --split test -o no/such.csv", "There is no folder"),
        ("bst", "did you mean 'best'?"),
        ("db chek", "did you mean 'check'?"),
        ("--vrebose", "--verbose"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(folder, told, arguments, said):
    (folder / "space.yaml").write_text(SIMULATED)

    (sentence,) = told(*arguments.split())

    assert said.lower() in sentence.lower()


def test_without_arguments_it_shows_what_there_is(folder):
    result = CliRunner().invoke(cli, [])

    assert result.exit_code == 2
    assert "Check space files and name every mistake." in result.output
    assert result.stdout == ""


# Disks without room --------------------------------------------------------------------------------------------------


def run_with_files_up_to(size, folder):
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
    return subprocess.run(
        command("run", "space.yaml", "--workers", 1, "--quiet", "--no-retrain"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        preexec_fn=limit,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_a_disk_without_room_before_the_study_starts_is_the_persons_mistake(folder):
    (folder / "space.yaml").write_text(SIMULATED)

    done = run_with_files_up_to(1_000, folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == ["No room left on the disk of studies.db: free some first."]
    assert [path.name for path in folder.iterdir()] == ["space.yaml"]


def test_a_disk_that_fills_up_ends_the_run_with_1_and_the_study_goes_on_afterwards(folder):
    (folder / "space.yaml").write_text(SIMULATED.replace("epochs: 4", "epochs: 150"))

    full = run_with_files_up_to(250_000, folder)
    resumed = hpsearch("resume", "--study", "simulated", "--no-retrain", folder=folder)

    assert full.returncode == 1, full.stderr
    assert "resume" in full.stderr
    assert len(full.stderr.splitlines()) == 1
    assert resumed.returncode == 0, resumed.stderr
    assert "6 complete" in resumed.stdout


# Files that ask for much ---------------------------------------------------------------------------------------------

LARGE = """\
study: large
dataset: {{name: digits}}
parameters:
{parameters}
model:
  - Flatten
{model}
training: {{epochs: 2, optimizer: adam, loss: sparse_categorical_crossentropy}}
search: {{max_trials: 3}}
"""


def references_in_one_list():
    names = [f"p{number}" for number in range(900)]
    return LARGE.format(
        parameters="\n".join(f"  {name}: [1, 2, 3]" for name in names),
        model=f"  - Reshape: [{', '.join('$' + name for name in names)}]",
    )


def nested_repeats():
    inner = '{repeat: $c, as: k, layers: [Dense: "$(i + j + k + 1)"]}'
    return LARGE.format(
        parameters="\n".join(f"  {name}: {{type: int, min: 1, max: 1000}}" for name in "abc"),
        model=f"  - {{repeat: $a, layers: [{{repeat: $b, as: j, layers: [{inner}]}}]}}",
    )


def wide_ranges():
    return LARGE.format(
        parameters="\n".join(f"  p{number}: {{type: int, min: 1, max: 100000}}" for number in range(100)),
        model="\n".join(f"  - Dense: $p{number}" for number in range(100)),
    )


@pytest.mark.parametrize(
    "text", [references_in_one_list(), nested_repeats(), wide_ranges()], ids=["list", "repeats", "ranges"]
)
def test_a_file_that_asks_for_much_is_checked_in_seconds(folder, text):
    (folder / "space.yaml").write_text(text)
    CliRunner().invoke(cli, ["validate", "digits_space"])  # Keras is loaded
    start = time.process_time()

    result = CliRunner().invoke(cli, ["validate", "space.yaml"])

    assert result.exit_code == 0, result.output
    assert time.process_time() - start < 6  # about 1.5 on a quiet machine; trying every combination takes minutes


def test_code_beside_a_file_is_found_wherever_one_stands(folder):
    (folder / "below").mkdir()
    (folder / "below" / "our_layers.py").write_text(
        "from keras.layers import Flatten\n\n\nclass Flat(Flatten):\n    pass\n"
    )
    (folder / "below" / "space.yaml").write_text(changed("- Flatten", "- our_layers:Flat"))

    result = CliRunner().invoke(cli, ["validate", "below/space.yaml"])

    assert result.exit_code == 0, result.output
