"""The receiver's side of Redis: no mark is ever left without its message, whatever goes wrong around the script that writes both."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from schemas import keys
from schemas.batches import BatchItem
from schemas.errors import StoreError, StoreFull, StoreTimeout, StoreUnreachable
from store.inbox.batches import Backlog, SealedBatch, Seen
from store.inbox.redis import RedisDoor, RedisInbox
from store.redis_client import open_redis
from tests.support.batches import make_batch, make_item
from tests.support.callbacks import callback_body
from tests.support.doors import accept_in_redis, make_door, with_door
from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.valkey import ValkeyProcess

NEW, DUPLICATE, CONFLICT = Seen.NEW, Seen.DUPLICATE, Seen.CONFLICT


def item(number: int, text: str = "At the gate.") -> BatchItem:
    """The message of a number, always with the same values but for its text."""
    return make_item(callback_body(mo_reference_id=f"ID{number}", session_reference_id="5E55", mo_message=text))


def backlog(server: ValkeyProcess) -> Backlog:
    with contextlib.closing(open_redis(server.url)) as client:
        return RedisInbox(client).backlog()


def marks(server: ValkeyProcess) -> dict[bytes, bytes]:
    """Every duplicate mark that is there, by its key without the prefix."""
    prefix = keys.SEEN_PREFIX.encode()
    client: Any
    with server.client() as client:
        return {key.removeprefix(prefix): client.get(key) for key in client.scan_iter(prefix + b"*")}


def stored(server: ValkeyProcess) -> set[str]:
    client: Any
    with server.client() as client:
        return {batch_id.decode() for batch_id in client.hkeys(keys.INBOX_BATCHES)}


@pytest.mark.parametrize(
    "before, batch, seen",
    [
        pytest.param([], [(1, "a")], [NEW], id="new"),
        pytest.param([(1, "a")], [(1, "a")], [DUPLICATE], id="a duplicate"),
        pytest.param([(1, "a")], [(1, "b")], [CONFLICT], id="a conflict"),
        pytest.param([(1, "a")], [(2, "a")], [NEW], id="another id with the same text"),
        pytest.param([(1, "a")], [(1, "a"), (2, "a")], [DUPLICATE, NEW], id="a duplicate and a new one"),
        pytest.param([(1, "a")], [(2, "a"), (1, "b")], [NEW, CONFLICT], id="a new one and a conflict"),
        pytest.param([(1, "a"), (2, "a")], [(2, "a"), (1, "b")], [DUPLICATE, CONFLICT], id="a duplicate and a conflict"),
        pytest.param([(1, "a"), (2, "a")], [(1, "a"), (2, "b"), (3, "a")], [DUPLICATE, CONFLICT, NEW], id="all three"),
        pytest.param([(1, "a"), (2, "a")], [(2, "a"), (1, "a")], [DUPLICATE, DUPLICATE], id="nothing but duplicates"),
        pytest.param([], [(1, "a"), (1, "b")], [NEW, NEW], id="a conflict inside one batch"),
        pytest.param([(1, "a"), (1, "b")], [(1, "b"), (1, "a")], [CONFLICT, DUPLICATE], id="after a conflict the first still stands"),
    ],
)
def test_the_marks_say_what_was_seen(
    before: list[tuple[int, str]], batch: list[tuple[int, str]], seen: list[Seen], valkey: ValkeyProcess
) -> None:
    door = make_door(valkey)
    for one in before:
        accept_in_redis(door, make_batch([item(*one)]))
    standing = marks(valkey)
    arriving = make_batch([item(*one) for one in batch])
    said = accept_in_redis(door, arriving)

    assert list(said) == seen
    assert (arriving.id in stored(valkey)) is (set(seen) != {DUPLICATE})
    assert backlog(valkey).messages == len(before) + (len(batch) if set(seen) != {DUPLICATE} else 0)
    assert marks(valkey).items() >= standing.items()
    assert set(marks(valkey)) == {mark.key for mark in arriving.marks} | set(standing)


def test_a_mark_ends_with_its_time_and_the_message_is_then_taken_again(valkey: ValkeyProcess) -> None:
    door = make_door(valkey, dedupe_ttl_s=1)
    first = accept_in_redis(door, make_batch([item(1)]))
    wait_until(lambda: not marks(valkey), what="the end of the mark")

    assert (first, accept_in_redis(door, make_batch([item(1)]))) == ((NEW,), (NEW,))


@pytest.mark.parametrize("waiting, arriving, fits", [(0, 3, True), (2, 1, True), (2, 2, False), (3, 1, False), (0, 4, False)], ids=str)
def test_no_more_may_wait_than_the_settings_allow(waiting: int, arriving: int, *, fits: bool, valkey: ValkeyProcess) -> None:
    door = make_door(valkey, max_pending=3)
    if waiting:
        accept_in_redis(door, make_batch(waiting))
    before = (marks(valkey), stored(valkey))
    if fits:
        accept_in_redis(door, make_batch(arriving))
    else:
        with pytest.raises(StoreFull):
            accept_in_redis(door, make_batch(arriving))

    assert ((marks(valkey), stored(valkey)) == before) is not fits
    assert len(marks(valkey)) == backlog(valkey).messages


def test_a_duplicate_is_recognised_even_when_no_more_may_wait(valkey: ValkeyProcess) -> None:
    door = make_door(valkey, max_pending=1)
    accept_in_redis(door, make_batch([item(1)]))

    assert accept_in_redis(door, make_batch([item(1)])) == (DUPLICATE,)


Breakage = Callable[[ValkeyProcess, "redis.Redis"], object]


@dataclasses.dataclass(frozen=True)
class Trouble:
    """One way in which a server does not take a batch: how to break it, how to mend it, and what the door says."""

    id: str
    break_it: Breakage
    mend_it: Breakage
    error: type[StoreError]
    word: str = ""


def _fill(_server: ValkeyProcess, client: "redis.Redis") -> None:
    client.config_set("maxmemory", "1mb")
    client.config_set("maxmemory-policy", "noeviction")


def _fail_to_save(server: ValkeyProcess, client: "redis.Redis") -> None:
    """A snapshot that cannot be written: its file's name is taken by a directory."""
    (server.directory / "dump.rdb").mkdir(exist_ok=True)
    client.set("crossline-test", "x")
    client.config_set("save", "900 1")
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", what="a snapshot that failed")


