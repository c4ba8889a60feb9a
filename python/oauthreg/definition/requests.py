"""The requests of a definition: its legs, the signatures on them, and the documents that they and variables may name.

Apart from ``rules`` because clients are made with it of definitions that were found good, which nobody checks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Any, Literal

    from oauthreg.definition.model import Definition, SignTable, TokenLeg, Variable

REALMS_OF_REQUESTS: Mapping[str, Literal["url", "origin"]] = MappingProxyType({"{url}": "url", "{origin}": "origin"})
"""Realms that each request has for itself."""

LEGS = ("request_token", "token", "refresh", "device", "revoke", "introspect", "app_token", "exchange")
"""The tables of protocol requests, the page for the user apart."""

VERIFIED = ("email", "phone_number")
"""Claims beside which another says whether they are verified."""

_LEG_DOCUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"token": ("callback",), "refresh": ("token",), "revoke": ("token",), "exchange": ("token", "callback")}
)


def documents_of(definition: Definition) -> tuple[str, ...]:
    """The documents that claims and examples of a definition may name."""
    requests = [request.name for request in definition.identity.request]
    return documents_named(definition.protocol, definition.endpoints.model_fields_set, requests)


def documents_named(protocol: str, endpoints: Collection[str], requests: Iterable[object]) -> tuple[str, ...]:
    """The documents of a definition of which only names are known: its endpoints and its identity requests."""
    named = [name for name in requests if isinstance(name, str)]
    first = ["userinfo"] if "userinfo" in endpoints or protocol == "oidc" else []
    of_oidc = [] if protocol == "oauth1" else ["id_token"]
    return tuple(dict.fromkeys([*first, *named, "token", "callback", *of_oidc]))


def claims_of(definition: Definition) -> Mapping[str, Any]:
    """The claims of a definition, to which those of OpenID Connect belong where it speaks that."""
    own = definition.claims
    if definition.protocol != "oidc":
        return own
    made = {**_claims_of_oidc(), **own}
    for name in VERIFIED:
        # Who takes an address from elsewhere says whether it is verified, and who says whether, which one.
        if name in own and f"{name}_verified" not in own:
            del made[f"{name}_verified"]
        if f"{name}_verified" in own and name not in own:
            made[name] = f"{_document_of(own[f'{name}_verified'])}{name}"
    return made


def _document_of(source: Any) -> str:
    """How the first path of a claim begins that leads into another document; empty for one into the first."""
    first = source[0] if isinstance(source, (list, tuple)) and source else source
    path = first.get("path") if isinstance(first, Mapping) else first
    return f"{path.partition(':')[0]}:" if isinstance(path, str) and ":" in path else ""


@cache
def _claims_of_oidc() -> Mapping[str, Any]:
    from oauthreg.claims import STANDARD_CLAIMS

    made: dict[str, Any] = {name: [name, f"id_token:{name}"] for name in STANDARD_CLAIMS}
    for name in VERIFIED:
        # Whether an address is verified is said by the answer that tells the address.
        for claim in (name, f"{name}_verified"):
            made[claim] = [{"path": claim, "if": name}, {"path": f"id_token:{claim}", "if": f"not {name}"}]
    return MappingProxyType(made)


def leg_documents(definition: Definition, leg: str) -> tuple[str, ...]:
    """The documents that the parameters and headers of a leg may name."""
    known = _LEG_DOCUMENTS.get(leg, ())
    is_later = definition.app_token is not None and leg in {"token", "refresh"}
    return (*known, "app_token") if is_later else known


def legs_of(definition: Definition) -> Iterator[TokenLeg]:
    """The protocol requests that a definition says something of, or may."""
    yield from (leg for name in LEGS if (leg := getattr(definition, name)) is not None)


def signatures_of(definition: Definition) -> Iterator[SignTable]:
    """Every signature over a request that is not OAuth's own."""
    signs = (definition.api.sign, *(leg.sign for leg in legs_of(definition)))
    yield from (sign for sign in signs if sign is not None)


def source_of(variable: Variable) -> str | None:
    """The variable of which this one is another spelling."""
    return None if variable.from_ is None or ":" in variable.from_ else variable.from_


def told_at(variable: Variable) -> str | None:
    """Where a document of the login tells the value."""
    return variable.from_ if source_of(variable) is None else None
