"""Which values can reach a place of the file: all consistent assignments of the names that matter there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise

from hpsearch.space.parameters import Condition, Parameter, ParameterKind
from hpsearch.space.references import ABSENT, Unresolvable, names_in, resolve
from hpsearch.space.values import Plain, Scalar, equal, is_number, is_scalar, is_whole

World = dict[str, Plain]  # name -> value, ABSENT where inactive
MOST_STEPS = 20_000  # of one enumeration, so that a space cannot make its own check endless
ROUNDS = 4  # of a cover
MOST_VALUES = 1_000  # of one parameter; of more, evenly spread ones


@dataclass(frozen=True, slots=True)
class Family:
    """Parameters ``name_0``, ``name_1``, ... of one definition, member k active while k < `number`."""

    name: str
    number: str | int  # a parameter's name, or a fixed number
    members: tuple[str, ...]
    pattern: Parameter  # the definition, conditions on families over the same number by family name


@dataclass(frozen=True, slots=True)
class Counter:
    """The counter of a `repeat`."""

    name: str
    count: Plain  # tree of the number of repetitions
    number: str | int | None  # what families must be over for their current member to be known


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds where a switch leads to one case (`values` is its key), or to its default (all keys, `inside` False)."""

    subject: Plain
    values: tuple[Scalar, ...]
    inside: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """What encloses a place: repeats with their counters, and cases of switches."""

    counters: tuple[Counter, ...] = ()
    guards: tuple[Guard, ...] = ()

    def within(self, guard: Guard) -> Scope:
        """This scope inside one case more."""
        return replace(self, guards=(*self.guards, guard))

    def repeated(self, counter: Counter) -> Scope:
        """This scope inside one repeat more, which a count of 0 does not lead into."""
        return replace(self, counters=(*self.counters, counter)).within(Guard(counter.count, (0,), inside=False))


