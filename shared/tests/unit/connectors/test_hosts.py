"""Where a vendor may send the hub's tokens."""

import pytest

from hub.connectors.hosts import origin_within, trusted_origin
from hub.contracts.failures import CrmFailure, FailureKind

DOMAINS = (".salesforce.com", "127.0.0.1", "http://crm.test", "api.example.com")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://x.my.salesforce.com", "https://x.my.salesforce.com"),
        ("https://X.My.Salesforce.com/", "https://x.my.salesforce.com"),
        ("https://x.salesforce.com:8443", "https://x.salesforce.com:8443"),
        ("https://api.example.com", "https://api.example.com"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("http://crm.test:8081", "http://crm.test:8081"),
        ("https://crm.test", "https://crm.test"),
    ],
)
def test_hosts_of_the_vendor(url: str, origin: str) -> None:
    assert origin_within(url, DOMAINS) == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://x.salesforce.com",
        "http://api.example.com",
        "https://salesforce.com",
        "https://evilsalesforce.com",
        "https://sub.api.example.com",
        "https://x.salesforce.com.evil.com",
        "https://evil.com#.salesforce.com",
        "https://evil.com?.salesforce.com",
        "https://evil.com\\.x.salesforce.com",
        "https://evil.com/.salesforce.com",
        "https://x.salesforce.com/services",
        "https://user:pass@x.salesforce.com",
        "https://evil.com@x.salesforce.com",
        "https://x.salesforce.com:99999",
        "https://ｘ.salesforce.com",
        "ftp://x.salesforce.com",
        "//x.salesforce.com",
        "https://[::1]",
        "",
        None,
        5,
    ],
)
def test_strangers(url: object) -> None:
    assert origin_within(url, DOMAINS) is None
    with pytest.raises(CrmFailure) as caught:
        trusted_origin(url, DOMAINS, "instance_url")
    assert (caught.value.kind, caught.value.error.code) == (FailureKind.AUTH, "FOREIGN_HOST")


def test_no_domains_no_hosts() -> None:
    assert origin_within("https://x.salesforce.com", ()) is None
    assert origin_within("https://x.salesforce.com", ("", "https://")) is None
