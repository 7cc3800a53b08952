"""Which addresses may be called."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts.errors import Invalid
from hub.egress import EgressPolicy

NOBODY = EgressPolicy()

DENIED = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.255 168.63.129.16 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1
255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1
2001::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1
ff02::1 4000::1
"""
PERMITTED = "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 2606:4700::1111 2a00:1450::1"


@pytest.mark.parametrize("text", DENIED.split())
def test_addresses_inside_are_denied(text: str) -> None:
    assert not NOBODY.permits(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PERMITTED.split())
def test_public_addresses_are_permitted(text: str) -> None:
    assert NOBODY.permits(ipaddress.ip_address(text))


@given(st.ip_addresses())
def test_whatever_python_calls_not_global_is_denied(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert not NOBODY.permits(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_does_not_get_through_inside_an_ipv6_one(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    for prefix, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80), ("::", 0)):
        outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number << shift)
        assert not NOBODY.permits(outer)


def test_what_the_operator_allows_is_permitted() -> None:
    policy = EgressPolicy.read("127.0.0.0/8, fd00::/8")
    assert policy.permits(ipaddress.ip_address("127.0.0.1"))
    assert policy.permits(ipaddress.ip_address("::ffff:127.0.0.1"))
    assert policy.permits(ipaddress.ip_address("fd00::1"))
    assert not policy.permits(ipaddress.ip_address("10.0.0.1"))
    assert EgressPolicy.read(" ") == NOBODY
    with pytest.raises(ValueError, match="does not appear"):
        EgressPolicy.read("localhost")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example.com",
        "ftp://crm.example.com",
        "file:///etc/passwd",
        "http://",
        "https://user@crm.example.com",
        "https://user:password@crm.example.com",
        "https://:password@crm.example.com",
        "http://crm.example.com:99999",
        "http://[::1",
        "http://127.0.0.1:8080/x",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_urls_that_cannot_be_configured(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        NOBODY.check_url(url, "webhook_url")
    assert caught.value.details == {"field": "webhook_url"}


@pytest.mark.parametrize(
    "url", ["https://crm.example.com/v2", "http://8.8.8.8:8080", "https://[2606:4700::1111]/x?y=1"]
)
def test_urls_that_can(url: str) -> None:
    NOBODY.check_url(url)
