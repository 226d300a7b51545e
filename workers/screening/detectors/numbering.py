"""THE place that knows which digits can be a phone number, by the numbering plans that `phonenumbers` ships."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import phonenumbers
import re2
from phonenumbers import NumberParseException, PhoneMetadata

FEWEST_DIGITS: Final = 7
MOST_DIGITS: Final = 15
_FEWEST_INTERNATIONAL: Final = 8
_NORTH_AMERICA: Final = "US"
_NORTH_AMERICAN_DIGITS: Final = 10
_KINDS: Final = ("fixed_line", "mobile")


def reading_of(written: str, *, regions: tuple[str, ...]) -> str | None:
    """How a number reads when it is possible as written: with `+`, or valid when dialled within one of `regions`; else None.

    `written` begins with `+` for an international number; anything but digits is otherwise skipped.
    """
    if written.startswith("+"):
        return _international(written)
    for region in regions:
        if region not in _metadata() or not _could_be_dialled(written, region):
            continue
        try:
            number = phonenumbers.parse(written, region)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(number, region):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return None


def is_north_american(national: str) -> bool:
    """Whether ten digits can be dialled in the United States."""
    if len(national) != _NORTH_AMERICAN_DIGITS or national[0] in "01":
        return False
    return any(region == _NORTH_AMERICA for region, _kind in _plans_of(national))


def is_valid_after_a_zero(national: str) -> bool:
    """Whether the digits are a number somewhere where a national number is dialled with a `0` before it."""
    return any(region in _dialled_with_zero() for region, _kind in _plans_of(national))


def is_mobile_somewhere(national: str) -> bool:
    """Whether the digits are a mobile number in some region."""
    return any(kind == "mobile" for _region, kind in _plans_of(national))


def _international(written: str) -> str | None:
    if sum(character.isdecimal() for character in written) < _FEWEST_INTERNATIONAL:
        return None
    try:
        number = phonenumbers.parse(written)
    except NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _could_be_dialled(written: str, region: str) -> bool:
    """Whether it is worth the time to parse: digits that fit the region's plan, after a country code or what is dialled first there."""
    return _gate(region).fullmatch(written) is not None


@cache
def _gate(region: str) -> Any:
    """One expression for what may be dialled in a region; where dialling rewrites a number, for all that begins as it does there."""
    metadata: Any = _metadata()[region]
    dialled_first = metadata.national_prefix_for_parsing or ""
    national = metadata.general_desc.national_number_pattern
    rewritten = r"\d*" if metadata.national_prefix_transform_rule else f"(?:{national})"
    return re2.compile(rf"(?:{metadata.country_code})?(?:(?:{dialled_first}){rewritten}|{national})", _options())


def _plans_of(national: str) -> list[tuple[str, str]]:
    """The regions and kinds whose plan a national number fits, all plans in one pass."""
    names, plans = _all_plans()
    return [names[position] for position in plans.Match(national) or ()]


@cache
def _all_plans() -> tuple[tuple[tuple[str, str], ...], Any]:
    """Every region's plan as one set of expressions; made when first needed, because it takes a tenth of a second and 10 MiB."""
    plans = re2.Set.FullMatchSet(_options())
    names: list[tuple[str, str]] = []
    for region, metadata in _metadata().items():
        for kind in _KINDS:
            described = getattr(metadata, kind)
            if described is not None and described.national_number_pattern:
                plans.Add(described.national_number_pattern)
                names.append((region, kind))
    plans.Compile()
    return tuple(names), plans


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


@cache
def _dialled_with_zero() -> frozenset[str]:
    return frozenset(region for region, metadata in _metadata().items() if metadata.national_prefix == "0")


@cache
def _metadata() -> Mapping[str, Any]:
    return {region: PhoneMetadata.metadata_for_region(region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)}
