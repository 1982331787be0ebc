"""The `model` section: layers by Keras's names, repeats, switches and residual blocks."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from functools import partial

from hpsearch.errors import BuildError
from hpsearch.space.calls import CUSTOM, call_faults, name_fault, named_arguments, split_item
from hpsearch.space.catalogue import Catalogue, Kind
from hpsearch.space.checking import Checker, Fault
from hpsearch.space.constants import BUILT_IN, NAME
from hpsearch.space.expressions import FUNCTIONS
from hpsearch.space.problems import Place, check_keys, did_you_mean, nearest, show
from hpsearch.space.references import ABSENT, Names, Unresolvable, choose, is_switch, reference_in, resolve
from hpsearch.space.scopes import Counter, Family, Scope
from hpsearch.space.values import BROKEN, Pairs, Plain, Scalar, contains_broken, is_whole

MOST_REPEATS = 1_000
MOST_LAYERS = 10_000  # of one model, repeats multiplied out
DEFAULT_COUNTER = "i"
BLOCKS = ("repeat", "residual", "switch")  # what stands in the place of a layer


def number_of(count: Plain, constants: Mapping[str, Scalar]) -> str | int | None:
    """What a repeat is over, as families have it: a parameter's name, a fixed number, None for anything else."""
    if is_whole(count):
        return int(count)
    reference = reference_in(count)
    if reference is not None and not isinstance(reference, str) and reference.text.strip() in reference.names:
        reference = reference.text.strip()
    if isinstance(reference, str):
        value = constants.get(reference, reference)
        return value if isinstance(value, str) else int(value) if is_whole(value) and value is not None else None
    return None


def counters_in(tree: Plain) -> dict[str, Place]:
    """The counters of all repeats below `tree`, and where each is first declared."""
    found: dict[str, Place] = {}

    def walk(tree: Plain, place: Place) -> None:
        if isinstance(tree, dict):
            if "repeat" in tree:
                name = tree.get("as", DEFAULT_COUNTER)
                if isinstance(name, str):
                    found.setdefault(name, place)
            for key, value in tree.items():
                walk(value, (*place, key))
        elif isinstance(tree, list):
            for number, value in enumerate(tree):
                walk(value, (*place, number))

    walk(tree, ())
    return found


