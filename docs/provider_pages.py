"""The quality pages of the bundled providers.

`providers.md` is the table for reading, `providers.html` the same table with a filter, without any other file.
Both say only what the definitions say.
"""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path

from oauthreg.definition import Definition, Loader, find_doubts
from oauthreg.definition.requests import claims_of
from tables import table

HERE = Path(__file__).parent
PROVIDERS = HERE.parent / "providers"
HEADINGS = ("provider", "title", "protocol", "status", "grants", "PKCE", "client", "claims", "environments", "doubts")
NOTHING = "-"
PROTOCOLS = {"oauth1": "OAuth 1.0a", "oauth2": "OAuth 2.0", "oidc": "OpenID Connect"}


def rows() -> list[tuple[str, ...]]:
    """One row a provider, as plain text."""
    loader = Loader([PROVIDERS], environ={})
    return [_row(loader.load(path.stem), path) for path in sorted(PROVIDERS.glob("*.toml"), key=_stem)]


def _stem(path: Path) -> str:
    return path.stem


def _row(definition: Definition, path: Path) -> tuple[str, ...]:
    is_oauth1 = definition.protocol == "oauth1"
    doubts = [doubt.key for doubt in find_doubts(path.read_text("utf-8"))]
    return (
        definition.name,
        definition.title,
        PROTOCOLS[definition.protocol],
        definition.status,
        _listed(definition.oauth1.flow if is_oauth1 else definition.oauth2.grants),
        NOTHING if is_oauth1 or "authorization_code" not in definition.oauth2.grants else definition.oauth2.pkce,
        _listed(definition.oauth1.signature) if is_oauth1 else definition.oauth2.client_auth or "basic or none",
        _listed(claims_of(definition)),
        _listed(definition.environments),
        _listed(doubts),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or NOTHING


def summary(found: list[tuple[str, ...]]) -> str:
    """How many there are, and how many of them are in doubt somewhere."""
    protocols = [row[2] for row in found]
    named = sum(row[7] != NOTHING for row in found)
    doubtful = sum(row[9] != NOTHING for row in found)
    of = {protocol: protocols.count(protocol) for protocol in PROTOCOLS.values()}
    return (
        f"{len(found)} providers: {of['OAuth 2.0']} of OAuth 2.0, {of['OpenID Connect']} of OpenID Connect, "
        f"{of['OAuth 1.0a']} of OAuth 1.0a. {named} can name their user; in {doubtful} at least one value is not "
        "confirmed."
    )


def markdown() -> str:
    """The page for reading."""
    found = rows()
    lines = [
        "# Providers",
        "",
        "Written by `make docs` from the files in [`providers/`](../providers/). [providers.html](providers.html) is",
        "the same table with a filter. A doubt is a key whose value is marked `# unconfirmed` in its file;",
        "`oauthreg list --doubtful` shows the values. PKCE is sent unless it is `unsupported`; `unknown` means that no",
        "source says whether the server reads it.",
        "",
        summary(found),
        "",
        table(HEADINGS, ((f"[{name}](../providers/{name}.toml)", *others) for name, *others in found)),
    ]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The page with the filter: every word that is typed must stand somewhere in the row."""
    found = rows()
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in HEADINGS)
    body = "\n".join(
        f'<tr><th scope="row"><a href="../providers/{name}.toml">{name}</a></th>'
        + "".join(f"<td>{escape(text)}</td>" for text in others)
        + "</tr>"
        for name, *others in found
    )
    return (
        (HERE / "providers.template.html")
        .read_text("utf-8")
        .replace("{summary}", escape(summary(found)))
        .replace("{total}", json.dumps(len(found)))
        .replace("{head}", head)
        .replace("{body}", body)
    )


def pages() -> dict[Path, str]:
    """Path -> text, of all that is made here."""
    return {HERE / "providers.md": markdown(), HERE / "providers.html": page()}
