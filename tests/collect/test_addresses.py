from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.collect.addresses import (
    BadAddress,
    PrivateAddress,
    allow_all,
    allow_public,
    check_literal,
    is_public,
    parse_address,
    redirect_target,
)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",  # compatible
        "::ffff:127.0.0.1",  # mapped
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
        "64:ff9b:1::1",
        "100::1",
        "2001::1",  # Teredo
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:808:808::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_only_some_can_reach_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "168.63.129.17", "2606:4700::1", "64:ff9b::808:808"],
)
def test_what_everybody_can_reach_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("http://example.com/a%7Eb?x=%2B&y=a+b", "http://example.com/a%7Eb?x=%2B&y=a+b"),
        ("  HTTPS://Example.COM/A.jpg#part\n", "https://example.com/A.jpg"),
        ("http://example.com/my picture é.jpg", "http://example.com/my%20picture%20%C3%A9.jpg"),
        ("http://bücher.example/a", "http://xn--bcher-kva.example/a"),
        ("http://my_host.example:8080/", "http://my_host.example:8080/"),
        ("http://example.com?a=b", "http://example.com/?a=b"),
    ],
)
def test_an_address_is_sent_as_it_was_given_where_it_can_be(text, sent):
    assert str(parse_address(text)) == sent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "picture.jpg",
        "//example.com/a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "http:///a",
        "http://user:password@example.com/",
        "http://user@example.com/",
        "http://@example.com/",
        "http://good.example\\@bad.example/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://example.com%2f.bad.example/",
        "http://a..b/",
        "http://example.com/a\r\nHost: bad.example",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://1.2.3.4.5/",
        "http://example.com/" + "a" * 5000,
    ],
)
def test_what_is_no_plain_address_of_the_web_is_refused(text):
    with pytest.raises(BadAddress):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127。0。0。1/",  # full stops of another script
        "http://①②⑦.0.0.1/",
    ],
)
def test_numbers_that_are_not_public_are_refused_unless_allowed(text):
    url = parse_address(text)
    with pytest.raises(PrivateAddress, match="not public"):
        check_literal(url, allow_public)
    check_literal(url, allow_all)


def test_a_name_and_a_public_number_pass():
    check_literal(parse_address("http://host-1/"), allow_public)
    check_literal(parse_address("http://8.8.8.8/"), allow_public)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "http://a.example/b"),
        ("c?d", "http://a.example/x/c?d"),
        ("//b.example/c", "http://b.example/c"),
        ("https://b.example/%41", "https://b.example/%41"),
        ("/é ", "http://a.example/%C3%A9"),
        ("/\udce9", "http://a.example/%E9"),  # one byte of Latin-1, as a header brings it
    ],
)
def test_a_redirect_leads_where_a_browser_would_go(location, target):
    assert str(redirect_target(parse_address("http://a.example/x/y"), location)) == target


@pytest.mark.parametrize("location", ["ftp://b.example/", "http://u:p@b.example/", "javascript:x", "http://[::1/"])
def test_a_redirect_to_no_address_of_the_web_is_refused(location):
    with pytest.raises(BadAddress):
        redirect_target(parse_address("http://a.example/"), location)


@given(st.text() | st.from_regex(r"https?://[^/]{0,20}/.*"))
def test_any_text_is_an_address_or_none(text):
    try:
        url = parse_address(text)
    except BadAddress:
        return
    assert url.scheme in ("http", "https") and url.raw_host and "@" not in url.raw_authority
    assert str(url).isascii() and " " not in str(url)
    assert parse_address(str(url)) == url


@given(st.text(st.characters(codec="latin-1") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)))
def test_any_redirect_leads_to_an_address_or_none(location):
    try:
        url = redirect_target(parse_address("http://a.example/b"), location)
    except BadAddress:
        return
    assert str(url).isascii()
