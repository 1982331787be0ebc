"""Checks a value with references at every combination of values that can reach the place where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from hpsearch.space.catalogue import Catalogue
from hpsearch.space.constants import BUILT_IN
from hpsearch.space.parameters import Parameter
from hpsearch.space.problems import Place, Problems, did_you_mean, listing, nearest, show
from hpsearch.space.references import (
    ABSENT,
    ReferenceSyntaxError,
    Unresolvable,
    cases_of,
    is_switch,
    names_in,
    reference_in,
    resolve,
)
from hpsearch.space.scopes import Guard, Scope, Vocabulary, World, holds, is_continuous
from hpsearch.space.values import Broken, Pairs, Plain, Scalar, contains_broken, equal, is_scalar, json_form

EXHAUSTIVE = 400  # combinations that are all tried; of more, a cover, then each value that failed in it by itself
TRIED_WITH_EACH = 4
TRIED = 4_000  # combinations of one place, where there are that many
MOST_RESOLVED = 400_000  # values of names, in all combinations of one place
SAMPLE_STEPS = 500  # of the enumeration, for a value's few combinations
SWITCH_KEYS = ("switch", "cases", "default")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a resolved value.

    Attributes:
        message: a sentence without its full stop.
        place: the argument at fault, below the checked value.
        structural: wrong whatever the other values are; otherwise a value is only at fault where it always fails.
        missing: the required argument that is not there.
    """

    message: str
    place: Place = ()
    structural: bool = True
    missing: str | None = None


Check = Callable[[Plain], Iterable[Fault]]


