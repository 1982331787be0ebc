import pytest

from hpsearch.errors import BackendMissing
from hpsearch.search import registry
from hpsearch.space.catalogue import Kind, Signature
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Order


def test_names_are_those_of_the_registries():
    assert registry.names(Kind.BACKEND) == ("random", "grid", "hyperband", "bayesian", "optuna")
    assert registry.names(Kind.SAMPLER) == ("tpe", "random")
    assert registry.names(Kind.PRUNER) == ("none", "median", "successive_halving", "hyperband")


def test_signatures_say_what_is_required():
    expected = Signature(("max_epochs", "factor", "iterations"), frozenset({"max_epochs"}))

    assert registry.signature(Kind.BACKEND, "hyperband") == expected
    assert registry.signature(Kind.BACKEND, "random") == Signature(())
    assert registry.signature(Kind.BACKEND, "optuna") == Signature(("sampler", "pruner"))
    assert registry.signature(Kind.PRUNER, "median") == Signature(())


def test_defaults_are_those_of_the_language():
    assert registry.defaults("hyperband") == {"factor": 3, "iterations": 1}
    assert registry.defaults("optuna") == {"sampler": "tpe", "pruner": "none"}
    assert registry.defaults("grid") == {}


@pytest.mark.parametrize(
    ("backend", "arguments", "sentence"),
    [
        ("hyperband", {}, "hyperband needs max_epochs"),
        ("hyperband", {"max_epochs": 0}, "max_epochs is 0; expected a whole number from 1"),
        ("hyperband", {"max_epochs": 9, "factor": 1}, "factor is 1; expected a whole number from 2"),
        ("hyperband", {"max_epochs": 9, "iterations": True}, "iterations is True; expected a whole number from 1"),
        ("hyperband", {"max_epochs": 9.5}, "max_epochs is 9.5; expected a whole number from 1"),
        ("hyperband", {"max_epochs": float("nan")}, "max_epochs is nan; expected a whole number from 1"),
        ("hyperband", {"max_epochs": float("inf")}, "max_epochs is inf; expected a whole number from 1"),
        ("optuna", {"sampler": "tpee"}, "sampler is 'tpee'; expected one of tpe, random (did you mean tpe?)"),
    ],
)
def test_an_argument_that_does_not_fit_is_one_sentence(backend, arguments, sentence):
    assert registry.problem(Kind.BACKEND, backend, arguments) == sentence


def test_what_fits_is_no_problem():
    assert registry.problem(Kind.BACKEND, "hyperband", {"max_epochs": 27.0, "factor": 3}) is None
    assert registry.problem(Kind.BACKEND, "optuna", {"pruner": "median"}) is None
    assert registry.problem(Kind.SAMPLER, "tpe", {}) is None


def test_the_default_order_is_by_number_but_with_a_pruner():
    def order(**arguments):
        return registry.default_order(SearchSettings("optuna", arguments))

    assert order(sampler="tpe", pruner="none") is Order.NUMBER
    assert order(sampler="tpe", pruner="median") is Order.FINISHED
    assert registry.default_order(SearchSettings("random", {})) is Order.NUMBER


def test_a_library_that_is_not_installed_is_named():
    with pytest.raises(BackendMissing, match="needs the Python package surely_not_installed"):
        registry.resolve("surely_not_installed:backend")
