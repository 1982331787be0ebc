"""What the everyday commands load: neither TensorFlow nor Keras, so that they answer at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "keras_tuner", "jax", "optuna", "sklearn")

# Runs the command as the console script does, then tells what it has loaded.
PROGRAM = """
import sys
from hpsearch.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as exit:
    code = exit.code
sys.stdout.flush()
print("\\nLOADED", code, *sorted(name for name in sys.modules if "." not in name))
"""


def loaded_by(*arguments: str, directory) -> tuple[int, set[str]]:
    """Exit code and top-level modules of ``hpsearch ARGUMENTS``, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=directory, capture_output=True, text=True, check=True
    )
    code, *modules = done.stdout.rpartition("LOADED ")[2].split()
    return int(code) if code != "None" else 0, set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["best", "--help"], ["trials", "--help"], ["run", "--help"]])
def test_help_loads_nothing_heavy(arguments, tmp_path):
    code, modules = loaded_by(*arguments, directory=tmp_path)

    assert code == 0
    assert not modules & set(HEAVY)


@pytest.mark.parametrize("command", ["best", "trials"])
def test_reading_a_study_loads_nothing_heavy(command, tmp_path):
    database = tmp_path / "empty.db"
    loaded_by("db", "upgrade", "--database", str(database), directory=tmp_path)

    code, modules = loaded_by(command, "--study", "missing", "--database", str(database), directory=tmp_path)

    assert code == 2  # the study does not exist, which was read from the database
    assert "sqlalchemy" in modules
    assert not modules & set(HEAVY)
