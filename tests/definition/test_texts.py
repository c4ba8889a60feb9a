"""Single texts: what passes stays as it is, what does not is refused with a reason. More kinds stand in ``cases``."""

import random
import re
import time
from pathlib import Path

import pytest

from oauthreg.definition import texts
from oauthreg.definition.names import PROVIDER_NAME, is_provider_name
from oauthreg.definition.texts import Refused

PROVIDERS = Path(__file__).parents[2] / "providers"

URLS = [
    "https://api.acme.example/oauth/token",
    "https://API.Acme.example:8443/A%2fb/%40me?x=1&y=%20#".removesuffix("#"),
    "https://[2001:db8::1]:443/x",
    "https://{host}/x",
    "https://{tenant}.acme.example:{port}/x".replace(":{port}", ""),
    "https://acme.example/{{literal}}".replace("{{literal}}", "literal"),
    "https://acme.example/x;y=1,2!$'()*+/~a@b",
    "{base_url}/rest",
    "{base_url}?title=Special:OAuth/token",
    "{base_url}",
    "http://localhost:8080/x",
    "http://127.0.0.1/x",
    "http://[::1]/x",
    "http://acme.localhost/x",
]


@pytest.mark.parametrize("host", ["api.acme.example", "acme.example:8443", "[::1]:80", "localhost"])
def test_a_host_stays_as_it_is_written(host):
    assert texts.check_host(host) == host


@pytest.mark.parametrize("host", ["", "https://acme.example", "acme.example/", "a b", "ü.example", "{host}"])
def test_what_is_no_host_is_refused(host):
    with pytest.raises(Refused, match="not a host"):
        texts.check_host(host)


def test_a_time_zone_is_one_that_the_machine_knows(monkeypatch):
    monkeypatch.setattr("zoneinfo.available_timezones", lambda: {"America/New_York", "UTC"})
    assert texts.check_time_zone("America/New_York") == "America/New_York"
    with pytest.raises(Refused) as refused:
        texts.check_time_zone("America/New_Yrok")
    assert refused.value.hint == "did you mean `America/New_York`?"
    with pytest.raises(Refused, match="not a time zone"):
        texts.check_time_zone("../../etc/passwd")


def test_where_no_time_zone_is_known_each_name_will_do(monkeypatch):
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert texts.check_time_zone("Europe/Berlin") == "Europe/Berlin"
    with pytest.raises(Refused, match="not a time zone"):
        texts.check_time_zone("europe berlin")


@pytest.mark.parametrize("url", URLS)
def test_a_url_stays_as_it_is_written(url):
    assert texts.check_url(url) == url


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", ""),
        ("acme.example/x", ""),
        ("//acme.example/x", ""),
        ("https:/acme.example", ""),
        ("https://", ""),
        ("https:///x", ""),
        ("https://a..b/x", ""),
        ("https://.acme.example/x", ""),
        ("https://acme.example:port/x", ""),
        ("https://acme.example:99999/x", ""),
        ("https://[::1/x", ""),
        ("https://a%41.example/x", ""),
        ("HTTPS://acme.example/x", "HTTPS"),
        ("http://acme.example/x", "http"),
        ("http://localhost.acme.example/x", "http"),
        ("ftp://acme.example/x", "ftp"),
        ("javascript://acme.example/x", "javascript"),
        ("https://acme.example/a b", " "),
        ("https://acme.example/\n", "\n"),
        ("https://acme.example/\\x", "\\"),
        ("https://acme.example/<x>", "<"),
        ('https://acme.example/"', '"'),
        ("https://acme.example/x^y", "^"),
        ("https://acme.example/ü", "ü"),
        ("https://acme.example/100%", "%"),
        ("https://acme.example/%zz", "%zz"),
        ("https://acme.example/#x", "#"),
        ("{base_url}x", "{base_url}"),
        ("https://acme.example/" + "x" * 2048, ""),
        ("https://acme.example/{", ""),
        ("https://acme.example/}", ""),
        ("https://acme.example/{}", "{}"),
    ],
)
def test_a_bad_url_is_refused_and_its_bad_part_named(url, part):
    with pytest.raises(Refused) as caught:
        texts.check_url(url)
    assert caught.value.part == part
    assert caught.value.message
    assert not caught.value.message.endswith(".")


