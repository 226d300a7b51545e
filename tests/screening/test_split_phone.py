"""A number that one party spreads over messages is found, whichever part comes last."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from schemas.conversations import Utterance
from tests.screening.asking import say
from workers.screening.detectors import split_phone
from workers.screening.detectors.matches import ConversationMatch


def find(messages: list[Utterance], regions: tuple[str, ...] = ()) -> list[ConversationMatch]:
    return list(split_phone.find(messages, regions))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["a: 510", "a: 444", "a: 5610"], id="three parts"),
        pytest.param(["a: 510", "b: why?", "a: 444", "b: ok", "a: 5610"], id="the other party between"),
        pytest.param(["a: 510", "a: nice weather today", "a: 444", "a: see you", "a: 5610"], id="own chatter between"),
        pytest.param([f"a: {digit}" for digit in "5104445610"], id="digit by digit"),
        pytest.param(["a: 510 444", "a: 5610"], id="two parts"),
        pytest.param(["a: 510", "b: 999", "a: 444", "b: 7", "a: 5610"], id="digits of the other party between"),
        pytest.param(["a: so 510", "a: 444!!", "a: \U0001f449 5610"], id="a word and signs beside the digits"),
        pytest.param(["a: 2", "a: 510", "a: 444", "a: 5610"], id="another digit before"),
        pytest.param(["a: +49", "a: 151", "a: 23456789"], id="international"),
        pytest.param(["a: 07700", "a: 900123"], id="with a zero"),
    ],
)
def test_the_parts_make_a_number(lines: list[str]) -> None:
    [found] = find(say(*lines))

    assert found.message == len(lines) - 1


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["a: 510", "b: 444", "a: 5610"], id="of two parties"),
        pytest.param(["a: 510", "a: 444"], id="too few digits"),
        pytest.param(["a: $510", "a: $444", "a: $5610"], id="prices"),
        pytest.param(["a: 450?", "a: 425", "a: 400 then"], id="bargaining"),
        pytest.param(["a: at 5", "a: at 10", "a: 4.45", "a: 6:10"], id="times"),
        pytest.param(["a: 510", "a: 444", "a: 5610 is what the meter of the van shows today"], id="a part within a sentence"),
        pytest.param(["a: 5pm", "a: 10am", "a: 445 km", "a: 610"], id="units"),
        pytest.param(["a: 510-444-5610"], id="in one message"),
        pytest.param(["a: 12", "a: 34", "a: 56", "a: 78", "a: 90"], id="no such number"),
        pytest.param(["a: 2", "a: 3", "a: 1", "a: 4"], id="small counts"),
        pytest.param(["a: ok", "b: thanks"], id="no digits"),
        pytest.param([], id="no messages"),
    ],
)
def test_other_digits_make_none(lines: list[str]) -> None:
    assert find(say(*lines)) == []


@pytest.mark.parametrize("last", range(3), ids=["first part last", "middle part last", "last part last"])
def test_it_is_found_whichever_part_arrives_last(last: int) -> None:
    [found] = find(say("a: 510", "a: 444", "a: 5610", new=[last]))

    assert found.message == last
    assert found.match.evidence == ("510", "444", "5610")[last]
    assert found.match.reading == "510-444-5610"


def test_it_hangs_on_the_last_of_several_new_parts() -> None:
    [found] = find(say("a: 510", "a: 444", "a: 5610", new=[0, 1]))

    assert found.message == 1


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "then ".join(map(str, order)))
def test_parts_that_arrive_one_by_one_are_found_once(order: tuple[int, ...]) -> None:
    whole = say("a: 510", "a: 444", "a: 5610")
    hung_on = []
    for arrived in range(1, 4):
        known = sorted(order[:arrived])
        messages = [replace(whole[place], is_new=place == order[arrived - 1]) for place in known]
        hung_on += [known[found.message] for found in find(messages)]

    assert hung_on == [order[-1]]


def test_a_number_known_before_is_not_found_again() -> None:
    assert find(say("a: 510", "a: 444", "a: 5610", "a: thanks", "a: 3", new=[3, 4])) == []


def test_parts_far_apart_do_not_belong_together() -> None:
    one, two, three = say("a: 510", "a: 444", "a: 5610")
    later = replace(three, submitted_at=three.submitted_at + timedelta(seconds=split_phone.LONGEST_PAUSE_S))
    much_chatter = say("a: 510", "a: 444", *["a: chatter"] * (split_phone.MOST_OTHER_MESSAGES + 1), "a: 5610")

    assert find([one, two, later]) == []
    assert find(much_chatter) == []


def test_a_region_decides_what_can_be_dialled_there() -> None:
    messages = say("a: 912", "a: 345", "a: 678")

    assert find(messages) == []
    assert find(messages, ("DK",)) == []
    assert [found.match.reading for found in find(messages, ("DK", "PT"))] == ["+351 912 345 678"]