def _save_again(server: ValkeyProcess, client: "redis.Redis") -> None:
    (server.directory / "dump.rdb").rmdir()
    client.config_set("save", "")
    client.config_set("stop-writes-on-bgsave-error", "no")


TROUBLES: Final = [
    Trouble("out of memory", _fill, lambda _, client: client.config_set("maxmemory", "0"), StoreFull),
    Trouble(
        "a read-only replica",
        lambda _, client: client.replicaof("127.0.0.1", str(free_port())),
        lambda _, client: client.replicaof("NO", "ONE"),
        StoreUnreachable,
        "ReadOnlyError",
    ),
    Trouble("a snapshot that fails", _fail_to_save, _save_again, StoreUnreachable, "MISCONF"),
    Trouble(
        "a server that hangs",
        lambda server, _: server.pause(),
        lambda server, _: server.resume(),
        StoreTimeout,
    ),
    Trouble(
        "a server that pauses its clients",
        lambda _, client: client.client_pause(1_000, all=True),
        lambda _, __: time.sleep(0.5),
        StoreTimeout,
    ),
    Trouble(
        "a server that was killed",
        lambda server, _: server.kill(),
        lambda server, _: server.start(),
        StoreUnreachable,
    ),
]


@pytest.fixture
def own_valkey(short_dir: Path) -> Iterator[ValkeyProcess]:
    """A server that this test alone breaks."""
    server = ValkeyProcess(short_dir)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.id)
