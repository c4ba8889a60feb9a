"""A person as a provider describes them, in the standard's words."""

from collections.abc import Mapping
from types import MappingProxyType

from oauthreg.claims.casts import STANDARD_CLAIMS, is_absent, standard_cast
from oauthreg.errors import MalformedResponseError
from oauthreg.records import dataclass, field

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Profile:
    """The standard claims, ``None`` where absent; ``extra`` holds other claims, ``raw`` the answers by document name.

    ``sub`` is the id at the provider: unlike name and e-mail address it stays the same and is never another person's.
    ``updated_at`` counts seconds since 1970.

    Spec: OpenID Connect Core section 5.1.
    """

    sub: str
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    middle_name: str | None = None
    nickname: str | None = None
    preferred_username: str | None = None
    profile: str | None = None
    picture: str | None = None
    website: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    gender: str | None = None
    birthdate: str | None = None
    zoneinfo: str | None = None
    locale: str | None = None
    phone_number: str | None = None
    phone_number_verified: bool | None = None
    address: Mapping[str, object] | None = field(default=None, hash=False)
    updated_at: int | None = None
    extra: Mapping[str, object] = field(default_factory=lambda: _NOTHING, hash=False)
    raw: Mapping[str, object] = field(default_factory=lambda: _NOTHING, hash=False, compare=False)

    @classmethod
    def from_claims(cls, claims: Mapping[str, object], *, raw: Mapping[str, object] = _NOTHING) -> "Profile":
        """A profile from claims by name; a standard claim that cannot be read as its type is absent.

        Raises ``MalformedResponseError`` with the code ``missing-sub``: without an id nobody is logged in.
        """
        standard = {
            name: cast(claims[name]) for name in STANDARD_CLAIMS if (cast := standard_cast(name)) and name in claims
        }
        if not standard.get("sub"):
            raise MalformedResponseError(
                "the answers name no user: `sub` is missing",
                code="missing-sub",
                hint="check `sub` in the definition's `[claims]` against a real answer, and that the scope allows it",
            )
        extra = {name: value for name, value in claims.items() if name not in STANDARD_CLAIMS and not is_absent(value)}
        return cls(**standard, extra=MappingProxyType(extra), raw=MappingProxyType(dict(raw)))  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """The claims that are there, extra ones included, as one dictionary."""
        standard = {name: getattr(self, name) for name in STANDARD_CLAIMS}
        return {name: value for name, value in {**self.extra, **standard}.items() if value is not None}

    def __repr__(self) -> str:
        """Only ``sub`` and which other claims there are: the rest is personal."""
        others = [name for name in self.to_dict() if name != "sub"]
        return f"Profile(sub={self.sub!r}, claims={others})"
