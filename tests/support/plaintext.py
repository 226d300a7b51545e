"""The plaintext search: whether something that nobody else may read stands anywhere, in any form in which bytes are usually written.

It looks through what a client of Redis reads from every key, every column of every table, files, command lines, answers and outputs;
compressed data is inflated first. Only names of what was found are ever shown, never the thing itself.
"""

import base64
import json
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import re2
import redis
from sqlalchemy import MetaData, select, text

from store.engine import Database

_STREAM: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_ZLIB_OR_GZIP: Final = 47
_LONGEST_STREAM_BYTES: Final = 262_144
_DEEPEST: Final = 3
_MATCHER_BYTES: Final = 512 << 20
_BETWEEN_DIGITS: Final = "[^0-9A-Za-z]{0,3}"
_FEWEST_CHARACTERS: Final = 8
_RUNNING: Final = "SELECT query FROM pg_stat_activity"


@dataclass(frozen=True, slots=True)
class Place:
    """Some bytes, and where they stand."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """Something that was looked for, by its name, and where it stands."""

    what: str
    place: str


class Search:
    """Looks for things by name: texts, digits of numbers, raw bytes of keys."""

    def __init__(self, wanted: Mapping[str, str | bytes]) -> None:
        self._wanted = {form.lower(): name for name, value in wanted.items() for form in forms(value)}
        self._numbers = {value: name for name, value in wanted.items() if isinstance(value, str) and value.isdecimal()}
        numbers = [_BETWEEN_DIGITS.join(number) for number in self._numbers]
        others = ["".join(f"\\x{byte:02x}" for byte in form) for form in self._wanted]
        self._matcher = re2.compile("|".join(numbers + others).encode(), _options())

    def sightings(self, places: Iterable[Place]) -> set[Sighting]:
        """What stands where."""
        return {Sighting(what, place.name) for place in places for view in views(place.data) for what in self._in(view)}

    def _in(self, data: bytes) -> Iterator[str]:
        for match in self._matcher.finditer(data):
            found = match.group()
            name = self._wanted.get(found.lower()) or self._numbers.get(re.sub(rb"\D", b"", found).decode())
            if name is not None:
                yield name


def forms(value: str | bytes) -> set[bytes]:
    """How a value may be written. A number is looked for with separators between its digits besides."""
    found: set[bytes] = set()
    if isinstance(value, str):
        assert len(value) >= _FEWEST_CHARACTERS, "what is looked for must not stand anywhere by chance"
        plain = value.encode()
        found |= {value.encode("utf-16-le"), value.encode("utf-16-be"), json.dumps(value)[1:-1].encode(), ascii(value)[1:-1].encode()}
    else:
        plain = value
    found |= {plain, plain.hex().encode(), repr(plain)[2:-1].encode(), urllib.parse.quote(plain, safe="").encode()}
    found |= {"".join(f"%{byte:02x}" for byte in plain).encode(), "".join(f"\\x{byte:02x}" for byte in plain).encode()}
    for shift in range(3):
        # The characters at either end depend on the neighbours, too.
        skipped = -(-shift * 4 // 3)
        whole = base64.b64encode(bytes(shift) + plain)[skipped : (shift + len(plain)) * 4 // 3]
        found |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def views(data: bytes, *, depth: int = 0) -> Iterator[bytes]:
    """The data, and whatever in it can be inflated."""
    yield data
    if depth == _DEEPEST:
        return
    whole = memoryview(data)
    for match in _STREAM.finditer(data):
        try:
            inflated = zlib.decompressobj(_ZLIB_OR_GZIP).decompress(whole[match.start() : match.start() + _LONGEST_STREAM_BYTES])
        except zlib.error:
            continue
        if inflated:
            yield from views(inflated, depth=depth + 1)


def in_redis(client: "redis.Redis") -> Iterator[Place]:
    """Every key and its value, the slow log and the list of clients."""
    for key in client.scan_iter(count=1000):
        name = f"Redis: {key.decode('utf-8', 'backslashreplace')}"
        yield Place(name, key)
        yield from (Place(name, _bytes(value)) for value in _values(client, key))
    for entry in _any(client.slowlog_get(10_000)):
        yield Place("Redis: slow log", _bytes(entry["command"]))
    for line in _any(client.client_list()):
        yield Place("Redis: clients", repr(line).encode())


def in_tables(url: str) -> Iterator[Place]:
    """Every column of every row of every table, as the database gives it out; and what runs in it."""
    database = Database.open(url)
    tables = MetaData()
    tables.reflect(database.engine)
    with database.read() as tx:
        for table in tables.sorted_tables:
            for row in tx.execute(select(table)).mappings():
                yield from (Place(f"table {table.name}.{column}", _bytes(value)) for column, value in row.items())
        if not database.is_sqlite:
            yield from (Place("what runs in PostgreSQL", _bytes(query)) for query in tx.execute(text(_RUNNING)).scalars())
    database.close()


def in_files(*roots: Path, but: Iterable[str] = ()) -> Iterator[Place]:
    """Every file below some directories, by name and content; `but`: names of directories that are left out."""
    left_out = set(but)
    for root in roots:
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if left_out.isdisjoint(inside.parts):
                yield Place(f"file name {inside}", bytes(inside))
                if path.is_file():
                    yield Place(f"file {inside}", path.read_bytes())


def in_command_lines(*pids: int) -> Iterator[Place]:
    """What a list of processes shows of these and their children."""
    for process in _families(pids):
        yield Place(f"command line of {process.pid}", "\0".join([process.name(), *process.cmdline()]).encode())


def in_environments(*pids: int) -> Iterator[Place]:
    """The environments of these processes and their children: where settings stand, and nothing else may."""
    for process in _families(pids):
        yield Place(f"environment of {process.pid}", repr(process.environ()).encode())


def in_answer(name: str, response: httpx.Response) -> Place:
    """Head and body of an answer."""
    return Place(f"answer: {name}", repr(response.headers.raw).encode() + response.content)


def _families(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        process = psutil.Process(pid)
        yield from (process, *process.children(recursive=True))


def _values(client: "redis.Redis", key: bytes) -> Iterator[Any]:
    match _any(client.type(key)):
        case b"string":
            yield client.get(key)
        case b"hash":
            yield from (part for pair in _any(client.hgetall(key)).items() for part in pair)
        case b"list":
            yield from _any(client.lrange(key, 0, -1))
        case b"set":
            yield from _any(client.smembers(key))
        case b"zset":
            yield from (member for member, _ in _any(client.zrange(key, 0, -1, withscores=True)))
        case b"stream":
            yield from (part for _, fields in _any(client.xrange(key)) for pair in fields.items() for part in pair)
        case b"none":
            return
        case kind:
            raise AssertionError(f"a key of type {kind!r}, which the search cannot read")


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode("utf-8", "surrogatepass")


def _any(value: Any) -> Any:
    return value


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.max_mem = _MATCHER_BYTES
    return options
