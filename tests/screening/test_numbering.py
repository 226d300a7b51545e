"""Which digits can be a number is what the numbering plans say, in every region."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from workers.screening.detectors import numbering

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)


def examples(region: str) -> list[phonenumbers.PhoneNumber]:
    """The numbers that the plans give as examples of a region."""
    found = (phonenumbers.example_number_for_type(region, kind) for kind in KINDS)
    return [number for number in found if number is not None]


def as_dialled(number: phonenumbers.PhoneNumber) -> set[str]:
    """The digits of a number as it is dialled at home, with and without what is dialled first, and with its country code."""
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    international = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return {"".join(filter(str.isdecimal, written)) for written in (national, international)} | {
        phonenumbers.national_significant_number(number)
    }


def test_what_parsing_takes_for_a_regions_number_is_one_here() -> None:
    refused = []
    for region in REGIONS:
        for written in (written for number in examples(region) for written in as_dialled(number)):
            parsed = phonenumbers.parse(written, region)
            valid = phonenumbers.is_valid_number_for_region(parsed, region)
            if valid is not (numbering.reading_of(written, regions=(region,)) is not None):
                refused.append((region, len(written)))

    assert refused == []


def test_an_international_number_of_any_region_is_one() -> None:
    numbers = [number for region in REGIONS for number in examples(region)]
    unread = [
        number for number in numbers if numbering.reading_of(phonenumbers.format_number(number, PhoneNumberFormat.E164), regions=()) is None
    ]

    assert [number.country_code for number in unread if len(phonenumbers.format_number(number, PhoneNumberFormat.E164)) > 8] == []


def test_a_mobile_number_of_any_region_is_known_without_the_region() -> None:
    mobiles = [(region, phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)) for region in REGIONS]
    known = [
        region for region, number in mobiles if number and numbering.is_mobile_somewhere(phonenumbers.national_significant_number(number))
    ]

    assert known == [region for region, number in mobiles if number]


@pytest.mark.parametrize(
    "written, regions",
    [
        pytest.param("5104445610", (), id="no region"),
        pytest.param("5104445610", ("GB",), id="another region"),
        pytest.param("5104445610", ("ZZ", ""), id="regions that do not exist"),
        pytest.param("1234", ("US",), id="too short"),
        pytest.param("+", (), id="a plus alone"),
        pytest.param("+1", (), id="a country code alone"),
        pytest.param("+9991234567", (), id="a country code that does not exist"),
        pytest.param("+1510444561", (), id="too short for its country"),
        pytest.param("+151044456100000", (), id="too long for its country"),
    ],
)
def test_other_digits_are_no_number(written: str, regions: tuple[str, ...]) -> None:
    assert numbering.reading_of(written, regions=regions) is None


@pytest.mark.parametrize("national, is_one", [("5104445610", True), ("0104445610", False), ("1104445610", False), ("510444561", False), ("0000000000", False)],
                         ids=["a number", "begins with 0", "begins with 1", "nine digits", "zeros"])  # fmt: skip
def test_ten_digits_can_be_north_american(national: str, is_one: bool) -> None:
    assert numbering.is_north_american(national) is is_one
