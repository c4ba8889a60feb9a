"""OAuth 1.0a signing in Python: the specification that the native engine mirrors.

Everything works on octets. Text is UTF-8; octets that are not UTF-8 stay what they are. A URL is taken as it goes on
the wire: its path is neither decoded nor re-escaped, its query is decoded as a form and encoded again.

Spec: RFC 5849 sections 3.1 to 3.6; the body hash follows the extension "OAuth Request Body Hash".
"""

import base64
import binascii
import hashlib
import hmac as _hmac
import os
import re
import time
from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from oauthreg.errors import OAuthRegError
from oauthreg.signing import keys, refusals
from oauthreg.signing.methods import SIGNATURE_METHODS

SURFACE = 4
"""Raised whenever a name, a signature or a meaning changes, so that a stale extension is noticed."""

ENGINE = "pure"

Text: TypeAlias = str | bytes
Placement: TypeAlias = Literal["header", "query", "body"]
ParameterPairs: TypeAlias = Iterable[tuple[Text, Text]] | Mapping[str, Text]

_FORM = "application/x-www-form-urlencoded"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPED = [chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in range(256)]
_BARE = r"[A-Za-z0-9\-._~]*+"
_IS_UNRESERVED = re.compile(_BARE).fullmatch
# The escapes that `escape` writes: in upper case, of anything but an unreserved character.
_ESCAPE = r"%(?:[0189A-F][0-9A-F]|2[0-9ABCF]|3[A-F]|40|5[B-E]|60|7[BCDF])"
# Runs of bare characters between escapes, not one alternative a character: half the time of the check.
_ENCODED = rf"{_BARE}(?:{_ESCAPE}{_BARE})*+"
_IS_ENCODED = re.compile(_ENCODED).fullmatch
_IS_ENCODED_FORM = re.compile(rf"{_ENCODED}={_ENCODED}(?:&{_ENCODED}={_ENCODED})*+").fullmatch
# The header in the form that signers write; in any other it is read by `verify.parse_authorization`.
_PARAMETER = rf'oauth_{_BARE}="{_ENCODED}"'
_IS_PLAIN_HEADER = re.compile(rf'OAuth (?:realm="([ !#-\[\]-~]*+)", ?)?+({_PARAMETER}(?:, ?{_PARAMETER})*+)').fullmatch
_IS_POSITIVE = re.compile(r"(?=.*[1-9])[0-9]{1,18}").fullmatch
_NEEDS_ESCAPE_IN_PATH = re.compile(r"[^\x21-\x7e]")
_TARGET = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/]*)(.*)", re.DOTALL).fullmatch
_IS_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=%]+").fullmatch
_IS_IP_LITERAL = re.compile(r"\[[0-9A-Za-z:.%_~\-]+\]").fullmatch
_IS_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
_IS_DIGITS = re.compile(r"[0-9]+").fullmatch
_HAS_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_PORTS = 65535
_BAD_PORT = "its port is no number up to 65535"
_DIGEST_INFO = {"sha1": 35, "sha256": 51, "sha512": 83}
"""Hash -> octets of the block that RSASSA-PKCS1-v1_5 signs. Spec: RFC 8017 section 9.2."""
_LEAST_PADDING = 11
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_BLOCKS = {"sha1": 64, "sha256": 64, "sha512": 128}
"""Hash -> octets of a block."""
_INNER_PAD, _OUTER_PAD = (bytes([octet ^ pad for octet in range(256)]) for pad in (0x36, 0x5C))
_BETWEEN = "\0"
"""Stands between the name and the value of an encoded pair: as it is below every character of either, pairs sort as
text, which takes a third of the time of tuples."""
_SIGNATURE = f"oauth_signature{_BETWEEN}"
_REMEMBERED_TARGET = 1024
"""The longest target, in characters, that is worth a place in a cache."""


class _Target:
    """What of a URL enters the base string URI, and that URI escaped, once it was asked for."""

    __slots__ = ("escaped_uri", "host", "path", "port", "scheme")

    def __init__(self, scheme: str, host: str, port: int | None, path: str) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.escaped_uri = ""