class LayerCheck:
    """Checks layers wherever they can be reached."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._problems = checker.problems
        self._catalogue = checker.catalogue

    def model(self, tree: Plain, place: Place = ("model",)) -> None:
        """Check the whole section."""
        if tree is BROKEN:
            return
        if not isinstance(tree, list) and not is_switch(tree):
            self._problems.add(place, f"`model` is {show(tree)}, but a list of layers was expected.")
        elif isinstance(tree, list) and not tree:
            self._problems.add(place, "`model` has no layers; list at least one.")
        else:
            self._layers(tree, Scope(), place)

    def _layers(self, tree: Plain, scope: Scope, place: Place) -> None:
        """A list of layers, one layer, or a switch between such."""
        if isinstance(tree, Pairs):
            self._problems.add(place, f"{show(tree)} is no layer.")
        elif isinstance(tree, list):
            for number, item in enumerate(tree):
                self._item(item, scope, (*place, number))
        else:
            self._item(tree, scope, place)

    def _item(self, item: Plain, scope: Scope, place: Place) -> None:
        if item is BROKEN:
            return
        if is_switch(item):
            for value, inner, at in self._checker.switch(item, scope, place) or ():
                self._layers(value, inner, at)
        elif isinstance(item, dict) and ("repeat" in item or "layers" in item):
            self._repeat(item, scope, place)
        elif isinstance(item, dict) and "residual" in item:
            self._residual(item, scope, place)
        elif isinstance(item, dict) and len(item) > 1:
            self._problems.add(
                place,
                f"{show(list(item))} stand in one item, but an item of `model` is one layer: begin each with its own "
                f"`- `, and put arguments inside `{{}}`.",
            )
        elif isinstance(item, dict) and item and next(iter(item.values())) is None:
            name = next(iter(item))
            self._problems.add(
                place, f"`{name}:` has nothing after its colon; write `{name}` for a layer without arguments."
            )
        elif isinstance(item, str | dict) and item:
            self._layer(item, scope, place)
        else:
            if not contains_broken(item):
                self._problems.add(place, f"{show(item)} is no layer; a name or one `Name: arguments` was expected.")

    def _repeat(self, item: dict[str, Plain], scope: Scope, place: Place) -> None:
        if not check_keys(self._problems, item, place, ("repeat", "layers", "as"), "A repeat", ("repeat", "layers")):
            return
        name = item.get("as", DEFAULT_COUNTER)
        sound = self._counter_is_free(name, scope, (*place, "as") if "as" in item else place)
        if not self._checker.check(item["repeat"], scope, (*place, "repeat"), _count_faults) or not sound:
            return
        layers = item["layers"]
        if not isinstance(layers, list) and not is_switch(layers):
            if layers is not BROKEN:
                self._problems.add(
                    (*place, "layers"), f"`layers` is {show(layers)}, but a list of layers was expected."
                )
            return
        counter = Counter(name, item["repeat"], number_of(item["repeat"], self._checker.vocabulary.constants))
        inner = scope.repeated(counter)
        if self._checker.vocabulary.possible(inner, [name]):
            self._layers(layers, inner, (*place, "layers"))

    def _counter_is_free(self, name: Plain, scope: Scope, place: Place) -> bool:
        vocabulary = self._checker.vocabulary
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self._problems.add(
                place, f"The counter {show(name)} cannot be a name; use letters, digits and underscores."
            )
        elif name in BUILT_IN or name in FUNCTIONS or keyword.iskeyword(name):
            self._problems.add(place, f"The counter `{name}` is a built-in name; choose another with `as:`.")
        elif any(counter.name == name for counter in scope.counters):
            self._problems.add(
                place, f"A repeat around this one has the counter `{name}` already; name this one with `as:`."
            )
        else:
            return (
                name not in vocabulary.parameters
                and name not in vocabulary.constants
                and name not in vocabulary.families
            )
        return False

    def _residual(self, item: dict[str, Plain], scope: Scope, place: Place) -> None:
        if not check_keys(self._problems, item, place, ("residual",), "A residual block"):
            return
        layers = item["residual"]
        if layers is BROKEN:
            return
        if not is_switch(layers) and (not isinstance(layers, list) or not layers):
            self._problems.add(
                (*place, "residual"), f"`residual` is {show(layers)}, but a list of layers was expected."
            )
            return
        self._layers(layers, scope, (*place, "residual"))

    def _layer(self, item: Plain, scope: Scope, place: Place) -> None:
        name, value = split_item(item)
        if name == "Activation" and self._checker.is_resolvable(item, scope, place):
            tree = value.get("activation") if isinstance(value, dict) and not is_switch(value) else value
            functions = [name for name in self._checker.values_reaching(tree, scope) if isinstance(name, str)]
            self._checker.check(item, scope, place, partial(self._activation_faults, functions=functions))
        else:
            self._checker.check(item, scope, place, partial(layer_faults, self._catalogue, Kind.LAYER, written=item))

    def _activation_faults(self, item: Plain, functions: list[str]) -> Iterator[Fault]:
        _, value = split_item(_with_layer_kept(item, "Activation"))
        arguments = dict(value) if isinstance(value, Mapping) else {"activation": value}
        function = arguments.get("activation")
        own = self._catalogue.signature(Kind.LAYER, "Activation").arguments
        extras = {key: arguments.pop(key) for key in list(arguments) if key not in own}
        faults = list(call_faults(self._catalogue, Kind.LAYER, "Activation", arguments, label="Activation"))
        if isinstance(function, str) and (fault := name_fault(self._catalogue, Kind.ACTIVATION, function)) is not None:
            yield Fault(fault.message, ("Activation",), structural=False)
            return
        yield from (Fault(f.message, ("Activation", *f.place), f.structural, f.missing) for f in faults)
        known = self._catalogue.names(Kind.ACTIVATION)
        taken = {key for name in functions if name in known for key in _function_arguments(self._catalogue, name)}
        for key in extras:
            if key not in taken and key == "alpha" and "leaky_relu" in functions:
                yield Fault("`leaky_relu` takes no `alpha`: Keras 3 says negative_slope", ("Activation", key))
            elif key not in taken:
                names = " or ".join(f"`{name}`" for name in functions if name in known) or "the activation"
                yield Fault(f"{names} takes no `{key}`{did_you_mean(key, sorted(taken))}", ("Activation", key))
        if isinstance(function, str) and function in known:
            fitting = {
                key: value for key, value in extras.items() if key in _function_arguments(self._catalogue, function)
            }
            problem = self._catalogue.problem(Kind.ACTIVATION, function, fitting) if fitting else None
            if problem is not None:
                yield Fault(problem.rstrip("."), ("Activation",), structural=False)


def _count_faults(value: Plain) -> Iterator[Fault]:
    if value is ABSENT:
        yield Fault("`repeat` needs a number", missing="repeat")
    elif not is_whole(value) or value < 0:
        yield Fault(f"`repeat` is {show(value)}, but a whole number from 0 was expected", structural=False)
    elif value > MOST_REPEATS:
        yield Fault(f"`repeat` is {show(value)}, but at most {MOST_REPEATS} are possible", structural=False)


def _function_arguments(catalogue: Catalogue, function: str) -> tuple[str, ...]:
    return catalogue.signature(Kind.ACTIVATION, function).arguments


def _with_layer_kept(item: Plain, name: str) -> Plain:
    """A layer is never left out, even where all its arguments are."""
    return name if item is ABSENT else item


def layer_faults(catalogue: Catalogue, kind: Kind, item: Plain, written: Plain = None) -> Iterator[Fault]:
    """What is wrong with one resolved layer; `written` is the item with its references."""
    if item is ABSENT and isinstance(written, str):
        yield Fault("A layer is never left out", missing="layer")
        return
    name, value = split_item(_with_layer_kept(item, next(iter(written)) if isinstance(written, dict) else ""))
    if (fault := name_fault(catalogue, kind, name)) is not None:
        block = nearest(name, BLOCKS) if kind is Kind.LAYER and isinstance(name, str) else None
        sure = block is not None and not fault.message.endswith("?")
        message = f"`{name}` is not a layer; did you mean `{block}`?" if sure else fault.message
        yield Fault(message, (), fault.structural and isinstance(written, dict))
        return
    if not isinstance(value, Mapping) and not CUSTOM.fullmatch(name) and catalogue.signature(kind, name).first is None:
        yield Fault(f"`{name}` takes no arguments, but {show(value)} was given", (name,))
        return
    arguments = named_arguments(catalogue, kind, name, value)
    for key in ("activation", "recurrent_activation"):
        function = arguments.get(key)
        if isinstance(function, str) and (fault := name_fault(catalogue, Kind.ACTIVATION, function)) is not None:
            yield Fault(fault.message, (name, key), structural=False)
            return
    for fault in call_faults(catalogue, kind, name, arguments):
        yield Fault(fault.message, (name, *fault.place) if fault.place else (), fault.structural, fault.missing)


class Expansion:
    """Turns the `model` section into plain layers for one configuration."""

    def __init__(self, catalogue: Catalogue, families: Mapping[str, Family], constants: Mapping[str, Scalar]) -> None:
        self._catalogue = catalogue
        self._families = families
        self._constants = constants
        self._count = 0

    def layers(self, tree: Plain, names: Names, place: Place = ("model",)) -> list[Plain]:
        """The layers of `tree` in order. Raises Unresolvable, or BuildError where there are too many."""
        if is_switch(tree):
            at, chosen = choose(tree, names, place)
            return self.layers(chosen, names, at)
        if isinstance(tree, list):
            return [layer for number, item in enumerate(tree) for layer in self.layers(item, names, (*place, number))]
        if isinstance(tree, dict) and "repeat" in tree:
            return self._repeated(tree, names, place)
        if isinstance(tree, dict) and "residual" in tree:
            return [{"residual": self.layers(tree["residual"], names, (*place, "residual"))}]
        self._count += 1
        if self._count > MOST_LAYERS:
            raise BuildError(f"The model has more than {MOST_LAYERS:,} layers.")
        return [self._layer(tree, names, place)]

    def _repeated(self, tree: Mapping[str, Plain], names: Names, place: Place) -> list[Plain]:
        count = resolve(tree["repeat"], names, (*place, "repeat"))
        if not is_whole(count) or not 0 <= count <= MOST_REPEATS:
            raise BuildError(
                f"A repeat has the count {show(count)}, but a whole number from 0 to {MOST_REPEATS} was expected."
            )
        number = number_of(tree["repeat"], self._constants)
        families = [family for family in self._families.values() if family.number == number]
        layers: list[Plain] = []
        for index in range(int(count)):
            members = {
                family.name: names.get(family.members[index], ABSENT)
                for family in families
                if index < len(family.members)
            }
            inner = {**names, **members, tree.get("as", DEFAULT_COUNTER): index}
            layers += self.layers(tree["layers"], inner, (*place, "layers"))
        return layers

    def _layer(self, tree: Plain, names: Names, place: Place) -> Plain:
        item = resolve(tree, names, place)
        if item is ABSENT:
            item = next(iter(tree)) if isinstance(tree, dict) else item
        if item is ABSENT:
            raise Unresolvable(place, "A layer is never left out", structural=True)
        name, value = split_item(item)
        if value == {}:
            return name
        arguments = dict(named_arguments(self._catalogue, Kind.LAYER, name, value))
        if name == "Activation":
            own = self._catalogue.signature(Kind.LAYER, "Activation").arguments
            function = arguments.get("activation")
            if isinstance(function, str) and function in self._catalogue.names(Kind.ACTIVATION):
                own = (*own, *_function_arguments(self._catalogue, function))
            arguments = {key: value for key, value in arguments.items() if key in own}
        return {name: arguments} if arguments else name
