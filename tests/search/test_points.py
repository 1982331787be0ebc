import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.search.spaces import FINITE, MIXED, choice, has_right_activity, is_active, real, space, whole

from hpsearch.search.points import Places, Points, place_of
from hpsearch.space.parameters import Condition


def listed(parameters):
    """All configurations the slow way, in the order of the full product."""
    found = {}
    grids = [[parameter.value_at(place) for place in range(parameter.size)] for parameter in parameters.values()]
    for values in itertools.product(*grids):
        configuration = {}
        for (name, parameter), value in zip(parameters.items(), values, strict=True):
            if is_active(parameter, configuration):
                configuration[name] = value
        found.setdefault(json.dumps(configuration), configuration)
    return list(found.values())


def test_points_are_all_configurations_in_order_the_last_parameter_fastest():
    points = Points(FINITE)

    assert points.size == len(listed(FINITE))
    assert [points[rank] for rank in range(points.size)] == listed(FINITE)
    assert all(has_right_activity(FINITE, points[rank]) for rank in range(points.size))


def test_a_rank_leads_back_to_itself():
    points = Points(FINITE)

    assert [points.rank_of(points[rank]) for rank in range(points.size)] == list(range(points.size))


def test_a_place_that_is_looked_up_twice_is_that_of_the_same_kind_of_value():
    for parameter in FINITE.values():
        places = Places(parameter)
        values = [parameter.value_at(place) for place in range(parameter.size)]

        for _ in range(2):
            assert [places[type(value), value] for value in values] == [place_of(parameter, value) for value in values]
    with pytest.raises(ValueError, match="is not a value of"):
        Places(FINITE["activation"])[int, 0]


@st.composite
def conditional_spaces(draw):
    parameters = []
    for index in range(draw(st.integers(1, 6))):
        when = []
        for parent in draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else ():
            low = draw(st.integers(0, 2))
            when.append(
                Condition(f"p{parent}", min=low)
                if draw(st.booleans())
                else Condition(f"p{parent}", values=tuple(draw(st.sets(st.integers(0, 2), min_size=1))))
            )
        parameters.append(whole(f"p{index}", 0, draw(st.integers(0, 2)), when=when))
    return space(*parameters)


@settings(max_examples=150, deadline=None)
@given(conditional_spaces())
def test_points_of_any_conditional_space_equal_the_slow_way(parameters):
    points = Points(parameters)

    assert [points[rank] for rank in range(points.size)] == listed(parameters)
    assert [points.rank_of(points[rank]) for rank in range(points.size)] == list(range(points.size))


def test_a_huge_space_is_numbered_without_being_listed():
    parameters = space(
        whole("a", 1, 10**9),
        whole("b", 1, 10**9, when=[Condition("a", min=1, max=10**8)]),
        *(choice(f"switch_{k}", True, False) for k in range(30)),
        *(real(f"rate_{k}", 0.0, 1.0, 0.001, when=[Condition(f"switch_{k}", (True,))]) for k in range(30)),
    )
    points = Points(parameters)

    assert points.size == (10**8 * 10**9 + 9 * 10**8) * 1002**30
    assert points.rank_of(points[points.size - 1]) == points.size - 1


def test_a_float_without_a_step_has_no_points():
    assert Points(MIXED).size is None
    with pytest.raises(IndexError):
        Points(MIXED)[0]


def test_a_space_without_parameters_has_one_point():
    assert (Points({}).size, Points({})[0]) == (1, {})