class Signer:
    """Signs requests for one client and one token.

    ``signature_method`` is a key of ``SIGNATURE_METHODS``. ``rsa_key`` (PEM or DER as text or bytes, a path object, or
    a ``cryptography`` private key; ``passphrase`` if it is encrypted) is needed by the RSA methods, which ignore the
    secrets. ``token`` of ``None`` or ``""`` is left out. ``realm`` stands in headers only. ``version=None`` leaves
    ``oauth_version`` out. ``body_hash`` adds ``oauth_body_hash`` to every request that is no form (never with
    PLAINTEXT). ``clock`` gives the time in seconds since 1970; default: the system's, and so while its ``is_system``
    is true, without a call.

    Raises ``UnsupportedMethodError``, ``MissingCredentialError``, ``InvalidKeyError`` and ``UsageError``.

    Spec: RFC 5849 section 3.
    """

    def __init__(
        self,
        signature_method: str,
        client_id: Text,
        client_secret: Text | None = None,
        *,
        token: Text | None = None,
        token_secret: Text | None = None,
        rsa_key: Any = None,
        passphrase: Text | None = None,
        realm: Text | None = None,
        version: str | None = "1.0",
        body_hash: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        family, hash_name = _method_row(signature_method)
        self.signature_method = signature_method
        self.client_id = _as_text("client_id", client_id)
        if not self.client_id:
            raise refusals.missing_client_id()
        self.token = _as_text("token", token) if token else None
        self.realm = None if realm is None else _as_text("realm", realm)
        if self.realm is not None and _HAS_CONTROL(self.realm):
            raise refusals.invalid_realm()
        self.version = version
        self.body_hash = bool(body_hash) and family != "plaintext"
        self.clock = clock
        self._hash_name = hash_name
        self._key = _hmac_key(client_secret, token_secret)
        self._rsa_key = _signing_key(hash_name, rsa_key, passphrase) if family == "rsa" else None
        self._keyed = _keyed_hashes(hash_name, self._key) if family == "hmac" else None
        constant = [("oauth_consumer_key", self.client_id)]
        if self.token is not None:
            constant.append(("oauth_token", self.token))
        constant.append(("oauth_signature_method", signature_method))
        if version is not None:
            constant.append(("oauth_version", _as_text("version", version)))
        self._constant = constant
        self._constant_encoded = [_encoded_pair(name, value) for name, value in constant]
        self._header_start = _header_start(self.realm) + _header_parameters(self._constant_encoded)

    def __repr__(self) -> str:
        return f"<Signer {self.signature_method} client_id={self.client_id!r} engine={ENGINE!r}>"

    @property
    def engine(self) -> str:
        """The engine that runs: ``"pure"`` or ``"native"``."""
        return ENGINE

    @property
    def key_bits(self) -> int:
        """The size of the RSA key in bits; 0 for the other methods."""
        return 0 if self._rsa_key is None else int(self._rsa_key.key_size)

    def authorization(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        parameters: ParameterPairs = (),
        nonce: str | None = None,
        timestamp: float | str | None = None,
    ) -> str:
        """The value of the ``Authorization`` header for one request.

        ``url`` is a ``yarl.URL`` (its raw parts are used) or text as it goes on the wire; ``body`` is bytes, text or
        ``None`` and enters the signature if ``content_type`` says that it is a form. ``parameters`` are further
        protocol parameters (``oauth_callback``, ``oauth_verifier`` …). ``nonce`` and ``timestamp`` default to 128
        random bits and the time now; a timestamp given as text is sent as it stands.

        Raises ``UnsignableRequestError`` and ``UsageError``. Spec: RFC 5849 section 3.5.1.
        """
        _, encoded, signature = self._signed(
            method, url, body, content_type, parameters, nonce, timestamp, allow_signature=False
        )
        escaped = _escape_base64(signature) if self._hash_name else escape(signature)
        return f'{self._header_start}, {_header_parameters(encoded)}, oauth_signature="{escaped}"'

    def parameters(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        parameters: ParameterPairs = (),
        nonce: str | None = None,
        timestamp: float | str | None = None,
    ) -> list[tuple[str, str]]:
        """The protocol parameters of one request with ``oauth_signature`` last, decoded, for query or body placement.

        Arguments as in ``authorization``. An ``oauth_signature`` that the URL or the form brings along is not signed:
        take it out before sending. Spec: RFC 5849 sections 3.5.2 and 3.5.3.
        """
        variable, _, signature = self._signed(
            method, url, body, content_type, parameters, nonce, timestamp, allow_signature=True
        )
        return [*self._constant, *variable, ("oauth_signature", signature)]

    def base_string(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        parameters: ParameterPairs = (),
        nonce: str | None = None,
        timestamp: float | str | None = None,
    ) -> str:
        """The text that is signed for one request. Arguments as in ``authorization``. Spec: RFC 5849 section 3.4.1."""
        form = _is_form(content_type)
        _, encoded = self._variable(body, form, parameters, nonce, timestamp)
        target, query = _split(url)
        pairs = _encoded_pairs(query) + (_encoded_pairs(_body_octets(body)) if form else [])
        return _join(method, target, self._constant_encoded + encoded + _without_signature(pairs))

    def sign_many(self, requests: Iterable[Sequence[Any]], *, threads: int | None = None) -> list[str]:
        """The ``Authorization`` values of many requests, in order.

        ``requests`` gives ``(method, url)``, ``(method, url, body)`` or ``(method, url, body, content_type)``.
        ``threads`` is the most threads to use; ``None`` takes one a processor. The pure engine uses threads for RSA
        only, since nothing else here runs outside the interpreter's lock. A refusal names the request's position.
        """
        _check_threads(threads)
        if not isinstance(requests, Iterable):
            raise refusals.wrong_type("requests", "an iterable", requests)
        batch = [_batch_row(position, request) for position, request in enumerate(requests)]
        if self._rsa_key is None or threads == 1 or len(batch) < 2:
            return [self._batch_item(position, row) for position, row in enumerate(batch)]
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            try:
                headers = pool.map(self._batch_item, range(len(batch)), batch)
            except RuntimeError:  # the system gives no further thread
                headers = map(self._batch_item, range(len(batch)), batch)
            return list(headers)

    def _batch_item(self, position: int, row: tuple[Any, Any, Any, Any]) -> str:
        try:
            return self.authorization(*row)
        except OAuthRegError as error:
            raise refusals.in_batch(position, error) from None

    def _signed(
        self,
        method: str,
        url: Any,
        body: Any,
        content_type: str | None,
        parameters: ParameterPairs,
        nonce: str | None,
        timestamp: float | str | None,
        *,
        allow_signature: bool,
    ) -> tuple[list[tuple[str, str]], list[str], str]:
        """What ``_variable`` gives, and the signature."""
        form = _is_form(content_type)
        variable, encoded = self._variable(body, form, parameters, nonce, timestamp)
        target, query = _split(url)
        pairs = _foreign_pairs(query, "query", allow_signature) if query else []
        if form:
            pairs += _foreign_pairs(_body_octets(body), "body", allow_signature)
        text = _join(method, target, [*self._constant_encoded, *encoded, *pairs])
        return variable, encoded, self._signature(text)

    def _variable(
        self,
        body: Any,
        form: bool,
        parameters: ParameterPairs,
        nonce: str | None,
        timestamp: float | str | None,
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """The protocol parameters that differ from request to request, decoded and encoded, without the signature."""
        if timestamp is None:
            clock = self.clock
            timestamp = time.time() if clock is None or getattr(clock, "is_system", False) else clock()
        is_own = nonce is None and not parameters and not isinstance(timestamp, str)
        if nonce is not None and not nonce:
            raise refusals.invalid_nonce()
        timestamp_text = _timestamp(timestamp)
        nonce_text = make_nonce() if nonce is None else _as_text("nonce", nonce)
        variable = [("oauth_timestamp", timestamp_text), ("oauth_nonce", nonce_text)]
        if parameters:
            variable += self._given_pairs(parameters)
        if is_own:  # digits and hexadecimal digits: nothing to escape
            encoded = [f"oauth_timestamp{_BETWEEN}{timestamp_text}", f"oauth_nonce{_BETWEEN}{nonce_text}"]
        else:
            encoded = [_encoded_pair(name, value) for name, value in variable]
        is_given = bool(parameters) and "oauth_body_hash" in dict(variable)
        if self.body_hash and not form and not is_given:
            value = body_hash(self.signature_method, body)
            variable.append(("oauth_body_hash", value))
            encoded.append(f"oauth_body_hash{_BETWEEN}{_escape_base64(value)}")
        return variable, encoded

    def _given_pairs(self, parameters: ParameterPairs) -> list[tuple[str, str]]:
        given = []
        taken = {"oauth_signature", "oauth_timestamp", "oauth_nonce", "realm", *(name for name, _ in self._constant)}
        for given_name, given_value in _pairs(parameters):
            name, value = _as_text("parameters", given_name), _as_text("parameters", given_value)
            if not name:
                raise refusals.unnamed_parameter()
            if name in taken:
                raise refusals.reserved_parameter(name)
            taken.add(name)
            given.append((name, value))
        return given

    def _signature(self, text: str) -> str:
        if self._keyed is not None:
            return _keyed_code(self._keyed, text)
        if self._rsa_key is not None:
            return _base64(_rsa_signature(self._hash_name, self._rsa_key, text.encode()))
        return self._key.decode()


class SignedRequest(metaclass=ABCMeta):  # noqa: PLW1641 - mappings have no hash
    """What a received request says of itself.

    ``parameters`` are all protocol parameters, decoded; ``placement`` is ``"header"``, ``"query"`` or ``"body"``, where
    they stood; ``realm`` is ``None`` without one, as is ``token``. Nothing of it can be changed. Until ``verify`` has
    returned it, none of this is proven. Those of the native engine are instances of this class, too.
    """

    __slots__ = ("_parts", "_read")
    __match_args__ = ("client_id", "token", "signature_method", "placement", "realm", "parameters")

    _parts: tuple[str, str | None, str, Placement, str | None, Mapping[str, str]] | None
    _read: tuple[dict[str, str], Placement, str | None]
    """Encoded parameters, placement and realm: decoded when somebody asks, which a check alone does not."""

    def __init__(
        self,
        client_id: str,
        token: str | None,
        signature_method: str,
        placement: Placement,
        realm: str | None,
        parameters: Mapping[str, str],
    ) -> None:
        self._parts = (client_id, token, signature_method, placement, realm, parameters)

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in ("client_id", "signature_method", "placement", "realm")]
        return f"SignedRequest({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SignedRequest):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in SignedRequest.__match_args__)

    @property
    def client_id(self) -> str:
        """The client identifier."""
        return (self._parts or self._decode())[0]

    @property
    def token(self) -> str | None:
        """The token; ``None`` without one, or for an empty one."""
        return (self._parts or self._decode())[1]

    @property
    def signature_method(self) -> str:
        """The signature method."""
        return (self._parts or self._decode())[2]

    @property
    def placement(self) -> Placement:
        """Where the protocol parameters stood."""
        return (self._parts or self._decode())[3]

    @property
    def realm(self) -> str | None:
        """The realm that stood in the header."""
        return (self._parts or self._decode())[4]

    @property
    def parameters(self) -> Mapping[str, str]:
        """All protocol parameters, decoded."""
        return (self._parts or self._decode())[5]

    def _decode(self) -> tuple[str, str | None, str, Placement, str | None, Mapping[str, str]]:
        encoded, placement, realm = self._read
        parameters = {name: _decoded(value) for name, value in encoded.items()}
        self._parts = parts = (
            parameters["oauth_consumer_key"],
            parameters.get("oauth_token") or None,
            parameters["oauth_signature_method"],
            placement,
            realm,
            MappingProxyType(parameters),
        )
        return parts


class Verifier:
    """Checks received requests against the keys of one client and one token, or against those that ``lookup`` gives.

    The arguments are those of ``verify``, each demanded and checked: a tuple of names, whether a body hash is needed, a
    finite number. ``decide`` is given what the engine leaves alone, which is every request that has an unusual form or
    that may have to be refused: it returns the request or words the refusal.

    Spec: RFC 5849 section 3.2.
    """

    __slots__ = (
        "__weakref__",
        "_client_secret",
        "_decide",
        "_is_new_nonce",
        "_keyed",
        "_lookup",
        "_needs_body_hash",
        "_rsa_key",
        "_signature_methods",
        "_token_secret",
        "_window",
    )

    def __init__(
        self,
        client_secret: Text | None,
        token_secret: Text | None,
        rsa_key: Any,
        lookup: Callable[[SignedRequest], Any] | None,
        signature_methods: tuple[str, ...],
        needs_body_hash: bool,
        window: float,
        is_new_nonce: Callable[[SignedRequest], bool] | None,
        decide: Callable[..., SignedRequest],
    ) -> None:
        self._client_secret, self._token_secret, self._rsa_key = client_secret, token_secret, rsa_key
        self._lookup = lookup
        self._signature_methods = signature_methods
        self._needs_body_hash = needs_body_hash
        self._window = window
        self._is_new_nonce = is_new_nonce
        self._decide = decide
        self._keyed: dict[str, tuple[Any, Any]] = {}

    def __repr__(self) -> str:
        return f"<Verifier engine={ENGINE!r}>"

    @property
    def engine(self) -> str:
        """The engine that runs: ``"pure"`` or ``"native"``."""
        return ENGINE

    def verify(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        authorization: str | None = None,
        now: float | None = None,
    ) -> SignedRequest:
        """The request's own word, once its signature is proven.

        Arguments, answer and refusals as in the function ``verify``. Spec: RFC 5849 section 3.2.
        """
        lookup = self._lookup
        secrets = (self._client_secret, self._token_secret, self._rsa_key) if lookup is None else None
        try:
            read = _read_request(
                method, url, body, content_type, authorization, self._signature_methods, self._needs_body_hash,
                now if now is None or type(now) is float else _seconds("now", now), self._window,
            )  # fmt: skip
        except OAuthRegError:
            read = None
        if read is not None:
            request, signature_method, signature, text = read
            if lookup is not None:
                secrets = _look_up(lookup, request)
            if self._is_right(signature_method, signature, text, secrets):
                if self._is_new_nonce is not None:
                    _check_nonce(self._is_new_nonce, request, text)
                return request
        received = (ENGINE, method, url, body, content_type, authorization)
        return self._decide(
            received, secrets, lookup, self._signature_methods, self._needs_body_hash, now, self._window,
            self._is_new_nonce,
        )  # fmt: skip

    def _is_right(self, signature_method: str, signature: str, text: str, secrets: Any) -> bool:
        """Whether the escaped signature is that of the base string, compared in constant time."""
        family, hash_name = SIGNATURE_METHODS[signature_method]
        try:
            keyed = self._keyed.get(hash_name) if family == "hmac" else None
            if keyed is None and not _has_key(signature_method, secrets[0], secrets[2]):
                return False
            if family != "hmac":
                return check_signature(signature_method, text, _decoded(signature), *secrets)
            if keyed is None:
                keyed = _keyed_hashes(hash_name, _hmac_key(*secrets[:2]))
                if self._lookup is None:
                    self._keyed[hash_name] = keyed
        except OAuthRegError:
            return False
        return _hmac.compare_digest(_escape_base64(_keyed_code(keyed, text)), signature)


def escape(value: Text) -> str:
    """``value`` percent-encoded: everything but letters, digits, ``-``, ``.``, ``_`` and ``~``, in upper-case hex.

    Text is encoded as UTF-8 first. Spec: RFC 5849 section 3.6.
    """
    if isinstance(value, str):
        if _IS_UNRESERVED(value):
            return value
        value = _octets("value", value)
    elif not isinstance(value, (bytes, bytearray, memoryview)):
        raise refusals.wrong_type("value", "text or bytes", value)
    return "".join([_ESCAPED[octet] for octet in bytes(value)])


def unescape(value: Text) -> bytes:
    """The octets of percent-encoded ``value``. A ``%`` without two hex digits stands for itself; ``+`` too."""
    if not isinstance(value, (str, bytes, bytearray, memoryview)):
        raise refusals.wrong_type("value", "text or bytes", value)
    return unquote_to_bytes(_octets("value", value) if isinstance(value, str) else bytes(value))


def parse_parameters(text: Text) -> list[tuple[bytes, bytes]]:
    """The names and values in a query or form body, decoded, in order; empty pieces give nothing.

    ``+`` is a space, ``;`` separates nothing, a ``%`` without two hex digits stands for itself.

    Spec: RFC 5849 section 3.4.1.3.1 (which takes the decoding from the W3C's form encoding).
    """
    if not isinstance(text, (str, bytes, bytearray, memoryview)):
        raise refusals.wrong_type("text", "text or bytes", text)
    data = _octets("text", text) if isinstance(text, str) else bytes(text)
    pairs = []
    for piece in data.replace(b"+", b" ").split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def normalize_parameters(parameters: ParameterPairs) -> str:
    """Decoded pairs as one text: encoded, sorted by octets (name, then value), joined.

    Spec: RFC 5849 section 3.4.1.3.2.
    """
    encoded = sorted([_encoded_pair(name, value) for name, value in _pairs(parameters)])
    return "&".join(encoded).replace(_BETWEEN, "=")


def base_uri(url: Any) -> str:
    """The URL as it enters the base string: lower-case scheme and host, no default port, the path as sent, no query.

    Octets that no request target can hold (space, controls, non-ASCII) are escaped. Raises ``UsageError``.

    Spec: RFC 5849 section 3.4.1.2.
    """
    return _uri(_split(url)[0])


def base_string(
    method: str, url: Any, parameters: ParameterPairs, body: Any = None, content_type: str | None = None
) -> str:
    """The signature base string of a request with the given protocol parameters.

    ``parameters`` are decoded pairs; the query of ``url`` and a form body are added to them, and ``oauth_signature``
    from any place is left out. Raises ``UsageError`` and ``UnsignableRequestError``. Spec: RFC 5849 section 3.4.1.
    """
    target, query = _split(url)
    pairs = [_encoded_pair(name, value) for name, value in _pairs(parameters)]
    pairs += _encoded_pairs(query)
    if _is_form(content_type):
        pairs += _encoded_pairs(_body_octets(body))
    return _join(method, target, _without_signature(pairs))


def body_hash(signature_method: str, body: Any) -> str:
    """The value of ``oauth_body_hash``: the hash of the signature method over the body, in base64.

    ``body`` is bytes, text (as UTF-8) or ``None`` for an empty one. PLAINTEXT has no hash and is refused.
    """
    hash_name = _method_row(signature_method)[1]
    if not hash_name:
        raise refusals.unknown_signature_method(
            signature_method, tuple(name for name, row in SIGNATURE_METHODS.items() if row[1])
        )
    return _base64(_HASHES[hash_name](_body_octets(body), usedforsecurity=False).digest())


def sign_base_string(
    signature_method: str,
    text: str,
    client_secret: Text | None = None,
    token_secret: Text | None = None,
    rsa_key: Any = None,
    passphrase: Text | None = None,
) -> str:
    """The signature over a base string, in base64 (for PLAINTEXT: the two escaped secrets).

    Spec: RFC 5849 sections 3.4.2 to 3.4.4.
    """
    family, hash_name = _method_row(signature_method)
    if family == "plaintext":
        return _hmac_key(client_secret, token_secret).decode()
    message = _octets("text", _text_only("text", text))
    if family == "hmac":
        digest = hmac(hash_name, _hmac_key(client_secret, token_secret), message)
    else:
        digest = _rsa_signature(hash_name, _signing_key(hash_name, rsa_key, passphrase), message)
    return _base64(digest)


def check_signature(
    signature_method: str,
    text: str,
    signature: str,
    client_secret: Text | None = None,
    token_secret: Text | None = None,
    rsa_key: Any = None,
) -> bool:
    """Whether ``signature`` is right for the base string ``text``, compared in constant time.

    Base64 in any other spelling than the canonical one (line breaks, stray bits, no padding) is wrong. ``rsa_key`` is
    a public key, a certificate or a private key in any form that ``keys.load_public_key`` reads.

    Spec: RFC 5849 section 3.2.
    """
    family, hash_name = _method_row(signature_method)
    claimed = _text_only("signature", signature).encode("utf-8", "surrogatepass")
    if family == "rsa":
        if rsa_key is None:
            raise refusals.missing_key(signature_method)
        message = _octets("text", _text_only("text", text))
        try:
            decoded = base64.b64decode(claimed, validate=True)
        except ValueError:
            return False
        return base64.b64encode(decoded) == claimed and rsa_verify(hash_name, rsa_key, message, decoded)
    expected = sign_base_string(signature_method, text, client_secret, token_secret)
    return _hmac.compare_digest(expected.encode(), claimed)


def _has_key(signature_method: str, client_secret: Text | None, rsa_key: Any) -> bool:
    """Whether there is a key of the kind that the method takes. An empty secret is none beside another key.

    Spec: RFC 5849 section 3.4.2 (an empty secret), section 4 (PLAINTEXT and RSA need other credentials).
    """
    if SIGNATURE_METHODS[signature_method][0] == "rsa":
        return rsa_key is not None
    return bool(client_secret) or (client_secret is not None and rsa_key is None)


def verify(
    method: str,
    url: Any,
    body: Any,
    content_type: str | None,
    authorization: str | None,
    client_secret: Text | None,
    token_secret: Text | None,
    rsa_key: Any,
    lookup: Callable[[SignedRequest], Any] | None,
    signature_methods: tuple[str, ...],
    needs_body_hash: bool,
    now: float | None,
    window: float,
    is_new_nonce: Callable[[SignedRequest], bool] | None,
    decide: Callable[..., SignedRequest],
) -> SignedRequest:
    """The request's own word, once its signature is proven.

    The arguments are those of a ``Verifier`` and of its method ``verify``, each demanded; it answers and refuses in the
    same way, and nothing is kept. Spec: RFC 5849 section 3.2.
    """
    verifier = Verifier(
        client_secret, token_secret, rsa_key, lookup, signature_methods, needs_body_hash, window, is_new_nonce, decide
    )
    return verifier.verify(method, url, body, content_type, authorization=authorization, now=now)


def hmac(hash_name: str, key: bytes, message: bytes) -> bytes:
    """The HMAC of ``message``; ``hash_name`` is ``sha1``, ``sha256`` or ``sha512``. Spec: RFC 2104."""
    _check_hash(hash_name)
    return _finish(*_keyed_hashes(hash_name, key), message)


def rsa_sign(hash_name: str, key: Any, message: bytes) -> bytes:
    """The RSASSA-PKCS1-v1_5 signature of ``message``; ``key`` is anything that ``keys.load_private_key`` reads.

    Spec: RFC 8017 section 8.2.1.
    """
    _check_hash(hash_name)
    return _rsa_signature(hash_name, _signing_key(hash_name, key), message)


def rsa_verify(hash_name: str, key: Any, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is the RSASSA-PKCS1-v1_5 signature of ``message``. Spec: RFC 8017 section 8.2.2."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding

    _check_hash(hash_name)
    try:
        keys.load_public_key(key).verify(signature, message, padding.PKCS1v15(), _cryptography_hash(hash_name))
    except InvalidSignature:
        return False
    return True


def make_nonce() -> str:
    """A nonce: 128 bits from the operating system as 32 hexadecimal digits, different in every forked process."""
    return os.urandom(16).hex()


def _method_row(signature_method: Any) -> tuple[str, str]:
    row = SIGNATURE_METHODS.get(signature_method) if isinstance(signature_method, str) else None
    if row is None:
        raise refusals.unknown_signature_method(str(signature_method), tuple(SIGNATURE_METHODS))
    return row


def _check_hash(hash_name: str) -> None:
    if hash_name not in _DIGEST_INFO:
        raise refusals.unknown_hash(hash_name, tuple(_DIGEST_INFO))


def _signing_key(hash_name: str, rsa_key: Any, passphrase: Text | None = None) -> Any:
    signature_method = f"RSA-{hash_name.upper()}"
    if rsa_key is None:
        raise refusals.missing_key(signature_method)
    key = keys.load_private_key(rsa_key, passphrase)
    if (key.key_size + 7) // 8 < _DIGEST_INFO[hash_name] + _LEAST_PADDING:
        raise refusals.short_key(signature_method, key.key_size)
    return key


def _rsa_signature(hash_name: str, key: Any, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        signature: bytes = key.sign(message, padding.PKCS1v15(), _cryptography_hash(hash_name))
    except ValueError:
        raise refusals.unusable_key() from None
    return signature


@lru_cache(maxsize=8)
def _cryptography_hash(hash_name: str) -> Any:
    from cryptography.hazmat.primitives import hashes

    return getattr(hashes, hash_name.upper())()


def _hmac_key(client_secret: Text | None, token_secret: Text | None) -> bytes:
    client = escape(_as_text("client_secret", client_secret)) if client_secret else ""
    token = escape(_as_text("token_secret", token_secret)) if token_secret else ""
    return f"{client}&{token}".encode()


def _keyed_hashes(hash_name: str, key: bytes) -> tuple[Any, Any]:
    """The inner and the outer hash of HMAC with the key absorbed; a message is hashed by copies of them.

    Spec: RFC 2104 section 2; that the two are kept is section 4.
    """
    new, block_size = _HASHES[hash_name], _BLOCKS[hash_name]
    if len(key) > block_size:
        key = new(key, usedforsecurity=False).digest()
    block = key.ljust(block_size, b"\0")
    return (
        new(block.translate(_INNER_PAD), usedforsecurity=False),
        new(block.translate(_OUTER_PAD), usedforsecurity=False),
    )


def _keyed_code(keyed: tuple[Any, Any], text: str) -> str:
    """The HMAC of a text in base64."""
    inner, outer = keyed
    return _base64(_finish(inner.copy(), outer.copy(), text.encode()))


def _finish(inner: Any, outer: Any, message: bytes) -> bytes:
    """The HMAC of a message out of its two hashes, which are used up."""
    inner.update(message)
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest


def _read_request(
    method: str,
    url: Any,
    body: Any,
    content_type: str | None,
    authorization: Any,
    signature_methods: tuple[str, ...],
    needs_body_hash: bool,
    now: float | None,
    window: float,
) -> tuple[SignedRequest, str, str, str] | None:
    """A request of the usual form that meets all that is asked before its keys are known; ``None`` for any other.

    With its signature method, its signature, still escaped, and its base string. Arguments as in ``verify``; ``now`` is
    a float.
    """
    own: list[str] = []
    realm = None
    if authorization:
        header = _IS_PLAIN_HEADER(authorization) if isinstance(authorization, str) else None
        if header is None:
            return None
        realm, text = header.groups()
        own = text[:-1].replace(" ", "").replace('="', _BETWEEN).split('",')
    target, query = _split(url)
    form = _is_form(content_type)
    pairs = list(own)
    placement: Placement = "header"
    places: list[tuple[Placement, Text]] = [("query", query), ("body", _body_octets(body) if form else "")]
    for place, data in places:
        if not data:
            continue
        found = _encoded_pairs(data)
        protocol = [pair for pair in found if pair.startswith("oauth_")]
        if protocol:
            if own:
                return None
            placement, own = place, protocol
        pairs += found
    encoded = dict([pair.split(_BETWEEN) for pair in own])
    if len(encoded) < len(own) or (placement != "header" and "%" in "".join(encoded)):
        return None
    signature_method = _claimed_method(encoded, signature_methods, now, window)
    if signature_method is None or not _covers_body(encoded, signature_method, body, form, needs_body_hash):
        return None
    if signature_method == "PLAINTEXT" and target.scheme != "https":
        return None
    request = SignedRequest.__new__(SignedRequest)
    request._parts, request._read = None, (encoded, placement, realm)  # noqa: SLF001 - decoded when somebody asks
    signature = encoded["oauth_signature"]
    pairs.remove(_SIGNATURE + signature)
    return request, signature_method, signature, _join(method, target, pairs)


def _claimed_method(
    encoded: Mapping[str, str], allowed: tuple[str, ...], now: float | None, window: float
) -> str | None:
    """The signature method of a request whose claims are complete and accepted."""
    claimed = encoded.get
    signature_method, timestamp = claimed("oauth_signature_method", ""), claimed("oauth_timestamp")
    if not (claimed("oauth_consumer_key") and claimed("oauth_signature")) or signature_method not in SIGNATURE_METHODS:
        return None
    if signature_method != "PLAINTEXT" and not (timestamp and claimed("oauth_nonce")):
        return None
    if timestamp is None:
        if now is not None and not isfinite(now):
            return None
    elif not _IS_POSITIVE(timestamp) or (now is not None and not abs(int(timestamp) - now) <= window):
        return None
    if claimed("oauth_version", "1.0") != "1.0" or signature_method not in allowed:
        return None
    return signature_method


def _covers_body(encoded: Mapping[str, str], signature_method: str, body: Any, form: bool, needed: bool) -> bool:
    """Whether the body hash is right, or missing where it may."""
    claimed = encoded.get("oauth_body_hash")
    if claimed is None:
        return form or not needed
    if form:
        return False
    if signature_method == "PLAINTEXT":
        return not needed
    return _hmac.compare_digest(_escape_base64(body_hash(signature_method, body)), claimed)


def _look_up(lookup: Callable[[SignedRequest], Any], request: SignedRequest) -> tuple[Any, Any, Any]:
    """The keys that ``lookup`` gives: client secret, token secret, RSA key."""
    keys = lookup(request)
    try:
        return keys.client_secret, keys.token_secret, keys.rsa_key
    except AttributeError:
        raise refusals.no_keys(keys) from None


def _check_nonce(is_new_nonce: Callable[[SignedRequest], bool], request: SignedRequest, text: str) -> None:
    """Asks for the nonce, if there is one and the timestamp that it belongs to: PLAINTEXT may do without."""
    given = request.parameters
    if given.get("oauth_nonce") and given.get("oauth_timestamp"):
        answer = is_new_nonce(request)
        if answer is not True:
            raise refusals.no_new_nonce(answer, text)


def _seconds(name: str, value: Any) -> float:
    """A finite number."""
    try:
        if isfinite(value):
            return float(value)
    except TypeError:
        raise refusals.wrong_type(name, "a number of seconds", value) from None
    except (OverflowError, ValueError):  # too large, a signalling NaN
        pass
    raise refusals.not_finite(name)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text


def _header_parameters(encoded: list[str]) -> str:
    return '", '.join(encoded).replace(_BETWEEN, '="') + '"'


def _header_start(realm: str | None) -> str:
    if realm is None:
        return "OAuth "
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'OAuth realm="{quoted}", '


def _timestamp(value: Any) -> str:
    if isinstance(value, (int, float)) and 1 <= value < 2**63:
        return str(int(value))
    if isinstance(value, str) and value:
        return _as_text("timestamp", value)
    raise refusals.invalid_timestamp(value)


def _split(url: Any) -> tuple[_Target, str]:
    """Target and query of a URL as they stand on the wire, from a ``yarl.URL`` or from text."""
    if isinstance(url, str):
        target, _, query = url.partition("#")[0].partition("?")
        return (_known_target if len(target) <= _REMEMBERED_TARGET else _parse_target)(target), query
    try:
        scheme, host, port = url.scheme, url.raw_host, url.explicit_port
        path, query = url.raw_path, url.raw_query_string
    except AttributeError:
        raise refusals.wrong_type("url", "text or a `yarl.URL`", url) from None
    except ValueError:  # a `yarl.URL` made with `encoded=True` looks at its port only now
        raise refusals.invalid_url(f"{url.scheme}://", _BAD_PORT) from None
    # yarl writes the Host header without the dots at the end of a name, so they are not signed either.
    host = host.rstrip(".") if host else ""
    if not host:
        raise refusals.invalid_url(str(url), "it has no host")
    parts = scheme.lower(), f"[{host}]" if ":" in host else host, port, path or "/"
    return (_known_parts if len(path) <= _REMEMBERED_TARGET else _Target)(*parts), query


def _parse_target(text: str) -> _Target:
    match = _TARGET(text)
    if match is None:
        raise refusals.invalid_url(text, "it has no scheme and host")
    scheme, authority, path = match.groups()
    host, colon, port = authority.rpartition("@")[2].rpartition(":")
    if not colon or "]" in port:
        host, port = host + colon + port, ""
    if not host:
        raise refusals.invalid_url(text, "it has no host")
    if not port:
        return _Target(scheme.lower(), host, None, path or "/")
    if not _IS_DIGITS(port) or len(port.lstrip("0")) > 5 or int(port) > _MOST_PORTS:
        # What stands there may be a password whose user forgot the host.
        raise refusals.invalid_url(f"{scheme}://{host}", _BAD_PORT)
    return _Target(scheme.lower(), host, int(port), path or "/")


# A client asks the same few resources again and again, and what is before the query is most of the work of a small one.
_known_target = lru_cache(maxsize=512)(_parse_target)
_known_parts = lru_cache(maxsize=512)(_Target)


@lru_cache(maxsize=512)
def _root(scheme: str, host: str, port: int | None) -> str:
    """Scheme, host and port that is not the default one."""
    if scheme not in _DEFAULT_PORTS:
        raise refusals.invalid_url(f"{scheme}://{host}", "its scheme is neither http nor https")
    host = host_a_label(host, scheme)
    return f"{scheme}://{host}" if port is None or port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def host_a_label(host: str, scheme: str = "https") -> str:
    """The host in lower case, an internationalised name as its A-label. Spec: RFC 5891 section 4."""
    if host.isascii():
        if not (_IS_IP_LITERAL(host) or _IS_HOST(host)):
            raise refusals.invalid_url(f"{scheme}://{host}", "its host is no host name or address")
        return host.lower()
    import idna

    try:
        label = idna.encode(host, uts46=True).decode()
    except UnicodeError:
        # Names outside IDNA 2008, such as one with an underscore: yarl falls back to the rules of 2003 as well.
        label = _a_label_of_2003(host)
    if not _IS_HOST(label):
        raise refusals.invalid_url(f"{scheme}://{host}", "its host is no host name or address")
    return label


def _a_label_of_2003(host: str) -> str:
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return ""


def _path(path: str) -> str:
    if _NEEDS_ESCAPE_IN_PATH.search(path) is None:
        return path
    octets = _octets("url", path).decode("latin-1")
    return _NEEDS_ESCAPE_IN_PATH.sub(lambda found: f"%{ord(found[0]):02X}", octets)


def _uri(target: _Target) -> str:
    return _root(target.scheme, target.host, target.port) + _path(target.path)


def _escape_uri(target: _Target) -> str:
    target.escaped_uri = uri = escape(_uri(target))
    return uri


def _join(method: str, target: _Target, encoded: list[str]) -> str:
    encoded.sort()
    # The pairs hold nothing but unreserved characters, escapes and the separators: three replacements escape them.
    text = "&".join(encoded).replace("%", "%25").replace(_BETWEEN, "%3D").replace("&", "%26")
    uri = target.escaped_uri or _escape_uri(target)
    return f"{_known_method(_text_only('method', method))}&{uri}&{text}"


def _base64(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode()


def _escape_base64(value: str) -> str:
    return value.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


def _method(method: str) -> str:
    if not _IS_TOKEN(method):
        raise refusals.invalid_method(method)
    return escape(method.upper())


_known_method = lru_cache(maxsize=32)(_method)


def _encoded_pair(name: Text, value: Text) -> str:
    return f"{escape(name)}{_BETWEEN}{escape(value)}"


def _encoded_pairs(data: Text) -> list[str]:
    """The pairs of a query or form body, decoded and encoded again; text that is encoded already is left alone."""
    if isinstance(data, str):
        text = data if data.isascii() else _octets("url", data).decode("latin-1")
    else:
        text = data.decode("latin-1")
    if not text:
        return []
    text = text.replace("+", "%20")
    if _IS_ENCODED_FORM(text):
        return text.replace("=", _BETWEEN).split("&")
    pieces = [piece.partition("=") for piece in text.split("&") if piece]
    return [f"{_recoded(name)}{_BETWEEN}{_recoded(value)}" for name, _, value in pieces]


def _recoded(text: str) -> str:
    return text if _IS_ENCODED(text) else escape(unquote_to_bytes(text.encode("latin-1")))


def _foreign_pairs(data: Text, place: str, allow_signature: bool) -> list[str]:
    """The pairs of query or body, refused if one is a protocol parameter (RFC 5849 section 3.5)."""
    pairs = _encoded_pairs(data)
    for pair in pairs:
        if pair.startswith("oauth_") and not (allow_signature and pair.startswith(_SIGNATURE)):
            name = unquote_to_bytes(pair.partition(_BETWEEN)[0]).decode("utf-8", "replace")
            raise refusals.protocol_parameters_in_request(name, place)
    return _without_signature(pairs) if allow_signature else pairs


def _without_signature(pairs: list[str]) -> list[str]:
    return [pair for pair in pairs if not pair.startswith(_SIGNATURE)]


def _is_form(content_type: str | None) -> bool:
    """Whether the media type, without its parameters, is the form type."""
    if content_type is None:
        return False
    return _text_only("content_type", content_type).partition(";")[0].strip(" \t").lower() == _FORM


def _body_octets(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return _octets("body", body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise refusals.unsignable_body(type(body).__name__)


def _check_threads(threads: Any) -> None:
    if threads is not None and not (isinstance(threads, int) and threads > 0):
        raise refusals.invalid_threads(threads)


def _batch_row(position: int, request: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
    row = tuple(request) if isinstance(request, (tuple, list)) else ()
    if not 2 <= len(row) <= 4:
        raise refusals.in_batch(position, refusals.wrong_type("requests", "(method, url, body, content_type)", request))
    return (*row, None, None)[:4]


def _pairs(parameters: Any) -> list[tuple[Text, Text]]:
    if not isinstance(parameters, Iterable):
        raise refusals.wrong_type("parameters", "pairs of a name and a value", parameters)
    items = list(parameters.items() if isinstance(parameters, Mapping) else parameters)
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise refusals.wrong_type("parameters", "pairs of a name and a value", item)
    return items


def _as_text(name: str, value: Text) -> str:
    if isinstance(value, str):
        if value.isascii():
            return value
        _octets(name, value)
        return value
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise refusals.not_utf8(name) from None
    raise refusals.wrong_type(name, "text or bytes", value)


def _text_only(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise refusals.wrong_type(name, "text", value)
    return value


def _octets(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise refusals.lone_surrogate(name) from None
