"""YAML text to plain values with the line of each: YAML 1.2, one mapping, nothing that hides what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from hpsearch.errors import Problem, SearchSpaceError
from hpsearch.space.problems import Place, Problems, show
from hpsearch.space.values import BROKEN, Pairs, Plain, equal

MOST_BYTES = 1_000_000
MOST_VALUES = 10_000
MOST_DEPTH = 20

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """A mistake after which the rest of the text has no meaning; it is told alone."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_file(path: Path) -> str:
    """The text of a space file. Raises SearchSpaceError where there is none that can be read."""
    name = str(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SearchSpaceError([Problem(f"There is no file {name}; check the path.")]) from None
    except IsADirectoryError:
        raise SearchSpaceError([Problem(f"{name} is a folder, but a YAML file was expected.")]) from None
    except (OSError, ValueError) as error:
        raise SearchSpaceError([Problem(f"{name!r} cannot be read: {error}.")]) from error
    if len(content) > MOST_BYTES:
        raise SearchSpaceError([Problem("The file is larger than 1 MB, which no space needs.", name)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SearchSpaceError([Problem("This is not UTF-8 text; save the file as UTF-8.", name, line)]) from None


def read_text(text: str, problems: Problems, file: str | None, at: Place = ()) -> Plain:
    """Plain values of YAML `text`, mistakes within it recorded; `at` is where the document's top stands.

    Raises:
        SearchSpaceError: the text cannot be read as YAML at all, or is refused whole.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise Refused("The text is larger than 1 MB, which no space needs.")
        return _Reader(YAML(typ="safe", pure=True).parse(text), problems, at).document()
    except Refused as error:
        raise SearchSpaceError([Problem(str(error), file, error.line)]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise SearchSpaceError([Problem(_explain(error, text, line), file, line)]) from None
    except (YAMLError, ValueError, OverflowError) as error:
        position = getattr(error, "position", None)  # of a character that YAML forbids
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        reason = str(error).splitlines()[0]
        raise SearchSpaceError([Problem(f"This is not readable YAML: {reason}.", file, line)]) from None


def _explain(error: Any, text: str, line: int | None) -> str:
    lines = text.splitlines()
    context = error.context_mark.line + 1 if error.context_mark is not None else line
    for number in {line, context}:
        if number is not None and number <= len(lines) and re.search(r"""(?<!["'])\$\(""", lines[number - 1]):
            expression = lines[number - 1][lines[number - 1].index("$(") :].strip()
            return (
                f"This is not readable YAML: the unquoted `$(` in line {number} ({show(expression)}) holds a comma, "
                f'colon or bracket; put the whole expression in quotes: "$(...)".'
            )
    reason = " ".join(str(part) for part in (error.context, error.problem) if part)
    return f"This is not readable YAML: {reason}."


class _Reader:
    """Builds plain values from YAML events."""

    def __init__(self, events: Iterator[Any], problems: Problems, at: Place) -> None:
        self._events = events
        self._problems = problems
        self._at = at
        self._anchors: dict[str, tuple[Any, int, dict[Place, int]]] = {}
        self._lines: dict[Place, int] = {}
        self._open: set[str] = set()
        self._count = 0
        self._aliased = False

    def document(self) -> Plain:
        next(self._events)  # stream start
        start = next(self._events)
        if type(start).__name__ == "StreamEndEvent":
            return None
        if start.version is not None or start.tags:
            raise Refused("`%YAML` and `%TAG` directives are not allowed; remove the line.", start.start_mark.line + 1)
        value = self._value(next(self._events), (), 1)
        next(self._events)  # document end
        if type(last := next(self._events)).__name__ != "StreamEndEvent":
            raise Refused("A file is one document; a second one begins here.", last.start_mark.line + 1)
        for place, line in self._lines.items():
            self._problems.note_line((*self._at, *place), line)
        return value

    def _value(self, event: Any, place: Place, depth: int) -> Plain:
        kind = type(event).__name__
        line = event.start_mark.line + 1
        self._lines.setdefault(place, line)
        if kind == "AliasEvent":
            return self._alias(event, place, line)
        first, before = len(self._lines), self._count
        self._grow(1, line)
        if depth > MOST_DEPTH and kind != "ScalarEvent":
            raise Refused(f"The file nests deeper than {MOST_DEPTH} levels here.", line)
        if event.tag is not None:
            self._add(place, f"The tag `{_tag(event.tag)}` is not allowed; write the plain value.")
        if event.anchor is not None:
            self._open.add(event.anchor)
        if kind == "ScalarEvent":
            value = self._scalar(event, place)
        elif kind == "SequenceStartEvent":
            value = self._sequence(place, depth)
        else:
            value = self._mapping(place, depth)
        if event.anchor is not None:
            self._open.discard(event.anchor)
            below = {
                key[len(place) :]: self._lines[key] for key in list(self._lines)[first:] if key[: len(place)] == place
            }
            self._anchors[event.anchor] = (value, self._count - before, below)
        return BROKEN if event.tag is not None else value

    def _add(self, place: Place, message: str) -> None:
        self._problems.note_line((*self._at, *place), self._lines[place])
        self._problems.add((*self._at, *place), message)

    def _grow(self, values: int, line: int) -> None:
        self._count += values
        if self._count > MOST_VALUES:
            why = "Aliases expand the file" if self._aliased else "The file grows"
            raise Refused(f"{why} beyond {MOST_VALUES:,} values here.", line)

    def _alias(self, event: Any, place: Place, line: int) -> Plain:
        if event.anchor in self._open:
            raise Refused(f"The alias `*{event.anchor}` stands within the value that it names.", line)
        if event.anchor not in self._anchors:
            raise Refused(f"The alias `*{event.anchor}` has no anchor `&{event.anchor}` above it.", line)
        value, size, lines = self._anchors[event.anchor]
        self._aliased = True
        self._grow(size, line)
        depth = len(place) + max((len(below) for below in lines), default=0)
        if depth > MOST_DEPTH:
            raise Refused(f"The alias `*{event.anchor}` nests deeper than {MOST_DEPTH} levels here.", line)
        self._lines.update({(*place, *below): number for below, number in lines.items() if below})
        return value

    def _scalar(self, event: Any, place: Place) -> Plain:
        if _SURROGATE.search(event.value):
            self._add(place, "This text holds half a character (a surrogate); write the character itself.")
            return BROKEN
        if event.style is not None:
            return event.value
        value = plain_scalar(event.value)
        if value is BROKEN:
            self._add(place, f"`{event.value[:40]}` is not a finite number.")
        return value

    def _sequence(self, place: Place, depth: int) -> Plain:
        items: list[Plain] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            items.append(self._value(event, (*place, len(items)), depth + 1))
        return items

    def _mapping(self, place: Place, depth: int) -> Plain:
        pairs: list[list[Plain]] = []
        places: list[Place] = []
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            line = event.start_mark.line + 1
            key, usable = self._key(event, line)
            inner = (*place, key) if isinstance(key, str) else (*place, len(pairs), 1)
            known = usable and any(equal(key, other) for other, _ in pairs)
            if known:
                inner = (*inner, "again")  # so that the first one keeps its line
            self._lines[inner] = line
            value = self._value(next(self._events), inner, depth + 1)
            if known:
                self._add(inner, f"The key {show(key)} stands twice in one mapping; keep one of them.")
            elif usable:
                pairs.append([key, value])
                places.append(inner)
        if all(isinstance(key, str) for key, _ in pairs):
            return dict(pairs)
        for number, (inner, (key, _)) in enumerate(zip(places, pairs, strict=True)):
            self._lines[(*place, number)] = self._lines[inner]
            if isinstance(key, str):
                below = {at: line for at, line in self._lines.items() if at[: len(inner)] == inner}
                self._lines.update({(*place, number, 1, *at[len(inner) :]): line for at, line in below.items()})
        return Pairs(pairs)

    def _key(self, event: Any, line: int) -> tuple[Plain, bool]:
        if type(event).__name__ == "AliasEvent" and event.anchor in self._anchors:
            key = self._anchors[event.anchor][0]
            if isinstance(key, dict | list):
                raise Refused("A key must be one text, number, boolean or null, not a list or mapping.", line)
            return key, True
        if type(event).__name__ != "ScalarEvent":
            raise Refused("A key must be one text, number, boolean or null, not a list or mapping.", line)
        self._grow(0, line)
        if event.tag is not None:
            raise Refused(f"The tag `{_tag(event.tag)}` is not allowed; write the plain key.", line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (event.value if event.style is not None else plain_scalar(event.value), 1, {})
        if event.style is not None:
            return event.value, True
        if event.value == "<<":
            self._report(
                line, "Merge keys `<<` are not allowed; write the keys out, or use an alias for a whole value."
            )
            return "<<", False
        key = plain_scalar(event.value)
        if key is BROKEN:
            self._report(line, f"The key `{event.value[:40]}` is not a finite number.")
            return event.value, False
        return key, True

    def _report(self, line: int, message: str) -> None:
        place: Place = ("", line)  # no value's place
        self._lines[place] = line
        self._add(place, message)


def _tag(tag: Any) -> str:
    return str(tag).replace("tag:yaml.org,2002:", "!!")


def plain_scalar(text: str) -> Plain:
    """What an unquoted scalar says in YAML 1.2's core schema, ``1e-4`` and ``1_000`` numbers; BROKEN if not finite."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text) and len(text) <= 400:
        return int(text.replace("_", ""))
    if re.fullmatch(r"0o[0-7]+", text):
        return int(text[2:], 8)
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        value = float(text.replace("_", ""))
        return BROKEN if abs(value) == float("inf") else value
    return BROKEN if _INFINITE.fullmatch(text) else text


def plain_form(tree: Any, problems: Problems, place: Place = ()) -> Plain:
    """Plain values of a Python mapping, mistakes within it recorded. Raises SearchSpaceError where it is too large."""
    count = 0

    def walk(value: Any, place: Place) -> Plain:
        nonlocal count
        count += 1
        if count > MOST_VALUES or len(place) > MOST_DEPTH:
            raise SearchSpaceError(
                [Problem(f"The space is larger than {MOST_VALUES:,} values or {MOST_DEPTH} levels.")]
            )
        if isinstance(value, Mapping):
            pairs = [[key, walk(inner, (*place, str(key)))] for key, inner in value.items()]
            return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else Pairs(pairs)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [walk(inner, (*place, number)) for number, inner in enumerate(value)]
        return _plain_leaf(value, place, problems)

    return walk(tree, place)


def _plain_leaf(value: Any, place: Place, problems: Problems) -> Plain:
    if isinstance(value, str) and _SURROGATE.search(value):
        problems.add(place, "This text holds half a character (a surrogate).")
        return BROKEN
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if number - number == 0:
            return number
        problems.add(place, f"`{number}` is not a finite number.")
        return BROKEN
    problems.add(
        place,
        f"A {type(value).__name__} cannot stand in a space; use text, numbers, booleans, null, lists and mappings.",
    )
    return BROKEN