@pytest.mark.parametrize("url", ["https://ada:hunter2@acme.example/", "https://hunter2@acme.example/"])
def test_a_url_with_user_information_is_not_repeated(url):
    with pytest.raises(Refused) as caught:
        texts.check_url(url)
    assert caught.value.mask
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (texts.check_title, ["Acme", "日本"], ["", " ", "a\nb", "x" * 3000]),
        (texts.check_name, ["a", "a_1"], ["", "A", "1a", "a-b", "a b", "ä", "a\n", "x" * 65]),
        (texts.check_provider_name, ["a", "1a", "a-b"], ["", "A", "-a", "a_b", "a.b", "../a", "a\n", "x" * 65]),
        (
            texts.check_link,
            ["https://a.example/#x", "http://a.example"],
            ["", "a.example", "javascript:x", "https://a b"],
        ),
        (
            texts.check_base_url,
            ["https://a.example/", "{base}/", "https://a.example/v1/"],
            ["https://a.example", "{base}", "https://a.example/?x=/"],
        ),
        (
            texts.check_origin,
            ["https://a.example", "https://a.example:8443", "{base}"],
            ["https://a.example/", "https://a.example/x", "https://a.example?x"],
        ),
        (texts.check_template, ["", "x", "{a}-{b}", "{{x}}", "ü"], ["{", "}", "{}", "a\nb", "x" * 3000]),
        (texts.check_header, ["x", "{a}"], ["ü", "a\r\nb", "{"]),
        (
            texts.check_header_name,
            ["Accept", "X-A_b"],
            ["", "A B", "A:", "Ü", "Host", "AUTHORIZATION", "content-length"],
        ),
        (texts.check_parameter_name, ["a", "a[b]", "ü"], ["", "a\nb"]),
        (texts.check_signature_method, ["HMAC-SHA1", "PLAINTEXT"], ["hmac-sha1", "HMAC-MD5", ""]),
        (texts.check_token_field, ["oauth_token", "user_id"], ["oauth_tokn", "oauthtoken", "", "a\nb"]),
        (texts.check_path, ["a.b[0]", "."], ["", "a..b", "a[", "other:a"]),
        (texts.check_pattern, ["[a-z]+", "^a$", ""], ["[", "(", "(?=a)", r"(a)\1", "x" * 3000, "a{999}{999}{999}"]),
        (texts.check_denial, ["denied", "oauth_verifier=denied", "a="], ["", "=", " =x", "a =x", "a=\n"]),
        (texts.check_plain, ["a", 1, True], [1.5, None, [1], {}]),
        (texts.check_schema, [1], [0, 2]),
    ],
)
def test_what_passes_stays_and_the_rest_is_refused(check, good, bad):
    assert [check(value) for value in good] == good
    for value in bad:
        with pytest.raises(Refused):
            check(value)


def test_an_unknown_word_gets_the_nearest_known_one():
    with pytest.raises(Refused) as caught:
        texts.check_signature_method("HMAC-SHA265")
    assert caught.value.hint == "did you mean `HMAC-SHA256`?"


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc1", False),
        ("a|b", "b", True),
        ("a|b", "ab", False),
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        ("a", "", False),
        ("", "", True),
    ],
)
def test_a_pattern_is_about_the_whole_value(pattern, value, fits):
    assert texts.matches(pattern, value) is fits


def test_a_pattern_takes_linear_time():
    begin = time.process_time()
    assert not texts.matches("(a+)+b?(a*)*$c", "a" * 5000)
    assert time.process_time() - begin < 5


def edited(text, chance, alphabet):
    """A text with one character put in, taken out or exchanged."""
    place, what = chance.randrange(len(text) + 1), chance.choice(alphabet)
    return text[:place] + chance.choice(["", what]) + text[place + chance.randrange(2) :]


def test_the_pattern_for_usual_urls_decides_as_a_closer_look_does(monkeypatch):
    chance = random.Random(5849)
    known = sorted(
        {url for path in PROVIDERS.glob("*.toml") for url in re.findall(r'"(https://[^"]*)"', path.read_text())}
    )
    urls = [*known, *(edited(edited(url, chance, "{}%#@:/?. aZ0_é[]\\\n"), chance, "{}%:/.x") for url in known * 6)]

    def outcomes():
        for url in urls:
            try:
                yield texts.check_url(url)
            except Refused as refused:
                yield str(refused)

    assert sum(texts._USUAL_URL.fullmatch(url) is not None for url in urls) > len(known)
    with_pattern = list(outcomes())
    monkeypatch.setattr(texts, "_USUAL_URL", re.compile(r"(?!)"))
    assert with_pattern == list(outcomes())
    assert {*with_pattern} - {*urls}, "none was refused"


def test_a_provider_s_name_is_what_the_pattern_says():
    chance = random.Random(5849)
    for name in sorted(path.stem for path in PROVIDERS.glob("*.toml")):
        for text in (name, *(edited(name, chance, "-aZ0._ é\n") for _ in range(20)), "", "-"):
            assert is_provider_name(text) is (re.fullmatch(PROVIDER_NAME, text) is not None)