@dataclass(frozen=True)
class Vocabulary:
    """Every name that references can use, and the values that each can have."""

    parameters: Mapping[str, Parameter]  # members expanded, parents first
    constants: Mapping[str, Scalar]
    families: Mapping[str, Family]
    built_in: Mapping[str, Plain]  # classes, input_shape
    thresholds: Mapping[str, frozenset[float]] = field(default_factory=dict)  # where conditions on a parameter change
    _values: dict[Parameter, Sequence[Scalar]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def fixed(self) -> World:
        """The names whose value is the same everywhere."""
        return {**self.constants, **self.built_in}

    def family_counter(self, family: Family, scope: Scope) -> Counter | None:
        """The innermost repeat over the same number as `family`."""
        return next((counter for counter in reversed(scope.counters) if counter.number == family.number), None)

    def known_at(self, scope: Scope) -> list[str]:
        """The names that a reference at `scope` may use."""
        families = [name for name, family in self.families.items() if self.family_counter(family, scope)]
        return [*self.parameters, *self.constants, *self.built_in, *(c.name for c in scope.counters), *families]

    def values_of(self, parameter: Parameter) -> Sequence[Scalar]:
        """All values of a finite parameter (evenly spread ones of many); of a float its ends and turning points."""
        if parameter not in self._values:
            self._values[parameter] = self._spread_of(parameter)
        return self._values[parameter]

    def _spread_of(self, parameter: Parameter) -> Sequence[Scalar]:
        size = parameter.size
        low, high = parameter.min, parameter.max
        if size is not None:
            if size <= MOST_VALUES:
                return [parameter.value_at(index) for index in range(size)]
            spread = {round(part * (size - 1) / 50) for part in range(51)} | {1, size - 2}
            assert low is not None
            for threshold in self.thresholds.get(parameter.name, ()):
                place = int((threshold - low) / (parameter.step or 1))
                spread |= {index for index in (place - 1, place, place + 1) if 0 <= index < size}
            return [parameter.value_at(index) for index in sorted(spread)]
        assert low is not None
        assert high is not None
        turns = sorted(
            {t for t in self.thresholds.get(parameter.name, ()) if low < t < high} | {float(low), float(high)}
        )
        between = [(first + second) / 2 for first, second in pairwise(turns)] if len(turns) > 2 else []
        return [turns[0], *turns[:0:-1], *between]

    def worlds(
        self,
        scope: Scope,
        names: Iterable[str],
        fixed: Mapping[str, Scalar] | None = None,
        *,
        backwards: bool = False,
        most_steps: int = MOST_STEPS,
    ) -> Iterator[World]:
        """Consistent assignments of `names` and of all that they and `scope` depend on; `fixed` values are held.

        At most `most_steps` steps are taken, so of very many assignments only the first ones come.
        """
        ordered = self._variables(scope, names)
        place = {variable.name: number for number, variable in enumerate(ordered)}
        checks: list[list[Guard]] = [[] for _ in range(len(ordered) + 1)]
        for guard in scope.guards:
            checks[max((place[name] + 1 for name in names_in(guard.subject) if name in place), default=0)].append(guard)
        yield from _Enumeration(ordered, checks, fixed or {}, backwards, most_steps).run(self.fixed())

    def cover(self, scope: Scope, names: Iterable[str], most: int) -> Iterator[World]:
        """Few consistent assignments that together show nearly all values: number k has the k-th value of everything.

        Each value comes `ROUNDS` times where it can, every time among others; in all there are at most `most`.
        """
        ordered = self._variables(scope, names)
        turn, longest = 0, 1
        while turn < min(ROUNDS * longest, most):
            world = self.fixed()
            for number, variable in enumerate(ordered):
                values = variable.domain(world)
                if not values:
                    break
                longest = max(longest, len(values))
                world[variable.name] = values[(turn + number * (turn // longest)) % len(values)]
            else:
                if all(_allows(guard, world) for guard in scope.guards):
                    yield world
            turn += 1

    def _variables(self, scope: Scope, names: Iterable[str]) -> list[_Variable]:
        """`names` and all that they and `scope` depend on, each after what it depends on."""
        variables = _Variables(self, scope)
        for name in names:
            variables.need(name)
        for guard in scope.guards:
            for name in names_in(guard.subject):
                variables.need(name)
        return variables.ordered()

    def possible(self, scope: Scope, names: Iterable[str], fixed: Mapping[str, Scalar] | None = None) -> bool:
        """Whether any assignment exists."""
        return any(True for _ in islice(self.worlds(scope, names, fixed), 1))


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    domain: Callable[[World], Sequence[Plain]]


class _Variables:
    """Gathers variables so that each stands after those that it depends on."""

    def __init__(self, vocabulary: Vocabulary, scope: Scope) -> None:
        self._vocabulary = vocabulary
        self._scope = scope
        self._counters = {counter.name: counter for counter in scope.counters}
        self._found: dict[str, _Variable] = {}

    def ordered(self) -> list[_Variable]:
        return list(self._found.values())

    def need(self, name: str) -> None:
        vocabulary = self._vocabulary
        if name in self._found or name in vocabulary.constants or name in vocabulary.built_in:
            return
        if name in self._counters:
            self._need_counter(self._counters[name])
        elif name in vocabulary.families:
            family = vocabulary.families[name]
            counter = vocabulary.family_counter(family, self._scope)
            if counter is not None:
                self.need(counter.name)
            self._need_parameter(name, family.pattern)
        elif name in vocabulary.parameters:
            self._need_parameter(name, vocabulary.parameters[name])
        else:
            raise KeyError(name)

    def _need_counter(self, counter: Counter) -> None:
        for name in names_in(counter.count):
            self.need(name)

        def domain(world: World) -> Sequence[Plain]:
            try:
                count = resolve(counter.count, world)
            except Unresolvable:
                return ()
            if not is_whole(count) or count <= 0:
                return ()
            last = int(count) - 1
            return range(last + 1) if last < 64 else [*range(48), *range(last - 15, last + 1)]

        self._found[counter.name] = _Variable(counter.name, domain)

    def _need_parameter(self, name: str, parameter: Parameter) -> None:
        for condition in parameter.when:
            self.need(condition.parent)
        values = self._vocabulary.values_of(parameter)

        def domain(world: World) -> Sequence[Plain]:
            return values if all(holds(condition, world) for condition in parameter.when) else (ABSENT,)

        self._found[name] = _Variable(name, domain)


def holds(condition: Condition, world: Mapping[str, Plain]) -> bool:
    """Whether the parent is active and meets `condition`."""
    value = world.get(condition.parent, ABSENT)
    return value is not ABSENT and condition.holds(value)


class _Enumeration:
    def __init__(
        self,
        variables: list[_Variable],
        checks: list[list[Guard]],
        fixed: Mapping[str, Scalar],
        backwards: bool,
        most_steps: int,
    ) -> None:
        self._variables = variables
        self._checks = checks
        self._fixed = fixed
        self._backwards = backwards
        self._most_steps = most_steps
        self._steps = 0

    def run(self, world: World) -> Iterator[World]:
        """Depth first with a stack of its own, so that many variables are no deep recursion."""
        if not all(_allows(guard, world) for guard in self._checks[0]):
            return
        if not self._variables:
            yield dict(world)
            return
        open_values = [self._values(0, world)]
        while open_values:
            number = len(open_values) - 1
            name = self._variables[number].name
            value = next(open_values[-1], _END)
            if value is _END:
                open_values.pop()
                world.pop(name, None)
                continue
            self._steps += 1
            if self._steps > self._most_steps:
                return
            world[name] = value
            if not all(_allows(guard, world) for guard in self._checks[number + 1]):
                continue
            if number + 1 == len(self._variables):
                yield dict(world)
            else:
                open_values.append(self._values(number + 1, world))

    def _values(self, number: int, world: World) -> Iterator[Plain]:
        variable = self._variables[number]
        values = variable.domain(world)
        if variable.name in self._fixed:
            values = [wanted for wanted in (self._fixed[variable.name],) if _holds_value(values, wanted)]
        return iter(reversed(values) if self._backwards else values)


_END = object()


def _holds_value(values: Sequence[Plain], wanted: Scalar) -> bool:
    """Whether `wanted` is among `values`; the usual case, one of a thousand whole numbers, without asking for kinds."""
    if wanted not in values:
        return False
    return equal(values[values.index(wanted)], wanted) or any(
        value is not ABSENT and equal(value, wanted) for value in values
    )


def _allows(guard: Guard, world: World) -> bool:
    try:
        value = resolve(guard.subject, world)
    except Unresolvable:
        return False
    if value is ABSENT or not is_scalar(value):
        return False
    return any(equal(value, key) for key in guard.values) is guard.inside


def thresholds_of(
    parameters: Iterable[Parameter], switch_keys: Mapping[str, Iterable[Scalar]]
) -> dict[str, frozenset[float]]:
    """By parent, the numbers at which a condition on it, or a case over it, turns."""
    found: dict[str, set[float]] = {}
    for parameter in parameters:
        for condition in parameter.when:
            ends = [*(condition.values or ()), condition.min, condition.max]
            found.setdefault(condition.parent, set()).update(
                float(end) for end in ends if end is not None and is_number(end)
            )
    for name, keys in switch_keys.items():
        found.setdefault(name, set()).update(float(key) for key in keys if is_number(key) and key is not None)
    return {name: frozenset(values) for name, values in found.items()}


def is_continuous(parameter: Parameter) -> bool:
    """Whether a parameter takes every number between its bounds."""
    return parameter.kind is ParameterKind.FLOAT and parameter.step is None
