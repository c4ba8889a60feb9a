"""Signatures over requests that are no part of OAuth: a digest, an HMAC or an RSA signature of what a request holds.

What is signed, with what, and where it goes is data (``RequestSignature``).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oauthreg.legs import append_query, render_form
from oauthreg.messages import Pairs, Request
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import RequestSignature
from oauthreg.records import replace
from oauthreg.signing._pure import rsa_sign
from oauthreg.signing.keys import load_private_key

_FORM = "application/x-www-form-urlencoded"


def sign_request(
    request: Request, rule: RequestSignature, client: ClientIdentity, *, access_token: str = ""
) -> Request:
    """The request with its signature: a parameter where its parameters are, or a header.

    Raises ``MissingCredentialError`` for a secret or key that is not there, and ``InvalidKeyError``.
    """
    stamped, stamp = _stamped(rule, client)
    if rule.header is None:
        request = _with_parameters(request, stamped)
    url, body = request.url, _body(request)
    parameters = [*_query(url), *(request.form or ()), *_members(request)]
    signature = make_signature(
        rule, client, url=url, parameters=parameters, body=body, access_token=access_token, timestamp=stamp
    )
    if rule.header is None:
        return _with_parameters(request, [(rule.parameter, signature)])
    return replace(request, headers=(*request.headers, *stamped, (rule.header, signature)))


def sign_call(
    rule: RequestSignature,
    client: ClientIdentity,
    *,
    url: str,
    body: bytes | None,
    content_type: str | None,
    access_token: str,
) -> tuple[str, Pairs]:
    """URL and headers of an API call with its signature; what is a parameter goes into the query. Raises as above."""
    stamped, stamp = _stamped(rule, client)
    if rule.header is None:
        url = append_query(url, stamped)
    text = (body or b"").decode("utf-8", "replace")
    is_form = (content_type or "").partition(";")[0].strip().lower() == _FORM
    parameters = [*_query(url), *(parse_qsl(text, keep_blank_values=True) if is_form else ())]
    signature = make_signature(
        rule, client, url=url, parameters=parameters, body=text, access_token=access_token, timestamp=stamp
    )
    if rule.header is None:
        return append_query(url, [(rule.parameter, signature)]), ()
    return url, (*stamped, (rule.header, signature))


def make_signature(
    rule: RequestSignature,
    client: ClientIdentity,
    *,
    url: str,
    parameters: Iterable[tuple[str, str]],
    body: str,
    access_token: str,
    timestamp: str,
) -> str:
    """The signature alone; ``parameters`` are those of query and body together, decoded."""
    given = [pair for pair in parameters if pair[0] not in (*rule.without, rule.parameter)]
    named = dict(given)

    def value(kind: str, name: str) -> str:
        match kind, name:
            case "text", _:
                return name
            case "param", _:
                return named.get(name, "")
            case _, "params":
                return rule.joint.join(f"{key}{rule.pair}{item}" for key, item in sorted(given))
            case _, "client_secret":
                return client.secret("sign")
            case _, "session_secret":
                return hashlib.md5(f"{access_token}{client.secret('sign')}".encode()).hexdigest()  # noqa: S324
        return {
            "access_token": access_token,
            "body": body,
            "client_id": client.client_id,
            "path": urlsplit(url).path,
            "timestamp": timestamp,
        }[name]

    message = "".join(value(kind, name) for kind, name in rule.over).encode("utf-8", "surrogatepass")
    digest = _digest(rule, client, access_token, message)
    if rule.encoding == "base64":
        return base64.b64encode(digest).decode()
    return digest.hex().upper() if rule.encoding == "hex-upper" else digest.hex()


def _digest(rule: RequestSignature, client: ClientIdentity, access_token: str, message: bytes) -> bytes:
    family, _, name = rule.algorithm.rpartition("-")
    if family == "rsa":
        return rsa_sign(name, load_private_key(client.key("sign"), client.passphrase), message)
    if family == "hmac":
        key = access_token if rule.key == "access_token" else client.secret("sign")
        return hmac.digest(key.encode(), message, name)
    return hashlib.new(name, message).digest()


def _stamped(rule: RequestSignature, client: ClientIdentity) -> tuple[Pairs, str]:
    """The time as the pair that carries it, and as text."""
    stamp = str(int(client.now() * (1000 if rule.timestamp_unit == "ms" else 1)))
    return ((rule.timestamp, stamp),) if rule.timestamp else (), stamp


def _with_parameters(request: Request, pairs: Iterable[tuple[str, str]]) -> Request:
    if request.form is not None:
        return replace(request, form=(*request.form, *pairs))
    members = _document(request)
    if members is not None:
        return replace(request, body=json.dumps({**members, **dict(pairs)}).encode())
    return replace(request, url=append_query(request.url, pairs))


def _document(request: Request) -> Mapping[str, Any] | None:
    """The JSON object that a request carries, if it does."""
    is_json = any(pair == ("Content-Type", "application/json") for pair in request.headers)
    found = json.loads(request.body) if is_json and request.body else None
    return found if isinstance(found, dict) else None


def _members(request: Request) -> list[tuple[str, str]]:
    return [(name, item) for name, item in (_document(request) or {}).items() if isinstance(item, str)]


def _body(request: Request) -> str:
    if request.form is not None:
        return render_form(request.form)
    return (request.body or b"").decode()


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)
