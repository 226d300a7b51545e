"""What travels to the stores, and whether others on the way can read it."""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.addresses import is_local, option, scheme
from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, ok, warn

_ENCRYPTED: Final = ("require", "verify-ca", "verify-full")


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    yield _redis(facts.settings.redis_url.get_secret_value(), verified=facts.settings.redis_tls_verify)
    yield _database(facts.settings.database_url.get_secret_value())


def _redis(url: str, *, verified: bool) -> Verdict:
    if is_local(url):
        return ok("transport", "Redis is on this machine.")
    if scheme(url) != "rediss":
        return warn(
            "transport",
            "The connection to Redis is not encrypted: its password crosses the network in the clear.",
            "Use a rediss:// URL, if your provider has one.",
        )
    if not verified:
        return warn(
            "transport",
            "Redis' certificate is not checked: CROSSLINE_REDIS_TLS is insecure.",
            "Leave CROSSLINE_REDIS_TLS out, unless your provider's certificates are self-signed.",
        )
    return ok("transport", "The connection to Redis is encrypted, and its certificate is checked.")


def _database(url: str) -> Verdict:
    if is_local(url):
        return ok("transport", "The database is on this machine.")
    if option(url, "sslmode") not in _ENCRYPTED:
        return warn(
            "transport",
            "DATABASE_URL does not insist on encryption: whoever is in between may switch it off.",
            "Add sslmode=require to DATABASE_URL, or better sslmode=verify-full with sslrootcert.",
        )
    return ok("transport", "The connection to the database is encrypted.")
