"""Whose request it is behind proxies, and whether that address may call. Pure.

`X-Forwarded-For` is written by whoever sent the request, and added to at its right end by each proxy. So it is read from the right,
and only as far as the operator vouches for those who wrote it.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: Final = IPv4Address("127.0.0.1")
_BRACKETED: Final = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?")
_WITH_PORT: Final = re.compile(r"([0-9.]+):\d{1,5}")


def client_address(peer: str | None, forwarded_for: Iterable[str], trusted: int | tuple[Network, ...]) -> Address | None:
    """The address that a request came from; None where the peer's own address cannot be read.

    `peer`: the socket's other end; None is a Unix socket, and counts as a trusted loopback. `forwarded_for`: the values of all
    `X-Forwarded-For` headers, in order. `trusted`: how many proxies stand before us, or the networks that they are in. An entry that
    is no address, where one had to be read, leaves only the peer to believe.
    """
    own = LOOPBACK if peer is None else read_address(peer)
    if own is None or not trusted:
        return own
    hops = [entry for value in forwarded_for for entry in value.split(",")]
    found = _by_count(hops, trusted) if isinstance(trusted, int) else _by_network(own, peer is None, hops, trusted)
    return found or own


def read_address(text: str) -> Address | None:
    """The address that an entry spells, with or without brackets and port; an IPv4 address inside IPv6 is taken out of it."""
    entry = text.strip().strip('"')
    match = _BRACKETED.fullmatch(entry) or _WITH_PORT.fullmatch(entry)
    try:
        address = ipaddress.ip_address(match[1] if match else entry)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_allowed(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks. No networks: all are allowed; no address: none but then."""
    return not networks or (address is not None and any(address in network for network in networks))


def _by_count(hops: list[str], count: int) -> Address | None:
    if not hops:
        return None
    return read_address(hops[-min(count, len(hops))])


def _by_network(own: Address, is_unix: bool, hops: list[str], trusted: tuple[Network, ...]) -> Address | None:
    current = own
    is_trusted = is_unix or is_allowed(own, trusted)
    for hop in reversed(hops):
        if not is_trusted:
            break
        entry = read_address(hop)
        if entry is None:
            return None
        current = entry
        is_trusted = is_allowed(entry, trusted)
    return current
