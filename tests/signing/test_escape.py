"""Percent-encoding and form decoding (RFC 5849 sections 3.6 and 3.4.1.3.1)."""

import string

import pytest

from oauthreg.errors import UsageError

UNRESERVED = string.ascii_letters + string.digits + "-._~"


def test_every_octet_alone(engine):
    for octet in range(256):
        bare = octet < 128 and chr(octet) in UNRESERVED
        assert engine.module.escape(bytes([octet])) == (chr(octet) if bare else f"%{octet:02X}")


def test_every_octet_comes_back(engine):
    octets = bytes(range(256))
    assert engine.module.unescape(engine.module.escape(octets)) == octets


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        (UNRESERVED, UNRESERVED),
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("%41", "%2541"),
        ("\0\t\r\n\x7f", "%00%09%0D%0A%7F"),
        ("é", "%C3%A9"),
        ("e\u0301", "e%CC%81"),
        ("\u2028\ufeff", "%E2%80%A8%EF%BB%BF"),
        ("🦀", "%F0%9F%A6%80"),
        ("\U0010ffff", "%F4%8F%BF%BF"),
    ],
)
def test_text_is_escaped_as_utf8_without_normalization(engine, text, escaped):
    assert engine.module.escape(text) == escaped
    assert engine.module.unescape(escaped) == text.encode()


@pytest.mark.parametrize("octets", [b"a~\xff", bytearray(b"a~\xff"), memoryview(b"a~\xff")])
def test_octets_that_are_not_utf8_stay_octets(engine, octets):
    assert engine.module.escape(octets) == "a~%FF"
    assert engine.module.unescape(octets) == b"a~\xff"


@pytest.mark.parametrize(
    ("escaped", "octets"),
    [
        ("%7e%7E", b"~~"),
        ("%c3%A9%C3%a9", "éé".encode()),
        ("a+b", b"a+b"),
        ("%", b"%"),
        ("%%", b"%%"),
        ("%4", b"%4"),
        ("%4g%zz", b"%4g%zz"),
        ("%%41", b"%A"),
        ("%2541", b"%41"),
        ("%00", b"\0"),
        ("%E9", b"\xe9"),
        ("é%41", "éA".encode()),
        ("%\uff14\uff11", "%\uff14\uff11".encode()),
    ],
)
def test_unescape_takes_each_escape_once_and_debris_as_it_is(engine, escaped, octets):
    assert engine.module.unescape(escaped) == octets
    assert engine.module.unescape(escaped.encode()) == octets


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("&", []),
        ("&&a=1&&&b=2&", [(b"a", b"1"), (b"b", b"2")]),
        ("=", [(b"", b"")]),
        ("=b", [(b"", b"b")]),
        ("a", [(b"a", b"")]),
        ("a=", [(b"a", b"")]),
        ("a=b=c", [(b"a", b"b=c")]),
        ("a==", [(b"a", b"=")]),
        ("a+b=c+d", [(b"a b", b"c d")]),
        ("a%2Bb=%2b", [(b"a+b", b"+")]),
        ("a%3Db=%26", [(b"a=b", b"&")]),
        ("a=1;b=2", [(b"a", b"1;b=2")]),
        ("a=2&a=1&a=2", [(b"a", b"2"), (b"a", b"1"), (b"a", b"2")]),
        ("%+=%+41", [(b"% ", b"% 41")]),
        ("a=%00%0a", [(b"a", b"\0\n")]),
        ("a=%E9&%e9=b", [(b"a", b"\xe9"), (b"\xe9", b"b")]),
        ("a=é", [(b"a", "é".encode())]),
        ("a[]=1&a[b]='x'", [(b"a[]", b"1"), (b"a[b]", b"'x'")]),
        ("?a=1#b", [(b"?a", b"1#b")]),
        ("a=\r\n\tb", [(b"a", b"\r\n\tb")]),
    ],
)
def test_parse_parameters(engine, text, pairs):
    assert engine.module.parse_parameters(text) == pairs
    assert engine.module.parse_parameters(text.encode()) == pairs


def test_parse_parameters_of_raw_octets(engine):
    assert engine.module.parse_parameters(b"\xe9=\xff%FE") == [(b"\xe9", b"\xff\xfe")]


@pytest.mark.parametrize(
    ("pairs", "normalized"),
    [
        ([], ""),
        ([("", "")], "="),
        ([("b", "1"), ("a", "2"), ("a", "1"), ("a", "2")], "a=1&a=2&a=2&b=1"),
        ([("a", "é"), ("a", "z"), ("é", "0"), ("z", "0")], "%C3%A9=0&a=%C3%A9&a=z&z=0"),
        ([("a-b", "1"), ("a", "2"), ("a0", "3"), ("a.b", "4")], "a=2&a-b=1&a.b=4&a0=3"),
        ([("a", "10"), ("a", "9"), ("a", "1")], "a=1&a=10&a=9"),
        ([("B", "1"), ("a", "1"), ("A", "1")], "A=1&B=1&a=1"),
        ([(b"\xff", b"\xfe"), ("ÿ", "þ")], "%C3%BF=%C3%BE&%FF=%FE"),
        ([("a", "\U0001f980"), ("a", "\uffff")], "a=%EF%BF%BF&a=%F0%9F%A6%80"),
    ],
)
def test_parameters_are_escaped_first_and_sorted_by_octets_then(engine, pairs, normalized):
    assert engine.module.normalize_parameters(pairs) == normalized
    assert engine.module.normalize_parameters(iter(reversed(pairs))) == normalized


def test_a_mapping_gives_pairs(engine):
    assert engine.module.normalize_parameters({"b": "2", "a": b"1"}) == "a=1&b=2"


def test_long_text(engine):
    assert engine.module.escape("é" * 100_000) == "%C3%A9" * 100_000
    assert engine.module.unescape("%C3%A9" * 100_000) == "é".encode() * 100_000
    assert len(engine.module.parse_parameters("a=1&" * 100_000)) == 100_000


@pytest.mark.parametrize("function", ["escape", "unescape", "parse_parameters"])
@pytest.mark.parametrize(
    ("value", "code"),
    [("a\ud800", "lone-surrogate"), ("\udcff", "lone-surrogate"), (5, "wrong-type"), (None, "wrong-type")],
)
def test_what_is_neither_text_nor_octets_is_refused(engine, function, value, code):
    with pytest.raises(UsageError) as caught:
        getattr(engine.module, function)(value)
    assert caught.value.code == code


@pytest.mark.parametrize("pairs", [5, None, "ab", ["ab"], [("a", "b", "c")], [("a",)], [5], [("a", 5)], [(None, "b")]])
def test_what_are_no_pairs_is_refused(engine, pairs):
    with pytest.raises(UsageError) as caught:
        engine.module.normalize_parameters(pairs)
    assert caught.value.code == "wrong-type"
