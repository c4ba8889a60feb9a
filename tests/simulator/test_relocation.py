import pytest

from oauthreg.provider import IdentityRequest, Provider
from oauthreg.simulator.relocation import MovedTemplate, Relocation, origins_of

PORTS = {
    ("https", "api.example.com", 443): 5001,
    ("https", "api.example.com", 8443): 5002,
    ("http", "localhost", 80): 5003,
    ("https", "::1", 443): 5004,
}
RELOCATION = Relocation(PORTS)


class Template:
    """A URL template with one placeholder."""

    names = frozenset({"userinfo:url"})

    def render(self, documents):
        return documents.get("userinfo")


@pytest.mark.parametrize(
    ("url", "moved"),
    [
        ("https://api.example.com/a%2Fb/?x=%20&y#z", "http://127.0.0.1:5001/a%2Fb/?x=%20&y#z"),
        ("https://api.example.com", "http://127.0.0.1:5001"),
        ("https://api.example.com?x=https://a/b", "http://127.0.0.1:5001?x=https://a/b"),
        ("https://API.example.com:443/", "http://127.0.0.1:5001/"),
        ("https://api.example.com:8443/a", "http://127.0.0.1:5002/a"),
        ("http://localhost/a", "http://127.0.0.1:5003/a"),
        ("https://[::1]/a", "http://127.0.0.1:5004/a"),
        ("https://elsewhere.example.com/a", "https://elsewhere.example.com/a"),
        ("/relative", "/relative"),
    ],
)
def test_only_the_origin_of_a_known_url_changes(url, moved):
    assert RELOCATION.moved(url) == moved


@pytest.mark.parametrize(
    ("moved", "url"),
    [
        ("http://127.0.0.1:5001/a%2Fb?x", "https://api.example.com/a%2Fb?x"),
        ("http://127.0.0.1:5002/a", "https://api.example.com:8443/a"),
        ("http://127.0.0.1:5003/a", "http://localhost/a"),
        ("http://127.0.0.1:5004/a", "https://[::1]/a"),
        ("http://127.0.0.1:6000/a", "http://127.0.0.1:6000/a"),
    ],
)
def test_a_moved_url_finds_back(moved, url):
    assert RELOCATION.original(moved) == url


def test_a_provider_moves_with_all_that_names_an_origin():
    provider = Provider(
        endpoints={"token": "https://api.example.com/token", "api_base": "https://api.example.com:8443/1/"},
        origins=frozenset({("https", "api.example.com", 8443), ("https", "::1", 443)}),
        identity=(IdentityRequest("userinfo", "https://api.example.com/me"), IdentityRequest("more", Template())),
    )
    moved = RELOCATION.move(provider)
    assert moved.endpoints == {"token": "http://127.0.0.1:5001/token", "api_base": "http://127.0.0.1:5002/1/"}
    assert moved.origins == {("http", "127.0.0.1", 5002), ("http", "127.0.0.1", 5004)}
    assert moved.identity[0].url == "http://127.0.0.1:5001/me"
    template = moved.identity[1].url
    assert isinstance(template, MovedTemplate)
    assert template.names == {"userinfo:url"}
    assert template.render({"userinfo": "https://api.example.com/users/1"}) == "http://127.0.0.1:5001/users/1"
    assert template.render({}) is None


class Base:
    names = frozenset({"token"})

    def render(self, documents):
        return documents["token"]["base"] if "token" in documents else None


def test_the_base_of_the_api_moves_where_only_an_answer_names_it():
    provider = Provider(api_base=Base(), api_origins=(Base(),))
    documents = {"token": {"base": "https://api.example.com:8443/v1/"}}
    assert origins_of(provider, documents) == [("https", "api.example.com", 8443)]
    assert origins_of(provider) == []
    moved = RELOCATION.move(provider)
    assert moved.api_base.render(documents) == "http://127.0.0.1:5002/v1/"
    assert [origin.render(documents) for origin in moved.api_origins] == ["http://127.0.0.1:5002/v1/"]


def test_every_origin_is_found_once_and_in_order():
    provider = Provider(
        endpoints={"token": "https://b.example.com/token", "authorize": "https://b.example.com/authorize"},
        origins=frozenset({("https", "a.example.com", 443)}),
        identity=(IdentityRequest("userinfo", "https://c.example.com/me"), IdentityRequest("more", Template())),
    )
    assert [host for _, host, _ in origins_of(provider)] == ["a.example.com", "b.example.com", "c.example.com"]
