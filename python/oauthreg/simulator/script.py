"""What a provider says, word for word: the reverse of what its definition says about reading its answers."""

import re
from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any, TypeGuard

from oauthreg.definition.model import Definition, ErrorTable, TokenLeg, When
from oauthreg.messages import Response
from oauthreg.provider import AnswerFormat, ServerTime
from oauthreg.records import dataclass, field
from oauthreg.simulator.rendering import render_document, render_end

_KEY = re.compile(r"""\["([^"]*)"\]|\['([^']*)'\]|"([^"]*)"|'([^']*)'|\[(-?\d+)\]|([^.\[\]"']+)""")


@dataclass(frozen=True, slots=True)
class RefusalShape:
    """How a refusal looks whose status is good: a text that starts in a certain way, or a document.

    ``marks`` are ``(path, value)`` pairs that make the document an error; ``error`` and ``description`` are the paths
    of the code and the text.
    """

    format: AnswerFormat = "json"
    text_prefix: str = ""
    marks: tuple[tuple[str, Any], ...] = ()
    error: str = ""
    description: str = ""

    def render(self, error: str, description: str) -> Response:
        """The refusal as an answer."""
        if self.text_prefix:
            return render_document(f"{self.text_prefix}{description or error}", "text")
        document: dict[str, Any] = {}
        for path, value in [(self.error, error), (self.description, description), *self.marks]:
            if path:
                place(document, path, value)
        return render_document(document, self.format)


@dataclass(frozen=True, slots=True)
class TokenShape:
    """How a token answer looks: format, root, renamed fields (standard's name to path), status, and its refusals.

    ``marks`` are ``(path, value)`` pairs without which the answer would be an error.
    """

    format: AnswerFormat = "form"
    root: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    status: int = 200
    refusal: RefusalShape | None = None
    marks: tuple[tuple[str, Any], ...] = ()

    def render(self, fields: Mapping[str, Any], example: Mapping[str, Any] | None = None) -> Response:
        """The fields as an answer, put over an example of it, which brings what else the provider sends."""
        document: dict[str, Any] = {}
        for name, value in deepcopy(dict(example or {})).items():
            place(document, self._inside(name), value)
        for path, value in self.marks:
            place(document, path, value)
        for name, value in fields.items():
            place(document, self._inside(name, self.fields.get(name, "")), value)
        return render_document(document, self.format, status=self.status)

    @property
    def is_self_contained(self) -> bool:
        """Whether the access token is a JWT that says who the user is, and so the ID token as well."""
        path = self.fields.get("id_token")
        return path is not None and path == self.fields.get("access_token", "access_token")

    def _inside(self, name: str, path: str = "") -> str:
        """Where in the answer a field stands: at its path, or under its name, at the root."""
        key = path or f'["{name}"]'
        return f"{self.root}{'' if key.startswith('[') else '.'}{key}" if self.root else key


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that a provider says: example documents by name, and the shapes of token answers and refusals."""

    documents: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    request_token: TokenShape = field(default_factory=TokenShape)
    token: TokenShape = field(default_factory=TokenShape)
    refresh: TokenShape = field(default_factory=TokenShape)
    exchange: TokenShape = field(default_factory=TokenShape)
    app_token: TokenShape = field(default_factory=TokenShape)
    device: TokenShape = field(default_factory=TokenShape)
    introspect: TokenShape = field(default_factory=TokenShape)
    revoke: TokenShape = field(default_factory=TokenShape)
    api_refusal: RefusalShape | None = None
    authorize_url: str = ""
    """Where the request-token answer holds a ready-made authorization URL; empty if it does not."""
    server_time: str = ""
    """Where the answer that tells the time holds it; empty if it is the time alone."""


def load_script(definition: Definition) -> Script:
    """The script that a definition gives: its first example, and its answer and error tables in reverse."""
    documents = definition.example[0].documents if definition.example else _invented_documents(definition)
    # The step from OAuth 1.0 to 2.0 ends as OAuth 2.0 does.
    plain: AnswerFormat = "form" if definition.protocol == "oauth1" else "json"
    token = definition.token
    return Script(
        documents,
        _token_shape(definition.request_token, plain),
        _token_shape(token, plain),
        _token_shape(definition.refresh if _has_own_answer(definition.refresh) else token, plain),
        _token_shape(definition.exchange or token, "json" if definition.exchange else plain),
        _token_shape(definition.app_token or token, plain),
        _token_shape(definition.device, plain),
        _token_shape(definition.introspect, plain),
        _token_shape(definition.revoke, plain),
        _refusal_shape(definition.api.error, "auto") if definition.api.error else None,
        definition.oauth1.authorize_url_from or "",
        definition.server_time.path or "",
    )


def _invented_documents(definition: Definition) -> Mapping[str, Any]:
    """What a provider says that gave no example: who somebody is, if the standard says how that is told."""
    return {"userinfo": {"sub": "simulated-user"}} if definition.protocol == "oidc" else {}


def _has_own_answer(leg: TokenLeg | None) -> TypeGuard[TokenLeg]:
    return leg is not None and bool({"response", "error"} & leg.model_fields_set)


def _token_shape(leg: TokenLeg, plain: AnswerFormat) -> TokenShape:
    """``plain`` is what an answer is written as that may be anything."""
    answer, error = leg.response, leg.error
    written_as = plain if answer.format == "auto" else answer.format
    return TokenShape(
        written_as,
        answer.root or "",
        answer.fields,
        answer.success_status[0] if answer.success_status else 200,
        _refusal_shape(error, written_as) if error else None,
        _good_marks(error.when) if error and error.when else (),
    )


def _good_marks(when: When) -> tuple[tuple[str, Any], ...]:
    """What lets a good answer fail the test; most tests fail where nothing stands."""
    return ((when.path, when.not_in[0]),) if when.path is not None and when.not_in else ()


def _refusal_shape(error: ErrorTable, written_as: AnswerFormat) -> RefusalShape:
    when = error.when or When(path=error.code, present=True)
    marks = () if when.path is None or when.path == error.code else ((when.path, _mark(when)),)
    return RefusalShape(written_as, when.text_prefix or "", marks, error.code or "", error.description or "")


def _mark(when: When) -> Any:
    """A value for which the test holds."""
    if when.is_in:
        return when.is_in[0]
    if when.not_in is not None:
        return next(value for value in (True, 1, 2, 3, "error") if value not in when.not_in)
    return True if when.present else when.equals


def render_time(settings: ServerTime, path: str, now: float) -> Response:
    """The time (seconds since 1970) as an answer that is read with these settings, in which it stands at a path."""
    told = render_end(settings.kind, now, now)
    if not path:
        return render_document(told, settings.format)
    document: dict[str, Any] = {}
    place(document, path, told)
    return render_document(document, settings.format)


def place(document: dict[str, Any], path: str, value: Any) -> None:
    """Put a value where a path of the definition language would find it; an index makes a list."""
    keys: list[str | int] = [
        int(match[5]) if match[5] else next(filter(None, match.groups()), "") for match in _KEY.finditer(path)
    ]
    container: Any = document
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        if isinstance(key, int):
            key = key % max(len(container), 1) if key < 0 else key  # noqa: PLW2901 - the last one, counted from the front
            container.extend({} for _ in range(key + 1 - len(container)))
        if following is None:
            container[key] = value
        elif isinstance(key, str):
            container = container.setdefault(key, [] if isinstance(following, int) else {})
        else:
            container = container[key]
