"""The house holds: imports go down only, and what is heavy or impure stays in the rooms that own it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "hpsearch"

FLOORS = {
    "errors": 0,
    "lean": 0,
    "wording": 0,
    "space": 1,
    "study": 2,
    "search": 3,
    "training": 3,
    "storage": 3,
    "execution": 4,
    "figures": 4,
    "report": 5,
    "dashboard": 5,
    "door": 6,
    "cli": 6,
    "starting": 7,  # `hpsearch.run`: starts the command, opens the study through the door
    "__init__": 8,  # what `import hpsearch` offers
    "__main__": 8,  # what `python -m hpsearch` runs
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}

# library -> the only places that may import it, as prefixes of the path inside the package
OWNERS = {
    "tensorflow": ("training/",),
    "keras": ("training/", "search/keras_tuner", "door.py"),  # the door loads a saved model for its caller
    "keras_tuner": ("search/keras_tuner",),
    "optuna": ("search/optuna", "figures/importances"),
    "plotly": ("figures/",),
    "dash": ("dashboard/",),
    "dash_ag_grid": ("dashboard/",),
    "fastapi": ("dashboard/",),
    "starlette": ("dashboard/",),
    "uvicorn": ("dashboard/",),
    "jinja2": ("report/",),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "sqlite3": ("storage/",),
    "sklearn": ("training/", "report/", "search/keras_tuner"),
    "ruamel": ("space/", "cli/"),
    "click": ("cli/",),
    "rich": ("cli/",),
    "pynvml": ("execution/", "cli/doctor"),
}

# Files that make a child process's environment from their own, or that are the child's first lines.
ENVIRONMENT_MAKERS = {"execution/local.py", "execution/worker.py", "training/process.py", "door.py", "starting.py"}

FILES = sorted(PACKAGE.rglob("*.py"))


def where(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Every imported module by its absolute name, inside functions and under TYPE_CHECKING too, with its line."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where(file)}:{node.lineno} imports relatively"
            module = node.module or ""
            if module == "hpsearch":
                for name in node.names:
                    yield f"hpsearch.{name.name}", node.lineno
            else:
                yield module, node.lineno


def named_modules(file: Path) -> Iterator[tuple[str, int]]:
    """Registry entries: strings of the form ``hpsearch.room.module:attribute``, which are imports made later."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            module, colon, attribute = node.value.partition(":")
            if module.startswith("hpsearch.") and colon and attribute.replace(".", "_").isidentifier():
                yield module, node.lineno


def test_every_room_has_its_floor():
    rooms = {room(file) for file in FILES}

    assert rooms <= set(FLOORS), f"no floor is known for {sorted(rooms - set(FLOORS))}"


@pytest.mark.parametrize("file", FILES, ids=where)
def test_imports_go_down_only(file):
    own = room(file)
    wrong = [
        f"{where(file)}:{line} imports {module}"
        for module, line in [*imports(file), *named_modules(file)]
        if module.startswith("hpsearch.")
        and (other := module.split(".")[1]) != own
        and FLOORS.get(other, -1) >= FLOORS[own]
    ]

    assert not wrong, f"{own} is on floor {FLOORS[own]} and may import lower floors only"


@pytest.mark.parametrize("file", FILES, ids=where)
def test_libraries_are_imported_by_their_owners_only(file):
    wrong = [
        f"{where(file)}:{line} imports {module}"
        for module, line in imports(file)
        if (owners := OWNERS.get(module.split(".")[0])) and not where(file).startswith(owners)
    ]

    assert not wrong


@pytest.mark.parametrize("file", FILES, ids=where)
def test_nothing_is_printed(file):
    calls = [node for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    lines = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]

    assert not lines, f"{where(file)} prints in lines {lines}; answers go through click.echo, news through logging"


@pytest.mark.parametrize("file", FILES, ids=where)
def test_the_environment_is_read_in_cli_and_made_for_workers_in_execution_only(file):
    if where(file).startswith("cli/") or where(file) in ENVIRONMENT_MAKERS:
        return

    lines = [
        node.lineno
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv", "putenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]

    assert not lines, f"{where(file)} touches the environment in lines {lines}"


@pytest.mark.parametrize("file", FILES, ids=where)
def test_no_module_is_named_after_nothing(file):
    names = {part.removesuffix(".py") for part in file.relative_to(PACKAGE).parts}

    assert not names & FORBIDDEN_NAMES


@pytest.mark.parametrize("file", FILES, ids=where)
def test_no_exception_is_swallowed_whole(file):
    handlers = [node for node in ast.walk(tree(file)) if isinstance(node, ast.ExceptHandler)]

    assert not [f"{where(file)}:{handler.lineno}" for handler in handlers if swallows_everything(handler)]


def swallows_everything(handler: ast.ExceptHandler) -> bool:
    """Whether `handler` is a bare ``except:``, or a broad one that does nothing."""
    if handler.type is None:
        return True
    is_broad = isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    return is_broad and all(isinstance(statement, ast.Pass | ast.Continue) for statement in handler.body)
