"""A provider moved to this machine: each of its origins becomes a port on loopback, paths and queries stay."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oauthreg.origins import Origin, parse_origin
from oauthreg.records import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauthreg.provider import Documents, Exchange, Provider, TextTemplate

_NO_DOCUMENTS: Documents = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Relocation:
    """Which loopback port stands for which of the provider's origins."""

    ports: Mapping[Origin, int] = field(default_factory=lambda: MappingProxyType({}))

    def moved(self, url: str) -> str:
        """The URL on loopback; one of an unknown origin, or no absolute URL at all, stays as it is."""
        port = self.ports.get(parse_origin(url)) if url.startswith(("https://", "http://")) else None
        return url if port is None else f"http://127.0.0.1:{port}{_after_origin(url)}"

    def original(self, url: str) -> str:
        """The URL at the provider that a loopback URL stands for."""
        port = urlsplit(url).port
        for (scheme, host, real_port), local in self.ports.items():
            if local == port:
                shown = f"[{host}]" if ":" in host else host
                default = {"https": 443, "http": 80}[scheme]
                return f"{scheme}://{shown}{'' if real_port == default else f':{real_port}'}{_after_origin(url)}"
        return url

    def move(self, provider: Provider) -> Provider:
        """The provider with everything that names an origin on loopback."""
        base, locate = provider.api_base, provider.locate
        if locate is not None and not isinstance(locate, MovedLocator):
            locate = MovedLocator(locate, self)
        return replace(
            provider,
            endpoints=MappingProxyType({name: self.moved(url) for name, url in provider.endpoints.items()}),
            origins=frozenset(parse_origin(self.moved(_render(origin))) for origin in provider.origins),
            identity=tuple(replace(request, url=self._moved_template(request.url)) for request in provider.identity),
            exchange=self._moved_step(provider.exchange),
            app_token=self._moved_step(provider.app_token),
            locate=locate,
            api_base=None if base is None else self._moved_template(base),
            api_origins=tuple(map(self._moved_template, provider.api_origins)),
            oauth2=replace(
                provider.oauth2,
                mtls_endpoints=MappingProxyType(
                    {name: self.moved(url) for name, url in provider.oauth2.mtls_endpoints.items()}
                ),
            ),
        )

    def _moved_step(self, step: Exchange | None) -> Exchange | None:
        return None if step is None else replace(step, url=self.moved(step.url))

    def _moved_template(self, url: str | TextTemplate) -> str | TextTemplate:
        return self.moved(url) if isinstance(url, str) else MovedTemplate(url, self)


@dataclass(frozen=True, slots=True)
class MovedTemplate:
    """A URL template whose result is moved; answers may name the provider's real hosts."""

    template: TextTemplate
    relocation: Relocation

    @property
    def names(self) -> frozenset[str]:
        """The placeholders as written."""
        return self.template.names

    def render(self, documents: Documents) -> str | None:
        """The filled-in URL on loopback; ``None`` if a value is missing."""
        url = self.template.render(documents)
        return None if url is None else self.relocation.moved(url)


@dataclass(frozen=True, slots=True)
class MovedLocator:
    """Finds the servers that a login tells of, on loopback."""

    locate: Callable[[Provider, Documents], Provider]
    relocation: Relocation

    def __call__(self, provider: Provider, documents: Documents) -> Provider:
        """The provider with those servers."""
        return self.relocation.move(self.locate(provider, documents))


def origins_of(provider: Provider, documents: Documents = _NO_DOCUMENTS) -> list[Origin]:
    """Every origin that the provider is spoken to at, sorted, so that ports are given in the same order each time.

    ``documents`` are those that its URLs may be made of.
    """
    provider = provider.located(documents)
    steps = [step.url for step in (provider.exchange, provider.app_token) if step is not None]
    base = [] if provider.api_base is None else [provider.api_base]
    made = [*(request.url for request in provider.identity), *base, *provider.api_origins]
    rendered = [url if isinstance(url, str) else url.render(documents) for url in made]
    urls = [*provider.endpoints.values(), *steps, *(url for url in rendered if url)]
    return sorted({*provider.origins, *map(parse_origin, urls)})


def _render(origin: Origin) -> str:
    scheme, host, port = origin
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


def _after_origin(url: str) -> str:
    """Path, query and fragment, octet for octet."""
    rest = url.partition("://")[2]
    starts = [index for index in map(rest.find, "/?#") if index >= 0]
    return rest[min(starts) :] if starts else ""
