"""Requests to sign and to check, by which a profiled build learns what the native engine does most.

maturin runs it with an engine that counts, which takes a few seconds. The requests are drawn from a fixed seed, and are
none that the benchmarks measure.
"""

import itertools
import json
import random
import string
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote, urlencode

from yarl import URL

from oauthreg import Signer, Verifier, verify

REQUESTS = 6000
"""How many are drawn."""
IN_A_ROW = 24
"""How often a client sends one of them before another one does."""

FORM = "application/x-www-form-urlencoded"
WORDS = (
    *("account", "album", "answer", "bucket", "calendar", "channel", "contact", "cursor", "draft", "event"),
    *("feed", "folder", "group", "id", "item", "label", "limit", "list", "member", "message", "offset"),
    *("order", "page", "photo", "place", "profile", "query", "range", "region", "reply", "sort", "state"),
    *("status", "tag", "title", "user", "video"),
)
SENTENCES = (
    "the quick brown fox, jumps over - the lazy dog! (twice) & again? yes/no; 100% #1",
    "größe straße façade niño œuvre ångström čeština łódź",
    "Съешь же ещё этих мягких французских булок",
    "いろはにほへと ちりぬるを 春が来た 東京タワー",
    "مرحبا بالعالم שלום עולם",
    "😀 🚀 🌍 👩‍💻",
)


class Sent(NamedTuple):
    """A request as it goes on the wire."""

    method: str
    url: str | URL
    body: bytes | None = None
    content_type: str | None = None


class Client(NamedTuple):
    """Who signs, and who checks."""

    signer: Signer
    verifier: Verifier
    client_secret: str
    token_secret: str | None


def draw_name(chance: random.Random) -> str:
    """One word or two."""
    return "_".join(chance.sample(WORDS, chance.choice((1, 1, 2))))


def draw_value(chance: random.Random) -> str:
    """A word or a number most of the time; a sentence, an address or nothing at times."""
    match chance.randrange(10):
        case 0:
            return ""
        case 1 | 2 | 3:
            return str(chance.randrange(10 ** chance.randrange(1, 12)))
        case 4 | 5:
            return chance.choice(WORDS)
        case 6:
            return "".join(chance.choices(string.ascii_letters + string.digits + "-_", k=chance.randrange(8, 44)))
        case 7:
            return f"https://{chance.choice(WORDS)}.example/{draw_name(chance)}?{draw_name(chance)}=1"
        case _:
            return " ".join(chance.choices(chance.choice(SENTENCES).split(), k=chance.randrange(1, 9)))


def draw_pairs(chance: random.Random, most: int) -> list[tuple[str, str]]:
    """Names and values, one at the least."""
    return [(draw_name(chance), draw_value(chance)) for _ in range(chance.randint(1, most))]


def encode(chance: random.Random, pairs: list[tuple[str, str]]) -> str:
    """As most programs do it; one in eight writes ``+`` for a space, and a slash as it is."""
    if chance.randrange(8):
        return urlencode(pairs, quote_via=quote, safe="~")
    return urlencode(pairs, safe="/")


def look_up(chance: random.Random) -> Sent:
    """Without parameters."""
    path = "/".join([f"v{chance.randrange(1, 5)}", *chance.sample(WORDS, 2), str(chance.randrange(10**6))])
    return Sent("GET", f"https://api.{chance.choice(WORDS)}.example/{path}")


def search(chance: random.Random, most: int = 6) -> Sent:
    """With a query."""
    return Sent("GET", f"{look_up(chance).url}?{encode(chance, draw_pairs(chance, most))}")


def search_by_url(chance: random.Random) -> Sent:
    """The same with a URL that is not text."""
    return Sent("GET", URL(str(search(chance).url), encoded=True))


def search_closely(chance: random.Random) -> Sent:
    """With a long query."""
    return search(chance, 40)


def send_form(chance: random.Random) -> Sent:
    """With a form."""
    return Sent("POST", look_up(chance).url, encode(chance, draw_pairs(chance, 8)).encode(), FORM)


def send_long_form(chance: random.Random) -> Sent:
    """With a form in which one value is long."""
    text = " ".join(draw_value(chance) for _ in range(chance.randint(20, 60)))
    return Sent("POST", look_up(chance).url, encode(chance, [("text", text), *draw_pairs(chance, 3)]).encode(), FORM)


def send_json(chance: random.Random) -> Sent:
    """With a body that some signers hash."""
    body = json.dumps(dict(draw_pairs(chance, 40))).encode()
    return Sent(chance.choice(("POST", "PUT", "PATCH")), look_up(chance).url, body, "application/json")


SHAPES: dict[Callable[[random.Random], Sent], int] = {
    look_up: 4, search: 5, search_by_url: 1, search_closely: 1, send_form: 3, send_long_form: 1, send_json: 2,
}  # fmt: skip
"""What is drawn -> how often."""
METHODS = {"HMAC-SHA1": 8, "HMAC-SHA256": 6, "HMAC-SHA512": 1, "PLAINTEXT": 1}
"""Signature method -> how many clients have it. With RSA the time is the key's."""


def make_clients() -> Iterator[Client]:
    """Half of them hash bodies; every fourth has no token."""
    methods = [method for method, clients in METHODS.items() for _ in range(clients)]
    for place, (method, is_hashing) in enumerate(itertools.product(methods, (False, True))):
        client_secret, token, token_secret = f"the secret of client {place} ~" * 2, None, None
        if place % 4:
            token, token_secret = f"{place}-{'token' * (1 + place % 9)}", f"token+secret/{place}="
        signer = Signer(
            method, f"client-{place}", client_secret, token=token, token_secret=token_secret, body_hash=is_hashing,
            engine="native",
        )  # fmt: skip
        verifier = Verifier(
            client_secret=client_secret, token_secret=token_secret, signature_methods=METHODS, engine="native"
        )
        yield Client(signer, verifier, client_secret, token_secret)


def train(client: Client, other: Client, sent: Sent) -> None:
    """Signs and checks one request as often as a client sends it, then with another client in between."""
    for one in (client,) * IN_A_ROW + (client, other) * 2:
        # More sign than check.
        for _ in range(2):
            header = one.signer.authorization(*sent)
        one.verifier.verify(*sent, authorization=header, now=time.time())
    verify(
        *sent, authorization=header, client_secret=other.client_secret, token_secret=other.token_secret,
        signature_methods=METHODS, engine="native",
    )  # fmt: skip
    other.signer.parameters(*sent)


def main() -> None:
    """Trains the native engine that is installed."""
    chance = random.Random(5849)  # noqa: S311 - the same requests every time, and nobody's secrets
    clients = list(make_clients())
    shapes = chance.choices([*SHAPES], [*SHAPES.values()], k=REQUESTS)
    for shape in shapes:
        client, other = chance.sample(clients, 2)
        train(client, other, shape(chance))
    for client in clients:
        client.signer.sign_many([shape(chance) for shape in shapes[:2000]])


if __name__ == "__main__":
    main()
