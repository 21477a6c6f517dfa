"""Allowed destinations of webhooks."""

from ipaddress import ip_address

import pytest

from jobs.webhooks.addresses import MAX_URL, InvalidWebhookError, check_url, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1",
        "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b::e000:1", "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a00:1::1", "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:7f00:1::", "2001:10::1", "2001:20::1",
    ],
)  # fmt: skip
def test_refused_addresses(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.0.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "^The webhook must be a public https:// URL.$"),
        ("example.org/hook", "^The webhook must be a public https:// URL.$"),
        ("/hook", "^The webhook must be a public https:// URL.$"),
        ("//example.org/hook", "^The webhook must be a public https:// URL.$"),
        ("https:///hook", "^The webhook must be a public https:// URL.$"),
        ("http://example.org/", "^The webhook must be a public https:// URL.$"),
        ("ftp://example.org/", "^The webhook must be a public https:// URL.$"),
        ("file:///etc/passwd", "^The webhook must be a public https:// URL.$"),
        ("javascript:alert(1)", "^The webhook must be a public https:// URL.$"),
        ("https://example.org\r\nX: y/", "not a valid URL"),
        ("https://[::1/", "not a valid URL"),
        ("https://me:secret@example.org/", "user name"),
        ("https://me@example.org/", "user name"),
        ("https://example.org\\@127.0.0.1/", "user name"),
        ("https://example.org/#here", "fragment"),
        ("https://example.org/#", "fragment"),
        ("https://example.org:99999/", "port"),
        ("https://example.org:0/", "port"),
        ("https://exa mple.org/", "invalid host name"),
        ("https://a..b/", "invalid host name"),
        ("https://127.0.0.1/", "private network"),
        ("https://[::1]/", "private network"),
        ("https://[fe80::1%25eth0]/", "private network"),
        ("https://[::ffff:10.0.0.1]/", "private network"),
        ("https://[64:ff9b::7f00:1]/", "private network"),
        ("https://169.254.169.254/latest/meta-data/", "private network"),
        ("https://127.1/", "not on the internet"),
        ("https://2130706433/", "not on the internet"),
        ("https://0x7f000001/", "not on the internet"),
        ("https://0177.0.0.1/", "not a valid URL"),
        ("https://localhost/", "not on the internet"),
        ("https://LOCALHOST./", "not on the internet"),
        ("https://api.localhost/", "not on the internet"),
        ("https://redis:6379/", "not on the internet"),
    ],
)
def test_refused_urls(url: str, reason: str) -> None:
    with pytest.raises(InvalidWebhookError, match=reason) as caught:
        check_url(url, private=False)
    assert "secret" not in str(caught.value)
    assert caught.value.limit is None


@pytest.mark.parametrize("url", ["https://example.org/" + "x" * MAX_URL, "https://example.org/" + "ü" * 1000])
def test_url_too_long(url: str) -> None:
    with pytest.raises(InvalidWebhookError, match=str(MAX_URL)) as caught:
        check_url(url, private=False)
    assert caught.value.limit == MAX_URL


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTPS://Example.org/A?b=c d", "https://example.org/A?b=c%20d"),
        ("https://bücher.example:8443/", "https://xn--bcher-kva.example:8443/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
    ],
)
def test_accepted_urls(url: str, normal: str) -> None:
    assert check_url(url, private=False) == normal
    assert check_url(normal, private=False) == normal


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://redis/", "https://localhost/", "http://[::1]:80/"])
def test_private_urls_are_accepted_when_allowed(url: str) -> None:
    assert check_url(url, private=True)


def test_private_does_not_allow_every_url() -> None:
    for url in ("ftp://127.0.0.1/", "http://me@127.0.0.1/", "http://127.0.0.1/#x"):
        with pytest.raises(InvalidWebhookError):
            check_url(url, private=True)


def test_names_are_resolved_by_the_system() -> None:
    assert ip_address("127.0.0.1") in resolve("localhost", 80)
    assert resolve("127.1", 80) == [ip_address("127.0.0.1")], "hence the check of what comes out"
