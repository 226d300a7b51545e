"""Where a store's URL leads. Pure; never shows the URL, which holds a password."""

import ipaddress
from urllib.parse import SplitResult, parse_qs, urlsplit


def is_local(url: str) -> bool:
    """Whether a URL stays on this machine: a file, a unix socket, or a loopback address."""
    parts = _split(url)
    if parts.scheme.startswith(("unix", "sqlite")):
        return True
    named = parse_qs(parts.query).get("host", [])
    host = named[0] if named else parts.hostname or ""
    if host.startswith("/") or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def option(url: str, name: str) -> str | None:
    """A parameter of a URL's query; None where it is not there."""
    found = parse_qs(_split(url).query).get(name)
    return found[0] if found else None


def scheme(url: str) -> str:
    """What stands before the colon, in lower case."""
    return _split(url).scheme.lower()


def _split(url: str) -> SplitResult:
    """The parts of a URL; none where it cannot be read, which then looks like somewhere else."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("unreadable://unreadable")
