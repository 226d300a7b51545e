"""A phone number written in digits is found as it stands; other digits are left alone."""

import pytest

from tests.screening.asking import evidence_of
from workers.screening.detectors import phone


@pytest.mark.parametrize(
    "text, evidence",
    [
        pytest.param("call 510-444-5610 after six", "510-444-5610", id="North American with hyphens"),
        pytest.param("call (510) 444-5610", "(510) 444-5610", id="area code in brackets"),
        pytest.param("510.444.5610", "510.444.5610", id="dots"),
        pytest.param("510 444 5610", "510 444 5610", id="spaces"),
        pytest.param("it is 5104445610.", "5104445610", id="bare ten digits at the end of a sentence"),
        pytest.param("1-510-444-5610", "1-510-444-5610", id="with the long-distance 1"),
        pytest.param("tel:5104445610", "5104445610", id="after a colon"),
        pytest.param("Hi,5104445610", "5104445610", id="after a comma without a space"),
        pytest.param("510\u2013444\u20135610", "510\u2013444\u20135610", id="en dashes"),
        pytest.param("510 / 444 / 5610", "510 / 444 / 5610", id="slashes with spaces"),
        pytest.param("510\n444\n5610", "510\n444\n5610", id="over lines"),
        pytest.param("room 2 510-444-5610", "510-444-5610", id="another number before"),
        pytest.param("510-444-5610 5pm", "510-444-5610", id="a time behind"),
        pytest.param("+1 510 444 5610", "+1 510 444 5610", id="international, North America"),
        pytest.param("+44 (0)7700 900123", "+44 (0)7700 900123", id="international with the dropped zero"),
        pytest.param("(+49) 151 23456789", "(+49) 151 23456789", id="country code in brackets"),
        pytest.param("0049 151 23456789", "0049 151 23456789", id="00 for the plus"),
        pytest.param("+55 11 91234-5678", "+55 11 91234-5678", id="Brazil"),
        pytest.param("07700 900123", "07700 900123", id="British mobile"),
        pytest.param("06 12 34 56 78", "06 12 34 56 78", id="French mobile in pairs"),
        pytest.param("0171/2345678", "0171/2345678", id="German mobile"),
        pytest.param("612 345 678", "612 345 678", id="Spanish mobile in threes"),
        pytest.param("98765 43210", "98765 43210", id="Indian mobile in fives"),
        pytest.param("\uff15\uff11\uff10-\uff14\uff14\uff14-\uff15\uff16\uff11\uff10", "\uff15\uff11\uff10-\uff14\uff14\uff14-\uff15\uff16\uff11\uff10", id="full width"),
        pytest.param("\u0660\u0667\u0667\u0660\u0660 \u0669\u0660\u0660\u0661\u0662\u0663", "\u0660\u0667\u0667\u0660\u0660 \u0669\u0660\u0660\u0661\u0662\u0663", id="Arabic-Indic"),
        pytest.param("\U0001f600\U0001f600 510-444-5610", "510-444-5610", id="behind emoji"),
    ],
)  # fmt: skip
def test_a_number_is_found_as_it_stands(text: str, evidence: str) -> None:
    assert evidence_of(phone.find, text) == [evidence]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2,500 down and 1,200 a month", id="prices with commas"),
        pytest.param("$1 250 000 for the house", id="a price in groups"),
        pytest.param("asking 1250000000 pesos", id="a large sum"),
        pytest.param("14500.00 to 16500.00", id="decimals"),
        pytest.param("from 2026-03-01 to 2026-04-15", id="ISO dates"),
        pytest.param("01.03.2026 - 15.04.2026", id="European dates"),
        pytest.param("3/1/2026 10", id="an American date"),
        pytest.param("20260301", id="a date without separators"),
        pytest.param("between 10:30 and 11:45", id="times"),
        pytest.param("09-17 Mon, 10-14 Sat", id="opening hours"),
        pytest.param("2026-03-01 10:30:00", id="a timestamp"),
        pytest.param("at 1772366400 exactly", id="a point in time in seconds"),
        pytest.param("order number 5104445610", id="an order number"),
        pytest.param("pedido no. 5104445610", id="an order number in Portuguese"),
        pytest.param("ticket #5104445610", id="a ticket number"),
        pytest.param("tracking: 7700900123", id="a parcel"),
        pytest.param("TRK5104445610", id="a code of letters and digits"),
        pytest.param("5104445610AB", id="a code that ends in letters"),
        pytest.param("LH 1170 then BA 249", id="flights"),
        pytest.param("4242 4242 4242 4242", id="a payment card"),
        pytest.param("ISBN 978-3-16-148410-0", id="a book"),
        pytest.param("DE89 3704 0044 0532 0130 00", id="a bank account"),
        pytest.param("192.168.100.200", id="an address of a machine"),
        pytest.param("48.858370, 2.294481", id="coordinates"),
        pytest.param("850 x 600 x 400", id="sizes"),
        pytest.param("10001-2345", id="a postal code"),
        pytest.param("1 2 3 4 5 6 7 8", id="counting"),
        pytest.param("123-456", id="too short"),
        pytest.param("1" * 40, id="too long"),
        pytest.param("000-000-0000", id="nothing but zeros"),
        pytest.param("+5 +3 +12", id="plus signs"),
        pytest.param("12 34 56 78 90 12 34 56 78 90", id="a long row of pairs"),
    ],
)
def test_other_digits_are_no_number(text: str) -> None:
    assert evidence_of(phone.find, text) == []


@pytest.mark.parametrize(
    "text, region, found",
    [
        pytest.param("20 12 34 56", "DK", True, id="eight digits where numbers have eight"),
        pytest.param("2345 6789", "HK", True, id="eight digits in fours"),
        pytest.param("912345678", "PT", True, id="nine bare digits"),
        pytest.param("11 91234-5678", "BR", True, id="a plan that rewrites what is dialled"),
        pytest.param("444-5610", "US", False, id="without its area code"),
        pytest.param("20 12 34 56", "US", False, id="eight digits where numbers have ten"),
        pytest.param("912345678", "DK", False, id="nine digits where numbers have eight"),
        pytest.param("20 12 34 56", "XX", False, id="a region that does not exist"),
        pytest.param("01.03.2026", "DE", False, id="a date in a region"),
    ],
)
def test_a_region_decides_what_can_be_dialled_there(text: str, region: str, found: bool) -> None:
    assert bool(evidence_of(phone.find, text, (region,))) is found


@pytest.mark.parametrize(
    "text, reading",
    [
        pytest.param("(510) 444 5610", "510-444-5610", id="North American"),
        pytest.param("0044 7700 900123", "+44 7700 900123", id="international"),
        pytest.param("\uff10\uff17\uff17\uff10\uff10 900123", "07700900123", id="full width"),
    ],
)
def test_the_reading_is_the_number(text: str, reading: str) -> None:
    [match] = phone.find(text, ())

    assert match.reading == reading


@pytest.mark.parametrize(
    "between",
    [" or ", " / ", "/", " - ", ", ", "\n", " "],
    ids=["or", "a slash with spaces", "a slash", "a dash", "a comma", "a line", "a space"],
)
def test_two_numbers_are_two_matches(between: str) -> None:
    assert evidence_of(phone.find, f"510-444-5610{between}510-444-5611") == ["510-444-5610", "510-444-5611"]
