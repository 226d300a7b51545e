"""Whose request it is behind proxies, and whether that address may call."""

import ipaddress

import pytest

from receiver.networks import LOOPBACK, Network, client_address, is_allowed, read_address

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:aa::/48"))


@pytest.mark.parametrize(
    "text, address",
    [
        pytest.param("198.51.100.7", "198.51.100.7", id="IPv4"),
        pytest.param("  198.51.100.7\t", "198.51.100.7", id="spaces around it"),
        pytest.param("198.51.100.7:443", "198.51.100.7", id="IPv4 with a port"),
        pytest.param("2001:db8::7", "2001:db8::7", id="IPv6"),
        pytest.param("2001:DB8:0::7", "2001:db8::7", id="IPv6 in another spelling"),
        pytest.param("[2001:db8::7]", "2001:db8::7", id="IPv6 in brackets"),
        pytest.param("[2001:db8::7]:443", "2001:db8::7", id="IPv6 in brackets with a port"),
        pytest.param('"[2001:db8::7]:443"', "2001:db8::7", id="in quotes"),
        pytest.param("::ffff:198.51.100.7", "198.51.100.7", id="IPv4 inside IPv6"),
        pytest.param("[::ffff:198.51.100.7]:80", "198.51.100.7", id="IPv4 inside IPv6 with a port"),
        pytest.param("::ffff:c633:6407", "198.51.100.7", id="IPv4 inside IPv6, hexadecimal"),
        pytest.param("", None, id="nothing"),
        pytest.param("unknown", None, id="a word"),
        pytest.param("_hidden", None, id="an obfuscated name"),
        pytest.param("198.51.100", None, id="three numbers"),
        pytest.param("198.51.100.256", None, id="a number too large"),
        pytest.param("198.51.100.07", None, id="a leading zero"),
        pytest.param("198.51.100.7:", None, id="a colon without a port"),
        pytest.param("198.51.100.7:http", None, id="a port in words"),
        pytest.param("198.51.100.7/32", None, id="a network"),
        pytest.param("[198.51.100.7", None, id="half a bracket"),
        pytest.param("[2001:db8::7]x", None, id="something after the bracket"),
        pytest.param("12345678", None, id="a bare number"),
        pytest.param("198.51.100.\u0667", None, id="an Arabic digit"),
    ],
)
def test_an_entry_is_read_as_the_address_that_it_spells(text: str, address: str | None) -> None:
    found = read_address(text)

    assert found == (None if address is None else ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "peer, forwarded_for, trusted, client",
    [
        pytest.param("198.51.100.7", [], 0, "198.51.100.7", id="no proxy"),
        pytest.param("198.51.100.7", ["203.0.113.9"], 0, "198.51.100.7", id="no proxy, and a forged header"),
        pytest.param("198.51.100.7", ["203.0.113.9"], (), "198.51.100.7", id="no trusted network, and a forged header"),
        pytest.param("10.0.0.1", ["203.0.113.9"], 1, "203.0.113.9", id="one proxy"),
        pytest.param("10.0.0.1", ["192.0.2.1, 203.0.113.9"], 1, "203.0.113.9", id="one proxy, forged to the left"),
        pytest.param("10.0.0.1", ["192.0.2.1", "203.0.113.9"], 1, "203.0.113.9", id="one proxy, two headers"),
        pytest.param("10.0.0.1", ["192.0.2.1,203.0.113.9, 10.0.0.2"], 2, "203.0.113.9", id="two proxies"),
        pytest.param("10.0.0.1", ["203.0.113.9"], 2, "203.0.113.9", id="two proxies expected, one passed"),
        pytest.param("10.0.0.1", [], 2, "10.0.0.1", id="proxies expected, none passed"),
        pytest.param("10.0.0.1", ["203.0.113.9, nonsense"], 1, "10.0.0.1", id="counted, and the entry is no address"),
        pytest.param("10.0.0.1", ["nonsense, 203.0.113.9"], 1, "203.0.113.9", id="counted, nonsense where nobody looks"),
        pytest.param("10.0.0.1", ["203.0.113.9,"], 1, "10.0.0.1", id="counted, and the last entry is empty"),
        pytest.param("10.0.0.1", ["203.0.113.9:5060"], 1, "203.0.113.9", id="an entry with a port"),
        pytest.param("10.0.0.1", ["203.0.113.9"], PROXIES, "203.0.113.9", id="a proxy of a trusted network"),
        pytest.param("192.0.2.8", ["203.0.113.9"], PROXIES, "192.0.2.8", id="a peer outside of the trusted networks"),
        pytest.param(
            "10.0.0.1", ["192.0.2.1, 203.0.113.9, 10.9.9.9"], PROXIES, "203.0.113.9", id="two trusted proxies, forged to the left"
        ),
        pytest.param("10.0.0.1", ["10.0.0.9, 203.0.113.9"], PROXIES, "203.0.113.9", id="a trusted address behind one that is not"),
        pytest.param("10.0.0.1", ["10.0.0.3, 10.0.0.2"], PROXIES, "10.0.0.3", id="only trusted addresses"),
        pytest.param("10.0.0.1", [], PROXIES, "10.0.0.1", id="a trusted proxy that forwards for nobody"),
        pytest.param("10.0.0.1", ["203.0.113.9, what"], PROXIES, "10.0.0.1", id="walked, and the entry is no address"),
        pytest.param("10.0.0.1", ["what, 203.0.113.9"], PROXIES, "203.0.113.9", id="walked, nonsense where nobody looks"),
        pytest.param("2001:db8:aa::1", ["2001:db8:bb::9"], PROXIES, "2001:db8:bb::9", id="IPv6 proxy and client"),
        pytest.param("2001:db8:ab::1", ["2001:db8:bb::9"], PROXIES, "2001:db8:ab::1", id="an IPv6 peer just outside"),
        pytest.param("::ffff:10.0.0.1", ["203.0.113.9"], PROXIES, "203.0.113.9", id="a proxy on a socket of both families"),
        pytest.param(None, ["203.0.113.9"], PROXIES, "203.0.113.9", id="a Unix socket is trusted"),
        pytest.param(None, ["203.0.113.9"], 1, "203.0.113.9", id="a Unix socket is a hop"),
        pytest.param(None, ["203.0.113.9"], 0, "127.0.0.1", id="a Unix socket, and no proxy to trust"),
        pytest.param(None, [], 1, "127.0.0.1", id="a Unix socket that forwards for nobody"),
        pytest.param("somewhere", ["203.0.113.9"], 1, None, id="a peer without an address"),
    ],
)
def test_the_client_is_the_first_address_that_no_trusted_proxy_wrote(
    peer: str | None, forwarded_for: list[str], trusted: int | tuple[Network, ...], client: str | None
) -> None:
    found = client_address(peer, forwarded_for, trusted)

    assert found == (None if client is None else ipaddress.ip_address(client))


