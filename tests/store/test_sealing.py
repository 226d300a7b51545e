"""Sealing in the small: what opens with which key and where, and what stands in for a value that must not be seen."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batches import BATCH_FORMAT, BatchItem, ItemKind, decode_items, encode_items
from schemas.callbacks import decode_callback
from schemas.clock import from_ms
from schemas.errors import SealError
from schemas.messages import MoMessage
from store.inbox.sealed import UnknownFormat, open_batch, seal_batch
from store.sealing.digests import Digests
from store.sealing.keyring import KEY_ID_BYTES, Keyring, aad, index_key_id, key_id
from tests.support.callbacks import callback_body

OLD, NEW, OTHER = (bytes([filler]) * 32 for filler in (1, 2, 3))
PLAIN: Final = b"Meet me at the pier."
SESSION: Final = "5E55"
ITEMS: Final = [BatchItem(ItemKind.MESSAGE, 1_700_000_000_000, PLAIN), BatchItem(ItemKind.QUARANTINE, 0, b"\xff\x00", "malformed_callback")]


@pytest.mark.parametrize(
    "sealed_by, opened_by, opens",
    [
        pytest.param([OLD], [OLD], True, id="the same key"),
        pytest.param([OLD], [NEW, OLD], True, id="after a rotation"),
        pytest.param([NEW, OLD], [OLD], False, id="by a release that has not the new key yet"),
        pytest.param([NEW, OLD], [NEW], True, id="after the old key is gone"),
        pytest.param([OLD], [NEW], False, id="the old key gone too early"),
        pytest.param([OLD], [OTHER, NEW], False, id="other keys"),
    ],
)
def test_the_first_key_seals_and_all_open(sealed_by: list[bytes], opened_by: list[bytes], *, opens: bool) -> None:
    sealing, opening = Keyring(sealed_by), Keyring(opened_by)
    sealed = sealing.seal("quarantine", "row", PLAIN)
    used, wrapped = sealing.new_data_key(SESSION)
    in_row = sealing.unwrap(SESSION, wrapped).seal("messages", "row", PLAIN)

    assert used == sealed[:KEY_ID_BYTES] == wrapped[:KEY_ID_BYTES] == key_id(sealed_by[0])
    if opens:
        assert opening.open("quarantine", "row", sealed) == PLAIN
        assert opening.unwrap(SESSION, wrapped).open("messages", "row", in_row) == PLAIN
    else:
        with pytest.raises(SealError):
            opening.open("quarantine", "row", sealed)
        with pytest.raises(SealError):
            opening.unwrap(SESSION, wrapped)


def test_a_rewrapped_data_key_is_the_same_key_under_the_newest() -> None:
    _, wrapped = Keyring([OLD]).new_data_key(SESSION)
    in_row = Keyring([OLD]).unwrap(SESSION, wrapped).seal("messages", "row", PLAIN)
    used, rewrapped = Keyring([NEW, OLD]).rewrap(SESSION, wrapped)

    assert (used, rewrapped[:KEY_ID_BYTES]) == (key_id(NEW), key_id(NEW))
    assert Keyring([NEW]).unwrap(SESSION, rewrapped).open("messages", "row", in_row) == PLAIN


def test_what_is_moved_to_another_place_does_not_open() -> None:
    ring = Keyring([OLD])
    sealed = ring.seal("quarantine", "row", PLAIN)
    _, wrapped = ring.new_data_key(SESSION)
    data_key = ring.unwrap(SESSION, wrapped)
    in_row = data_key.seal("messages", "row", PLAIN)

    moved: list[Callable[[], object]] = [
        lambda: ring.open("quarantine", "row2", sealed),
        lambda: ring.open("inbox", "row", sealed),
        lambda: ring.unwrap("another session", wrapped),
        lambda: data_key.open("messages", "row2", in_row),
        lambda: data_key.open("findings", "row", in_row),
        lambda: ring.open("messages", "row", in_row),
        lambda: ring.unwrap(SESSION, ring.new_data_key("5E56")[1]),
    ]
    for opening in moved:
        with pytest.raises(SealError):
            opening()


@given(cut=st.integers(min_value=0, max_value=60))
def test_what_is_cut_short_does_not_open(cut: int) -> None:
    ring = Keyring([OLD])
    sealed = ring.seal("quarantine", "row", PLAIN)[:cut]
    data_key = ring.unwrap(SESSION, ring.new_data_key(SESSION)[1])

    with pytest.raises(SealError):
        ring.open("quarantine", "row", sealed)
    with pytest.raises(SealError):
        data_key.open("messages", "row", sealed)
    with pytest.raises(SealError):
        ring.unwrap(SESSION, sealed)


@given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_what_is_changed_in_one_bit_does_not_open(at: int, bit: int) -> None:
    ring = Keyring([OLD])
    sealed = bytearray(ring.seal("quarantine", "row", PLAIN))
    sealed[at % len(sealed)] ^= 1 << bit

    with pytest.raises(SealError):
        ring.open("quarantine", "row", bytes(sealed))


def test_equal_texts_do_not_look_equal() -> None:
    ring = Keyring([OLD])
    data_key = ring.unwrap(SESSION, ring.new_data_key(SESSION)[1])

    assert ring.seal("quarantine", "row", PLAIN) != ring.seal("quarantine", "row", PLAIN)
    assert data_key.seal("messages", "row", PLAIN) != data_key.seal("messages", "row", PLAIN)
    assert ring.new_data_key(SESSION)[1] != ring.new_data_key(SESSION)[1]


def test_each_process_seals_under_a_salt_of_its_own_and_opens_the_others() -> None:
    one, other = Keyring([OLD]), Keyring([OLD])
    sealed = one.seal("inbox", "row", PLAIN)
    salts = [ring.seal("inbox", "row", PLAIN)[KEY_ID_BYTES : KEY_ID_BYTES + 16] for ring in (one, one, other)]

    assert salts[0] == salts[1] != salts[2]
    assert other.open("inbox", "row", sealed) == PLAIN


def test_the_public_name_of_a_key_says_nothing_of_it_and_purposes_do_not_mix() -> None:
    names = [key_id(key) for key in (OLD, NEW, OTHER)] + [index_key_id(key) for key in (OLD, NEW, OTHER)]

    assert len(set(names)) == 6
    assert all(name not in key for name in names for key in (OLD, NEW, OTHER))


def test_an_error_of_sealing_names_the_missing_key_and_nothing_else() -> None:
    sealed = Keyring([OLD]).seal("quarantine", "row", PLAIN)
    with pytest.raises(SealError) as failure:
        Keyring([NEW]).open("quarantine", "row", sealed)

    assert key_id(OLD).hex() in str(failure.value)
    assert OLD.hex() not in str(failure.value)
    assert failure.value.__suppress_context__


def test_what_a_value_is_bound_to_has_one_spelling() -> None:
    assert aad("messages", "row") == b"messages|row|1"


def test_a_batch_opens_with_its_id_and_key_and_no_others() -> None:
    ring = Keyring([OLD])
    batch = seal_batch(ITEMS, [], ring)

    assert open_batch(batch.id, batch.sealed, Keyring([NEW, OLD])) == ITEMS
    assert batch.id.endswith(f".{len(ITEMS)}")
    assert PLAIN not in batch.sealed
    with pytest.raises(SealError):
        open_batch("another.2", batch.sealed, ring)
    with pytest.raises(SealError):
        open_batch(batch.id, batch.sealed, Keyring([NEW]))


@pytest.mark.parametrize("first", [b"", b"\x00", bytes([BATCH_FORMAT + 1]), b"\xff"], ids=["empty", "none", "tomorrow's", "far off"])
def test_a_batch_of_another_format_is_told_from_one_that_does_not_open(first: bytes) -> None:
    batch = seal_batch(ITEMS, [], Keyring([OLD]))

    with pytest.raises(UnknownFormat):
        open_batch(batch.id, first + batch.sealed[1:] if first else b"", Keyring([OLD]))


item = st.builds(
    BatchItem,
    kind=st.sampled_from(ItemKind),
    received_at_ms=st.integers(min_value=-(2**63), max_value=2**63 - 1),
    body=st.binary(max_size=300),
    reason=st.text(st.characters(max_codepoint=127), max_size=255),
)


@given(items=st.lists(item, max_size=20))
def test_any_items_are_read_back_from_a_batch(items: list[BatchItem]) -> None:
    assert list(decode_items(encode_items(items))) == items


@given(items=st.lists(item, min_size=1, max_size=4), data=st.data())
def test_a_batch_that_ends_too_early_is_noticed(items: list[BatchItem], data: st.DataObject) -> None:
    whole = encode_items(items)
    ends = {len(encode_items(items[:count])) for count in range(len(items) + 1)}
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda at: at not in ends))

    with pytest.raises(ValueError, match="ends inside"):
        list(decode_items(whole[:cut]))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_items_or_a_value_error(data: bytes) -> None:
    try:
        items = list(decode_items(data))
    except ValueError:
        return
    assert encode_items(items) == data


def message(**overrides: str) -> MoMessage:
    defaults = {"mo_reference_id": "ID1", "session_reference_id": "5E55"}
    return decode_callback(callback_body(**(defaults | overrides)), received_at=from_ms(0))


CHANGES: Final = {
    "id": {"mo_reference_id": "ID2"},
    "session": {"session_reference_id": "5E56"},
    "timestamp": {"submit_timestamp": "2026-05-04T09:30:01"},
    "sender": {"from_phone_number": "15550100003"},
    "receiver": {"to_phone_number": "15550100003"},
    "text": {"mo_message": "Other words"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_of_the_six_values_counts(change: dict[str, str]) -> None:
    digests = Digests(bytes(32))
    before, after = message(), message(**change)
    marks = digests.duplicate_mark(before), digests.duplicate_mark(after)

    assert digests.of_message(before) != digests.of_message(after)
    assert (marks[0].key != marks[1].key) is ("mo_reference_id" in change)
    assert (marks[0].value != marks[1].value) is ("mo_reference_id" not in change)


def test_values_do_not_run_into_each_other() -> None:
    digests = Digests(bytes(32))
    one = message(from_phone_number="155501", to_phone_number="00001")
    other = message(from_phone_number="15550", to_phone_number="100001")

    assert digests.of_message(one) != digests.of_message(other)
    assert digests.duplicate_mark(one).value != digests.duplicate_mark(other).value


def test_extra_fields_and_the_time_of_receipt_make_no_other_message() -> None:
    digests = Digests(bytes(32))
    later = decode_callback(callback_body(mo_reference_id="ID1", session_reference_id="5E55", colour="blue"), received_at=from_ms(1_000))

    assert digests.of_message(message()) == digests.of_message(later)
    assert digests.duplicate_mark(message()) == digests.duplicate_mark(later)


def test_a_digest_is_for_one_purpose_and_under_one_key() -> None:
    body = b"15550100001"
    seen = [
        digest
        for digests in (Digests(bytes(32)), Digests(OLD))
        for digest in (
            digests.of_phone_number(body.decode()).hex(),
            digests.of_quarantined("", body).hex(),
            digests.of_quarantined("conflict", body).hex(),
            digests.of_body(body),
            digests.duplicate_mark(message(mo_reference_id=body.decode())).key.hex(),
        )
    ]

    assert len(set(seen)) == len(seen) == 10


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("15550100001", "+1 (555) 010-0001", True),
        ("15550100001", "1.555.010.0001", True),
        ("15550100001", "15550100002", False),
        ("15550100001", "5550100001", False),
        ("BANK", "BANK", True),
        ("BANK", "TAXI", False),
        ("", "BANK", False),
    ],
)
def test_every_spelling_of_a_number_has_one_blind_index(one: str, other: str, *, same: bool) -> None:
    digests = Digests(bytes(32))

    assert (digests.of_phone_number(one) == digests.of_phone_number(other)) is same


def test_sizes_are_what_the_columns_and_keys_hold() -> None:
    digests = Digests(bytes(32))
    mark = digests.duplicate_mark(message())

    assert (len(mark.key), len(mark.value), len(digests.of_message(message()))) == (16, 8, 32)
    assert (len(digests.of_phone_number("1")), len(digests.of_quarantined("conflict", b""))) == (16, 16)
