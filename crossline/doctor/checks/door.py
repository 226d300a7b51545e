"""The door: who may send, and how it is known who sends."""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, ok, warn
from schemas.settings import Settings, SignatureMode

_MOST_HOPS: Final = 4


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    yield _signature(facts.settings)
    yield from _proxies(facts.settings)
    yield _networks(facts.settings)


def _signature(settings: Settings) -> Verdict:
    if not settings.telesign_api_keys:
        return warn(
            "signature",
            "There is no API key: nobody can tell TeleSign's callbacks from those of others who learnt the private URI.",
            "Set CROSSLINE_TELESIGN_API_KEYS, and then CROSSLINE_SIGNATURE=require.",
        )
    if settings.signature is not SignatureMode.REQUIRE:
        return warn(
            "signature",
            f"There is an API key, but CROSSLINE_SIGNATURE is {settings.signature.value}: unsigned callbacks are accepted.",
            "Set CROSSLINE_SIGNATURE=require once signed callbacks have come through.",
        )
    return ok("signature", "Every callback must be signed.")


def _proxies(settings: Settings) -> Iterator[Verdict]:
    trusted = settings.trusted_proxies
    if isinstance(trusted, int):
        if trusted > _MOST_HOPS:
            yield warn(
                "trusted proxies",
                f"CROSSLINE_TRUSTED_PROXIES counts {trusted} proxies; with too many, a sender may choose the address that we see.",
                "Count the proxies that add to X-Forwarded-For: on most platforms it is one.",
            )
    elif any(network.prefixlen == 0 for network in trusted):
        yield warn(
            "trusted proxies",
            "CROSSLINE_TRUSTED_PROXIES holds every address: any sender may choose the address that we see.",
            "Name your proxies' networks only, or give their number.",
        )


def _networks(settings: Settings) -> Verdict:
    allowed = settings.allowed_networks
    if not allowed:
        return ok("allowed networks", "Any address may call; the private URI and the signature guard the door.")
    if any(network.prefixlen == 0 for network in allowed):
        return warn(
            "allowed networks",
            "CROSSLINE_ALLOWED_NETWORKS holds every address, and so shuts out nobody.",
            "Leave it empty, or name the sender's networks.",
        )
    if not settings.trusted_proxies:
        return warn(
            "allowed networks",
            "Senders are told by their address, but no proxy is trusted to name it: behind one, every callback is answered 403.",
            "If a proxy or a platform's router stands before Crossline, set CROSSLINE_TRUSTED_PROXIES (on most platforms: 1).",
        )
    return ok("allowed networks", f"Callbacks are taken from {len(allowed)} networks.")