@pytest.mark.parametrize(
    "address, networks, allowed",
    [
        pytest.param("198.51.100.7", [], True, id="no networks, no limit"),
        pytest.param("198.51.100.7", ["198.51.100.0/24"], True, id="inside"),
        pytest.param("198.51.100.7", ["192.0.2.0/24", "198.51.100.7/32"], True, id="inside the second"),
        pytest.param("2001:db8::7", ["2001:db8::/32"], True, id="inside, IPv6"),
        pytest.param("198.51.101.7", ["198.51.100.0/24"], False, id="just outside"),
        pytest.param("198.51.100.8", ["198.51.100.7/32"], False, id="the neighbour"),
        pytest.param("2001:db9::7", ["2001:db8::/32"], False, id="just outside, IPv6"),
        pytest.param("2001:db8::7", ["0.0.0.0/0"], False, id="IPv6, and only IPv4 is allowed"),
        pytest.param(None, ["0.0.0.0/0", "::/0"], False, id="no address"),
    ],
)
def test_an_address_is_allowed_inside_the_networks(address: str | None, networks: list[str], allowed: bool) -> None:
    read = None if address is None else ipaddress.ip_address(address)

    assert is_allowed(read, [ipaddress.ip_network(network) for network in networks]) is allowed


def test_without_networks_even_a_peer_without_an_address_is_allowed() -> None:
    assert is_allowed(None, [])


def test_the_loopback_of_a_unix_socket_is_a_loopback() -> None:
    assert LOOPBACK.is_loopback
