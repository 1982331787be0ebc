"""Mistakes as they are found: where each stands and one sentence about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from hpsearch.errors import Problem, SearchSpaceError
from hpsearch.space.values import BROKEN, MOST_COUNT, Broken, Pairs, Plain, Section, is_whole

Place = tuple[str | int, ...]  # keys and list positions from the top of the document


class Problems:
    """Collects the mistakes of one document, each said once."""

    def __init__(self, file: str | None = None) -> None:
        self._file = file
        self._lines: dict[Place, int] = {}
        self._sources: dict[Place, str] = {}  # places that an override set, and which
        self._written: dict[str | int, str] = {}  # a section -> the misspelt key that it stands under
        self._found: dict[tuple[int, str], Problem] = {}

    def note_line(self, place: Place, line: int) -> None:
        """`place` stands in `line` (from 1) of the file."""
        self._lines[place] = line

    def note_override(self, place: Place, source: str) -> None:
        """What stands at `place` comes from `source` (a ``--set``), not from the file."""
        self._sources[place] = source

    def note_misspelt(self, section: str, key: str) -> None:
        """The section `section` stands under the misspelt `key` in the file."""
        self._written[section] = key

    def add(self, place: Place, message: str) -> None:
        """Record one sentence about what stands at `place`, or at the nearest known place around it."""
        if place and place[0] in self._written:
            place = (self._written[place[0]], *place[1:])
        if place not in self._lines:  # an override may have made the mapping that is at fault
            place = next((set_ for set_ in self._sources if set_[: len(place)] == place), place)
        for end in range(len(place), -1, -1):
            if (source := self._sources.get(place[:end])) is not None:
                return self._record(10**9, Problem(message, source))
            if self._file is not None and (line := self._lines.get(place[:end])) is not None:
                return self._record(line, Problem(message, self._file, line))
        return self._record(0, Problem(message, self._file))

    def add_found(self, problem: Problem) -> None:
        """Record a mistake that knows its own place."""
        self._record(10**9, problem)

    def _record(self, order: int, problem: Problem) -> None:
        self._found.setdefault((order, str(problem)), problem)

    def mentions(self, phrase: str) -> bool:
        """Whether `phrase` stands in a recorded sentence."""
        return any(phrase in problem.message for problem in self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def raise_if_any(self) -> None:
        """Raise all recorded mistakes in the order of their lines."""
        if self._found:
            ordered = sorted(self._found.items(), key=lambda item: item[0][0])
            raise SearchSpaceError([problem for _, problem in ordered])


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be, if any."""
    by_form: dict[str, str] = {}
    for name in known:
        by_form.setdefault(_form(name), name)
    found = difflib.get_close_matches(_form(word), by_form, 1, 0.6)
    return by_form[found[0]] if found else None


def _form(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The end of a sentence about an unknown `word`: the nearest known one, or all of them where they are few."""
    match = nearest(word, known)
    if match is not None:
        return f"; did you mean `{match}`?"
    if not known:
        return "."
    if len(known) <= 12:
        return f"; expected {listing(known)}."
    return "."


def listing(words: Iterable[object]) -> str:
    """``a, b or c``."""
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def show(value: Plain) -> str:
    """A value as a person would write it in the file, shortened."""
    text = _written(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _written(value: Plain) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{_bare(key)}: {_written(item)}" for key, item in value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    return "something unreadable" if isinstance(value, Broken) else repr(value)


def _bare(value: Plain) -> str:
    return _written(value).strip("`")


def check_keys(
    problems: Problems,
    tree: Mapping[str, Plain],
    place: Place,
    known: Sequence[str],
    what: str,
    required: Sequence[str] = (),
) -> bool:
    """Report unknown and missing keys of a mapping; a missing key that a misspelt one was meant for is not told twice.

    Returns:
        Whether all keys are known and all required ones are there.
    """
    meant = set()
    unknown = [key for key in tree if key not in known]
    for key in unknown:
        match = nearest(key, [name for name in known if name not in tree])
        meant.add(match)
        problems.add((*place, key), f"{what} has no key `{key}`{did_you_mean(key, [match] if match else list(known))}")
    missing = [key for key in required if key not in tree and key not in meant]
    for key in missing:
        problems.add(place, f"{what} needs `{key}`.")
    return not unknown and not missing


def check_whole(problems: Problems, tree: Section, key: str, place: Place, least: int, most: int | None = None) -> bool:
    """Whether `key` is left out or a whole number from `least` to `most` (default: MOST_COUNT); turns 3.0 into 3."""
    if key not in tree or tree[key] is BROKEN:
        return key not in tree
    value = tree[key]
    if not is_whole(value) or not least <= value <= (MOST_COUNT if most is None else most):
        unbounded = most is None and not (is_whole(value) and value > MOST_COUNT)
        wanted = f"a whole number from {least}" + ("" if unbounded else f" to {most or MOST_COUNT}")
        problems.add((*place, key), f"`{key}` is {show(value)}, but {wanted} was expected.")
        return False
    tree[key] = int(value)
    return True