class Checker:
    """What all sections need to check values: the names, the catalogue and where to put mistakes."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        catalogue: Catalogue,
        problems: Problems,
        broken: frozenset[str] = frozenset(),
        counters: frozenset[str] = frozenset(),
    ) -> None:
        self.vocabulary = vocabulary
        self.catalogue = catalogue
        self.problems = problems
        self._broken = broken
        self._counters = counters  # of all repeats of the file

    def silent(self) -> Checker:
        """Another one over the same names, whose problems nobody is told."""
        return Checker(self.vocabulary, self.catalogue, Problems(), self._broken, self._counters)

    def check(self, tree: Plain, scope: Scope, place: Place, check: Check) -> bool:
        """Check `tree` wherever it can be reached; `check` gets resolved values, ABSENT included.

        Returns:
            Whether no mistake was found, a mistake in what `tree` rests on included.
        """
        return self.is_resolvable(tree, scope, place) and _Trial(self, tree, scope, place, check).run()

    def is_resolvable(self, tree: Plain, scope: Scope, place: Place) -> bool:
        """Whether `tree` can be resolved: every name in it is known and every switch is one; mistakes are recorded."""
        return (
            not contains_broken(tree)
            and self.names_are_known(tree, scope, place)
            and self._switches_are_sound(tree, scope, place)
        )

    # Names ---------------------------------------------------------------------------------------------------------

    def names_are_known(self, tree: Plain, scope: Scope, place: Place, also: Sequence[str] = ()) -> bool:
        """Whether every name in `tree` can be used at `scope`, or is in `also`; those that cannot are recorded."""
        sound = True
        for at, text in _texts_with_places(tree, place):
            try:
                reference = reference_in(text)
            except ReferenceSyntaxError as error:
                self.problems.add(at, str(error))
                sound = False
                continue
            names = [] if reference is None else [reference] if isinstance(reference, str) else sorted(reference.names)
            for name in names:
                sound &= self._name_is_known(name, scope, at, also)
        return sound

    def _name_is_known(self, name: str, scope: Scope, place: Place, also: Sequence[str]) -> bool:
        known = [*self.vocabulary.known_at(scope), *also]
        if name in known:
            return True
        if name in self._broken or re.sub(r"_\d+$", "", name) in self._broken:
            return False
        if (family := self.vocabulary.families.get(name)) is not None:
            number = f"${family.number}" if isinstance(family.number, str) else family.number
            message = (
                f"`${name}` is a family; it stands only inside a `repeat: {number}`, where it is the current member; "
                f"`${family.members[0]}` names one anywhere."
            )
        elif name in self._counters:
            message = f"`{name}` is the counter of a repeat that does not enclose this place."
        elif name == "model_parameters":
            message = "`model_parameters` is known once a model is built, so it stands in `constraints` alone."
        elif name in BUILT_IN:
            message = f"`${name}` comes from the data, but there is no `dataset`."
        else:
            message = f"There is no parameter or constant `{name}`{did_you_mean(name, known)}"
        self.problems.add(place, message)
        return False

    # Switches ------------------------------------------------------------------------------------------------------

    def _switches_are_sound(self, tree: Plain, scope: Scope, place: Place) -> bool:
        below: list[tuple[Plain, Scope, Place]] = []
        if is_switch(tree):
            cases = self.switch(tree, scope, place)
            if cases is None:
                return False
            below = cases
        elif isinstance(tree, dict):
            below = [(value, scope, (*place, key)) for key, value in tree.items()]
        elif isinstance(tree, Pairs):
            below = [(value, scope, (*place, number, 1)) for number, (_, value) in enumerate(tree)]
        elif isinstance(tree, list):
            below = [(value, scope, (*place, number)) for number, value in enumerate(tree)]
        sound = True
        for value, inner, at in below:  # all of them, so that all mistakes are told
            sound &= self._switches_are_sound(value, inner, at)
        return sound

    def switch(self, tree: Mapping[str, Plain], scope: Scope, place: Place) -> list[tuple[Plain, Scope, Place]] | None:
        """The cases of a switch, its default included, each with its own scope and place; None after a mistake."""
        unknown = [key for key in tree if key not in SWITCH_KEYS]
        for key in unknown:
            if not isinstance(tree[key], Broken):
                self.problems.add((*place, key), f"A switch has no key `{key}`{did_you_mean(key, SWITCH_KEYS)}")
        cases = tree.get("cases")
        has_cases = bool(cases) and (isinstance(cases, dict | Pairs) or _is_list_of_pairs(cases))
        if not has_cases and ("cases" in tree or nearest("cases", unknown) is None):
            self.problems.add(place, "A switch needs `cases`: a mapping of values to what they lead to.")
        if unknown or not has_cases or contains_broken(tree["switch"]):
            return None
        subject, at = tree["switch"], (*place, "switch")
        try:
            is_reference = reference_in(subject) is not None
        except ReferenceSyntaxError as error:
            self.problems.add(at, str(error))
            return None
        if not is_reference:
            self.problems.add(at, f"`switch` is {show(subject)}, but a reference such as `$name` was expected.")
            return None
        if not self.names_are_known(subject, scope, at) or not self._covers(tree, scope, place):
            return None
        keys = tuple(key for key, _, _ in cases_of(tree))
        below = [
            (value, scope.within(Guard(subject, (key,))), (*place, *inside)) for key, value, inside in cases_of(tree)
        ]
        if "default" in tree:
            below.append((tree["default"], scope.within(Guard(subject, keys, inside=False)), (*place, "default")))
        return below

    def _covers(self, tree: Mapping[str, Plain], scope: Scope, place: Place) -> bool:
        """Whether every value that the subject can meet has its case, and every case a value."""
        subject, at = tree["switch"], (*place, "switch")
        met: list[Scalar] = []
        seen: set[tuple[type, Plain]] = set()
        for world in self.vocabulary.worlds(scope, names_in(subject)):
            try:
                value = resolve(subject, world)
            except Unresolvable as error:
                self.problems.add(at, f"{error}{self._when(names_in(subject), world)}.")
                return False
            if value is ABSENT:
                self.problems.add(
                    at,
                    f"A `switch` needs a value, but {show(subject)} may be inactive: "
                    f"{self.inactivity(names_in(subject), world)}.",
                )
                return False
            if not is_scalar(value):
                self.problems.add(
                    at, f"`switch` is over {show(subject)}, which is a list; a single value was expected."
                )
                return False
            if (type(value), value) not in seen:
                seen.add((type(value), value))
                met.append(value)
        if not met:
            return True  # nothing leads here, which is told where it is decided
        sound = True
        for key, _, below in cases_of(tree):
            if not is_scalar(key) or not any(equal(key, value) for value in met):
                seen_values = listing(show(value) for value in met[:8])
                self.problems.add(
                    (*place, *below), f"The case {show(key)} is never met: {show(subject)} can be {seen_values} here."
                )
                sound = False
        if "default" in tree:
            return sound
        keys = [key for key, _, _ in cases_of(tree)]
        open_values = [value for value in met if not any(equal(key, value) for key in keys)]
        continuous = [n for n in names_in(subject) if (p := self._parameter(n)) is not None and is_continuous(p)]
        if continuous and sound:
            self.problems.add(
                at, f"`{continuous[0]}` takes every number in its range, so this switch needs a `default`."
            )
            return False
        if open_values and sound:
            self.problems.add(
                at,
                f"{show(subject)} can be {listing(show(value) for value in open_values[:8])}, which has no case; "
                f"add it, or a `default`.",
            )
            return False
        return sound

    # Sentences -----------------------------------------------------------------------------------------------------

    def _parameter(self, name: str) -> Parameter | None:
        family = self.vocabulary.families.get(name)
        return family.pattern if family is not None else self.vocabulary.parameters.get(name)

    def inactivity(self, names: Iterable[str], world: World) -> str:
        """Why the first inactive one of `names` is so in `world`: ``momentum is inactive when optimizer is adam``."""
        for name in sorted(names):
            if world.get(name) is ABSENT:
                parameter = self._parameter(name)
                while parameter is not None:
                    condition = next((c for c in parameter.when if not holds(c, world)), None)
                    if condition is None:
                        break
                    if world.get(condition.parent, ABSENT) is not ABSENT:
                        return f"`{name}` is inactive when `{condition.parent}` is {show(world[condition.parent])}"
                    parameter = self._parameter(condition.parent)
                return f"`{name}` is inactive"
        return "it is inactive"

    def _when(self, names: Iterable[str], world: World) -> str:
        known = [
            f"`{name}` is {show(world[name])}"
            for name in sorted(names)
            if self._varies(name) and world[name] is not ABSENT
        ]
        return f" when {' and '.join(known)}" if known else ""

    def _varies(self, name: str) -> bool:
        return name not in self.vocabulary.constants and name not in self.vocabulary.built_in

    def values_reaching(self, tree: Plain, scope: Scope) -> list[Plain]:
        """The different values that the resolvable `tree` can have at `scope`, absences left out."""
        found: dict[str, Plain] = {}
        for world in islice(self.vocabulary.worlds(scope, names_in(tree)), 10_000):
            try:
                value = resolve(tree, world)
            except Unresolvable:
                continue
            if value is not ABSENT:
                found.setdefault(_identity(value), value)
        return list(found.values())


class _Trial:
    """One checked value, and what was found about it in the worlds tried so far."""

    def __init__(self, checker: Checker, tree: Plain, scope: Scope, place: Place, check: Check) -> None:
        self._checker = checker
        self._tree = tree
        self._scope = scope
        self._place = place
        self._check = check
        self._names = sorted(names_in(tree))
        self._known: dict[str, list[Fault]] = {}
        self._passed: list[World] = []
        self._failed: list[tuple[World, Fault]] = []
        self._sound = True
        self._told: set[str] = set()
        self._told_at: set[Place] = set()

    def run(self) -> bool:
        for world in self._worlds():
            self._try(world)
        if self._failed:
            self._blame()
        return self._sound

    def _worlds(self) -> Iterator[World]:
        vocabulary = self._checker.vocabulary
        first = list(islice(vocabulary.worlds(self._scope, self._names), EXHAUSTIVE + 1))
        if len(first) <= EXHAUSTIVE:
            yield from first
            return
        most = min(TRIED, MOST_RESOLVED // len(self._names))
        yield from vocabulary.cover(self._scope, self._names, most)
        passed = {name: {_identity(world[name]) for world in self._passed} for name in self._names}
        values = [(name, value) for name in self._names for value in self._values(name)]
        doubtful = [(name, value) for name, value in values if _identity(value) not in passed[name]]
        yield from islice(self._worlds_with(doubtful), most)

    def _worlds_with(self, values: Sequence[tuple[str, Scalar]]) -> Iterator[World]:
        """For each value a few worlds in which its name has it."""
        tries = max(1, min(TRIED_WITH_EACH, TRIED // (2 * max(1, len(values)))))
        for name, value in values:
            for backwards in (False, True):
                worlds = self._checker.vocabulary.worlds(
                    self._scope, self._names, {name: value}, backwards=backwards, most_steps=SAMPLE_STEPS
                )
                yield from islice(worlds, tries)

    def _values(self, name: str) -> Sequence[Scalar]:
        vocabulary = self._checker.vocabulary
        parameter = self._checker._parameter(name)
        if parameter is not None:
            return vocabulary.values_of(parameter)
        if not self._checker._varies(name):
            return ()
        return [value for value in self._checker.values_reaching(f"${name}", self._scope) if is_scalar(value)]

    def _try(self, world: World) -> None:
        try:
            value = resolve(self._tree, world)
        except Unresolvable as error:
            if error.structural:
                why = f": {self._checker.inactivity(error.inactive, world)}" if error.inactive else ""
                self._report_once(error.place, f"{error}{why}.")
            else:
                self._failed.append((world, Fault(str(error), error.place, structural=False)))
            return
        key = _identity(value)
        if key not in self._known:
            self._known[key] = list(self._check(value))
        faults = self._known[key]
        for fault in faults:
            if fault.structural:
                self._report_once((*fault.place, fault.missing or ""), self._sentence(fault, world), at=fault.place)
        loose = [fault for fault in faults if not fault.structural]
        self._failed += [(world, fault) for fault in loose]
        if not faults:
            self._passed.append(world)

    def _sentence(self, fault: Fault, world: World) -> str:
        if fault.missing is not None:
            absent = [name for name in self._names_of(fault.missing) if world[name] is ABSENT]
            if absent:
                why = self._checker.inactivity(absent, world)
                return f"{fault.message}, but what stands there may be inactive: {why}."
        return f"{fault.message}." if not fault.message.endswith((".", "?")) else fault.message

    def _names_of(self, argument: str) -> list[str]:
        """The names that stand where `argument` is given: under its key, or as the one value that there is."""
        tree = self._tree
        if isinstance(tree, dict) and len(tree) == 1:
            (tree,) = tree.values()
        if isinstance(tree, str) or is_switch(tree):
            return sorted(names_in(tree))
        return sorted(names_in([text for place, text in _leaves(tree, ()) if argument in place]))

    def _report_once(self, key: Place, message: str, at: Place | None = None) -> None:
        """Report a structural fault for the first combination that shows it."""
        if key not in self._told_at:
            self._told_at.add(key)
            self._report(key if at is None else at, message)

    def _report(self, place: Place, message: str) -> None:
        self._sound = False
        self._checker.problems.add((*self._place, *place), message)

    def _blame(self) -> None:
        """Report each value with which every combination fails, and what fails with all of them only once."""
        varying = [name for name in self._names if self._checker._varies(name)]
        if not self._passed:
            varying = [name for name in varying if self._is_due_to(name)] or varying
        for name in varying:
            passing = [world[name] for world in self._passed]
            numbers_told = 0
            for world, fault in self._failed:
                value = world[name]
                if value is ABSENT or any(_same(value, other) for other in passing):
                    continue
                if isinstance(value, str | bool) or value is None or numbers_told == 0:
                    numbers_told += not isinstance(value, str)
                    self._tell(fault, name, value, bool(passing) or self._is_due_to(name))
        if not self._passed:
            for _, fault in self._failed:
                if not varying:
                    self._tell(fault, None, None, False)

    def _is_due_to(self, name: str) -> bool:
        """Whether what is wrong changes with the value of `name`, where nothing passes."""
        messages: dict[str, set[str]] = {}
        for world, fault in self._failed:
            if world[name] is not ABSENT:
                messages.setdefault(_identity(world[name]), set()).add(fault.message)
        return len(set(map(frozenset, messages.values()))) > 1

    def _tell(self, fault: Fault, name: str | None, value: Plain, certain: bool) -> None:
        if fault.message in self._told:
            return
        self._told.add(fault.message)
        message = fault.message.rstrip(".")
        if name is not None and certain and message.endswith("?") is False:
            message += f" (with `{name}` {show(value)})"
        at = fault.place or _place_of_argument(self._tree, message, name)
        self._report(at, message if message.endswith("?") else f"{message}.")


def _same(left: Plain, right: Plain) -> bool:
    return left is not ABSENT and right is not ABSENT and equal(left, right)


def _identity(value: Plain) -> str:
    return "absent" if value is ABSENT else json.dumps(json_form(value), sort_keys=True, default=str)


def _is_list_of_pairs(tree: Plain) -> bool:
    return isinstance(tree, list) and all(
        isinstance(item, list) and len(item) == 2 and is_scalar(item[0]) for item in tree
    )


def _texts_with_places(tree: Plain, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(tree, str):
        yield place, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _texts_with_places(value, (*place, key))
    elif isinstance(tree, Pairs):
        for number, (_, value) in enumerate(tree):
            yield from _texts_with_places(value, (*place, number, 1))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _texts_with_places(value, (*place, number))


def _place_of_argument(tree: Plain, message: str, name: str | None) -> Place:
    """Where in `tree` the argument stands that a sentence of Keras's speaks of, or that holds `name`."""
    best: Place = ()
    for place, text in _leaves(tree, ()):
        keys = [key for key in place if isinstance(key, str)]
        if name is not None and isinstance(text, str) and name in names_in(text):
            return place
        if keys and not best and re.search(rf"\b{re.escape(keys[-1])}\b", message):
            best = place
    return best


def _leaves(tree: Plain, place: Place) -> Iterator[tuple[Place, Plain]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, (*place, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _leaves(value, (*place, number))
    else:
        yield place, tree
