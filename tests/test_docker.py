"""The Dockerfile does what it says, shown without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import click
import psutil
import pytest
from ruamel.yaml import YAML

from hpsearch.cli.main import cli

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
KNOWN = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}

# In the image pip keeps no cache, to keep the image small; here it may use what it has. Nothing runs often enough here
# to be worth compiling.
NOT_HERE = {"PIP_NO_CACHE_DIR"}
ONLY_HERE = {"PIP_NO_COMPILE": "1"}

IMAGE_BYTES = 4 * 2**30


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile with its text, comments out and continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word, text.strip()) for word, text in pairs]


@dataclass
class Image:
    """What a build has so far, with the image's root at `root` and its Python in `venv`."""

    root: Path
    venv: Path
    directory: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))
    environment: dict[str, str] = field(default_factory=dict)

    def place(self, path: str) -> Path:
        """Where a path of the image lies here."""
        return self.root / str(self.directory / path).lstrip("/")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_", "KERAS_"))}
        environment |= self.environment | ONLY_HERE
        environment["PATH"] = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(command, cwd=self.place("."), env=environment, capture_output=True, text=True)


def copy(image: Image, text: str) -> None:
    """COPY as Docker does it: a folder's content goes into the target, files go into a target that ends in a slash."""
    *sources, target = text.split()
    place = image.place(target)
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps `path` (as COPY names it) out of the build; its last matching line decides."""
    answer = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split():
        pattern = line.removeprefix("!")
        if pattern == "*" or path == pattern or path.startswith(f"{pattern}/"):
            answer = not line.startswith("!")
    return answer


@pytest.fixture
def roomy_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where there is plenty: a hundred thousand files take minutes on a slow disk."""
    memory = Path("/dev/shm")
    if not has_room(memory):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="hpsearch-image-", dir=memory) as folder:
        yield Path(folder)


def has_room(memory: Path) -> bool:
    """Whether programs may run from the file system in memory `memory`, and an image leaves most of it free."""
    if not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) > 3 * IMAGE_BYTES


def test_the_dockerfile_uses_only_instructions_that_these_tests_know():
    assert {word for word, _ in instructions()} <= KNOWN


def test_everything_that_is_copied_exists_and_is_not_ignored():
    sources = [source for word, text in instructions() if word == "COPY" for source in text.split()[:-1]]

    assert sources
    assert not [source for source in sources if not (ROOT / source).exists()]
    assert not [source for source in sources if ignored(source)]


def test_the_base_image_has_the_python_that_the_project_needs():
    (base,) = [text for word, text in instructions() if word == "FROM"]

    assert re.fullmatch(r"python:3\.1[1-9]-slim", base)


def test_compose_builds_this_dockerfile_and_runs_its_command():
    compose = YAML(typ="safe").load(ROOT / "docker" / "compose.yaml")
    demo = compose["services"]["demo"]
    context = (ROOT / "docker" / demo["build"]["context"]).resolve()
    words = dict(instructions())

    assert context == ROOT
    assert context / demo["build"]["dockerfile"] == DOCKERFILE
    assert demo["command"] == json.loads(words["CMD"])


def test_compose_serves_the_dashboard_to_this_machine_alone_and_asks_for_a_token():
    compose = YAML(typ="safe").load(ROOT / "docker" / "compose.yaml")
    demo, dashboard = compose["services"]["demo"], compose["services"]["dashboard"]
    command, *arguments = dashboard["command"]

    program = cli.get_command(click.Context(cli), command)
    options = program.make_context(command, arguments).params

    assert (demo["build"], demo["volumes"]) == (dashboard["build"], dashboard["volumes"])
    assert dashboard["ports"] == [f"127.0.0.1:{options['port']}:{options['port']}"]
    assert options["database"] == demo["command"][-1]
    assert str(options["token_file"]) == "dashboard-token"


@pytest.mark.stress
@pytest.mark.timeout(600, func_only=True)  # pip unpacks three gigabytes, which take as long to delete on a slow disk
def test_the_steps_of_the_dockerfile_run_in_order_in_a_fresh_environment(roomy_folder):
    image = Image(root=roomy_folder / "image", venv=roomy_folder / "venv")
    subprocess.run([sys.executable, "-m", "venv", image.venv], check=True)
    words = {}

    for word, text in instructions():
        words[word] = text
        if word == "ENV":
            pairs = dict(part.split("=", 1) for part in shlex.split(text))
            image.environment |= {name: value for name, value in pairs.items() if name not in NOT_HERE}
        elif word == "WORKDIR":
            image.directory /= text
            image.place(".").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            copy(image, text)
        elif word == "RUN":
            done = image.run("sh", "-c", text)
            assert done.returncode == 0, f"RUN {text}\n{done.stdout}\n{done.stderr}"

    # what `docker run` does, in short: two trials of one epoch
    command = json.loads(words["ENTRYPOINT"]) + json.loads(words["CMD"])
    assert (image.venv / "bin" / command[0]).exists()
    done = image.run(*command, "--smoke")
    assert done.returncode == 0, done.stderr
