"""A screener for tests whose policy has one rule more, which fails as rules may: it raises, quoting the text; it panics, as extension
modules do; it ends the process.

Run as `python -m tests.support.faulty_worker` with the environment of `crossline worker`. What a text asks for stands in the text.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from crossline.logs import configure_logs
from schemas.findings import Category
from schemas.policy import Policy, Rule
from schemas.settings import Settings
from store.inbox.redis import RedisInbox
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring
from workers import screener
from workers.context import WorkerContext
from workers.drain import Drain
from workers.published import publish
from workers.screening.compiled import CompiledPolicy, compile_policy
from workers.screening.default import default_policy
from workers.screening.detectors.matches import Match, TextDetector
from workers.transcribe import Tools

RAISES: Final = "xyzzy raises"
PANICS: Final = "xyzzy panics"
EXITS: Final = "xyzzy exits"
RULE: Final = "test.faulty"
LEASE_MS: Final = 400


class Panic(BaseException):
    """Not an `Exception`: what a panic in an extension module becomes, and its text quotes what it was given."""


def faulty_policy() -> CompiledPolicy:
    """The policy shipped in the package, and the faulty rule."""
    rule = Rule(id=RULE, title="-", category=Category.SPAM, severity=1, guidance="-", terms=("xyzzy",))
    shipped = compile_policy(Policy(version="faulty", rules=(*default_policy().rules, rule)))
    detector = TextDetector(cause=shipped.rules[-1].cause, find=_fail)
    return replace(shipped, rules=(*shipped.rules[:-1], replace(shipped.rules[-1], locator=None, text_detector=detector)))


def main() -> None:
    """Work until SIGTERM, or until a text ends it."""
    settings = Settings.load(os.environ)
    configure_logs(settings.log_format, settings.log_level)
    usual = WorkerContext.of(settings)
    tools = Tools(
        keyring=Keyring([key.get_secret_value() for key in settings.encryption_keys]),
        digests=Digests(settings.index_key.get_secret_value()),
        policy=faulty_policy(),
    )
    drain = Drain(usual.database, tools, publish=lambda results: publish(usual.redis, results))
    screener.work(settings, replace(usual, redis_inbox=RedisInbox(usual.redis, lease_ms=LEASE_MS), drain=drain))


def _fail(text: str, _regions: tuple[str, ...]) -> Iterator[Match]:
    if RAISES in text:
        raise ValueError(f"not to be read: {text!r}")
    if PANICS in text:
        raise Panic(text)
    if EXITS in text:
        os._exit(9)
    yield from ()


if __name__ == "__main__":
    main()
