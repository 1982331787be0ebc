"""Learning-rate schedules, held against their definition."""

from __future__ import annotations

import math

import pytest

from hpsearch.errors import ConfigError
from hpsearch.training.schedules import make_schedule


def factors(settings, horizon):
    schedule = make_schedule(settings, horizon)
    return [schedule(epoch) for epoch in range(1, horizon + 1)]


def test_without_a_schedule_the_rate_stays():
    assert factors(None, 3) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("steps", [{3: 0.1, 5: 0.01}, {"5": 0.01, "3": 0.1}])
def test_steps_are_factors_on_the_initial_rate_from_their_epoch_on(steps):
    assert factors({"steps": steps}, 6) == [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]


def test_every_ten_epochs_falls_first_at_the_eleventh():
    values = factors({"every": 10, "factor": 0.5}, 21)

    assert values[9:11] == [1.0, 0.5]
    assert values[20] == 0.25


def test_cosine_rises_through_its_warm_up_and_falls_towards_the_final_factor():
    values = factors({"cosine": {"warmup": 2, "final": 0.01}}, 10)

    assert values[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    for epoch in range(3, 11):
        way = (epoch - 1 - 2) / (10 - 2)
        assert values[epoch - 1] == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi * way)) / 2)
    assert make_schedule({"cosine": {"warmup": 2, "final": 0.01}}, 10)(11) == pytest.approx(0.01)


def test_cosine_cycles_start_anew():
    values = factors({"cyclic": {"cycles": 2, "shape": "cosine", "final": 0.1}}, 8)

    assert values[:4] == pytest.approx(values[4:])
    assert values[0] == 1.0
    assert values[:4] == sorted(values[:4], reverse=True)


def test_triangular_cycles_rise_and_fall_in_straight_lines_and_spend_no_epoch_at_zero():
    assert factors({"cyclic": {"cycles": 2, "shape": "triangular"}}, 6) == pytest.approx([0.5, 1.0, 0.5] * 2)


def test_cycles_must_divide_the_epochs():
    with pytest.raises(ConfigError, match="3 cycles, which do not divide 10 epochs"):
        make_schedule({"cyclic": {"cycles": 3}}, 10)


def test_the_schedule_of_a_rung_is_the_beginning_of_the_whole():
    assert factors({"cosine": {}}, 27)[:3] == [make_schedule({"cosine": {}}, 27)(epoch) for epoch in (1, 2, 3)]
