"""Who gets which slot: the lowest number first, away from where its workers died, alone where memory ran out."""

from __future__ import annotations

from hpsearch.execution.executor import Slot
from hpsearch.execution.health import Health
from hpsearch.execution.seating import Waiting, assign

PROCESSOR = [Slot(0), Slot(1), Slot(2)]
TWO_GPUS = [Slot(0, gpu="0"), Slot(1, gpu="1"), Slot(2, gpu="0"), Slot(3, gpu="1")]


def pairs(waiting, slots, busy=()):
    """(slot, trial) of everybody seated; `busy` are slots that work at something sociable."""
    taken = busy if isinstance(busy, dict) else {index: Waiting(90 + index) for index in busy}
    return [(slot.index, one.trial) for slot, one in assign(waiting, slots, taken)]


def test_the_lowest_numbers_get_the_free_slots():
    assert pairs([Waiting(4), Waiting(5), Waiting(9)], PROCESSOR, busy=[1]) == [(0, 4), (2, 5)]
    assert pairs([Waiting(4)], PROCESSOR, busy=[0, 1, 2]) == []
    assert pairs([], PROCESSOR) == []


def test_a_trial_goes_elsewhere_than_where_its_workers_died():
    burnt = Waiting(4, lost_on=frozenset({0}))

    assert pairs([burnt], PROCESSOR) == [(1, 4)]
    assert pairs([burnt, Waiting(5)], PROCESSOR, busy=[1, 2]) == [(0, 5)]


def test_it_takes_that_slot_all_the_same_rather_than_let_it_stand_empty():
    assert pairs([Waiting(4, lost_on=frozenset({0}))], PROCESSOR, busy=[1, 2]) == [(0, 4)]


def test_with_one_slot_nobody_overtakes_a_trial_whose_worker_died():
    assert pairs([Waiting(4, lost_on=frozenset({0})), Waiting(5)], [Slot(0)]) == [(0, 4)]


def test_a_trial_that_ran_out_of_memory_waits_until_a_device_is_its_own():
    lonely = Waiting(1, alone=True)

    assert pairs([lonely, Waiting(2)], TWO_GPUS, busy=[0, 1, 3]) == []  # slot 2 shares GPU 0 and stays empty
    assert pairs([lonely, Waiting(2)], TWO_GPUS, busy=[1]) == [(0, 1), (3, 2)]


def test_nobody_joins_a_trial_that_has_its_device_to_itself():
    busy = {0: Waiting(1, alone=True)}

    assert pairs([Waiting(2), Waiting(3), Waiting(4)], TWO_GPUS, busy) == [(1, 2), (3, 3)]


def test_a_second_one_that_needs_a_device_gets_another():
    busy = {0: Waiting(1, alone=True)}

    assert pairs([Waiting(2, alone=True), Waiting(3)], TWO_GPUS, busy) == [(1, 2)]


def test_a_trial_that_must_be_alone_avoids_the_device_on_which_its_worker_died():
    burnt = Waiting(3, lost_on=frozenset({0}), alone=True)

    assert pairs([burnt], [Slot(0, gpu="0"), Slot(1, gpu="1")], busy=[1]) == []
    assert pairs([burnt], [Slot(0, gpu="0"), Slot(1, gpu="1")]) == [(1, 3)]


def test_all_slots_of_the_processor_are_one_device():
    assert pairs([Waiting(1, alone=True), Waiting(2)], PROCESSOR, busy=[2]) == []
    assert pairs([Waiting(1, alone=True), Waiting(2)], PROCESSOR) == [(0, 1)]


def test_a_slot_that_never_finished_an_epoch_is_closed_at_the_third_death():
    health = Health()

    assert [health.death(0, trial=7) for _ in range(3)] == [False, False, True]


def test_deaths_in_other_slots_and_before_an_epoch_do_not_count():
    health = Health()
    for _ in range(2):
        health.death(0, trial=7)
    health.death(1, trial=7)
    health.epoch(0)

    assert not health.death(0, trial=8)


def test_a_slot_that_has_worked_is_closed_when_three_different_trials_have_died_in_it():
    health = Health()
    health.epoch(0)

    assert [health.death(0, trial=7) for _ in range(3)] == [False, False, False]
    assert [health.death(0, trial=8) for _ in range(3)] == [False, False, False]
    assert health.death(0, trial=9)


def test_a_slot_takes_what_its_worker_has_compiled_then_what_no_other_has():
    waiting = [Waiting(4, structure="a"), Waiting(5, structure="b"), Waiting(6, structure="c")]
    compiled = {0: {"b"}, 1: {"a"}}

    seated = assign(waiting, PROCESSOR[:2], {}, compiled)

    assert [(slot.index, one.trial) for slot, one in seated] == [(0, 5), (1, 4)]
    [(slot, one)] = assign([waiting[0], waiting[2]], PROCESSOR[:2], {1: Waiting(5)}, compiled)
    assert (slot.index, one.trial) == (0, 6)  # "a" is left to slot 1


def test_a_job_is_passed_over_by_as_many_later_ones_as_there_are_slots():
    compiled = {0: {"b"}}

    def taken(*later):
        waiting = [Waiting(4, structure="a"), *(Waiting(number, structure="b") for number in later)]
        [(_, one), *_] = assign(waiting, PROCESSOR[:2], {1: Waiting(3)}, compiled)
        return one.trial

    assert taken(5) == 5
    assert taken(6, 7) == 6
    assert taken(7, 8) == 4