def test_whatever_goes_wrong_no_mark_is_without_its_message_and_a_retry_is_taken(trouble: Trouble, own_valkey: ValkeyProcess) -> None:
    sent = [item(1), item(2)]
    outcomes: list[object] = []

    async def run(door: RedisDoor, client: "redis.Redis") -> None:
        await door.accept(make_batch([item(0)]))
        await asyncio.to_thread(trouble.break_it, own_valkey, client)
        for _ in range(2):
            try:
                outcomes.append(await door.accept(make_batch(sent)))
            except StoreError as error:
                outcomes.append(error)
        await asyncio.to_thread(trouble.mend_it, own_valkey, client)

    with own_valkey.client() as client:
        with_door(make_door(own_valkey), lambda door: run(door, client))
    assert isinstance(outcomes[0], trouble.error)
    assert trouble.word in outcomes[0].message
    # What a server that hung was sent it may still do, now that it goes on.
    settled = wait_until(lambda: _settled(own_valkey), what="a server at rest")
    assert len(marks(own_valkey)) in (1, 3)
    assert settled is not None
    assert (len(marks(own_valkey)) == 3) is (settled.messages > 1)

    retried = accept_in_redis(make_door(own_valkey), make_batch(sent))
    assert set(retried) in ({NEW}, {DUPLICATE})
    assert len(marks(own_valkey)) == 3
    assert set(marks(own_valkey)) == {mark.key for mark in make_batch([item(0), *sent]).marks}


def _settled(server: ValkeyProcess) -> Backlog | None:
    with contextlib.closing(open_redis(server.url, call_within_s=2)) as client, contextlib.suppress(StoreError):
        return RedisInbox(client).backlog()
    return None


@pytest.mark.parametrize("kind", ["normal"])
def test_a_connection_that_is_cut_costs_one_batch_its_store_and_no_more(kind: str, valkey: ValkeyProcess) -> None:
    outcomes: list[object] = []

    async def run(door: RedisDoor, client: "redis.Redis") -> None:
        await door.accept(make_batch([item(0)]))
        client.client_kill_filter(_type=kind, skipme=True)
        for _ in range(2):
            try:
                outcomes.append(await door.accept(make_batch([item(1)])))
            except StoreError as error:
                outcomes.append(error)
        await door.prove()
        outcomes.append(await door.accept(make_batch([item(1)])))

    with valkey.client() as client:
        client.ping()
        with_door(make_door(valkey), lambda door: run(door, client))

    assert [isinstance(outcome, StoreUnreachable) for outcome in outcomes] == [True, True, False]
    assert outcomes[2] in ((NEW,), (DUPLICATE,))
    assert len(marks(valkey)) == 2


def test_a_server_that_came_back_without_its_file_is_not_vouched_for(short_dir: Path) -> None:
    durable = ValkeyProcess(short_dir)
    durable.start()
    forgetful = ValkeyProcess(short_dir, config={"appendonly": "no"})
    said: list[object] = []

    async def run(door: RedisDoor) -> None:
        said.append((await door.prove()).proven)
        said.append(await door.accept(make_batch([item(1)])))
        durable.kill()
        await asyncio.to_thread(forgetful.start)
        for _ in range(2):
            with pytest.raises(StoreUnreachable):
                await door.accept(make_batch([item(2)]))
        said.append((await door.prove()).proven)

    def open_door() -> RedisDoor:
        return RedisDoor(durable.socket_url, tls_verify=True, vouched=False, max_pending=10, dedupe_ttl_s=60)

    try:
        with_door(open_door, run)
    finally:
        durable.stop()
        forgetful.stop()

    assert said == [True, (NEW,), False]


def test_a_door_that_was_never_proven_vouches_for_nothing(valkey: ValkeyProcess) -> None:
    async def run() -> None:
        door = make_door(valkey)()
        try:
            with pytest.raises(StoreUnreachable):
                await door.accept(make_batch())
        finally:
            await door.close()

    asyncio.run(run())


def test_ten_thousand_remembered_messages_do_not_make_a_batch_dearer(valkey: ValkeyProcess) -> None:
    def calls(batch: SealedBatch) -> int:
        with valkey.client() as client:
            client.config_resetstat()
            accept_in_redis(make_door(valkey), batch)
            return sum(figures["calls"] for name, figures in client.info("commandstats").items() if "config" not in name)

    before = calls(make_batch(3))
    with valkey.client() as client:
        client.mset({keys.SEEN_PREFIX.encode() + number.to_bytes(16, "big"): bytes(8) for number in range(10_000)})

    assert calls(make_batch(3)) == before
