"""Every refusal of the signing floor, worded once for both engines.

The functions return the exception; the engines raise it. None of them shows a query, a body, a key or a secret.
"""

from collections.abc import Awaitable, Coroutine
from difflib import get_close_matches

from oauthreg.errors import (
    InvalidKeyError,
    MissingCredentialError,
    OAuthRegError,
    UnsignableRequestError,
    UnsupportedMethodError,
    UsageError,
    VerificationError,
    quoted,
)

_SHOWN = 80


def wrong_type(name: str, wanted: str, value: object) -> UsageError:
    """An argument of a type that cannot be signed."""
    return UsageError(f"`{name}` must be {wanted}: {type(value).__name__}", code="wrong-type")


def wrong_answer(name: str, wanted: str, answer: object) -> UsageError:
    """What a callback returned and nobody can use. A coroutine is closed, since nobody will await it."""
    if isinstance(answer, Coroutine):
        answer.close()
    return UsageError(
        f"`{name}` must return {wanted}: {type(answer).__name__}",
        code="wrong-type",
        hint="it is called without `await`: ask what is asynchronous before or after the check"
        if isinstance(answer, Awaitable)
        else "",
    )


def not_finite(name: str) -> UsageError:
    """A number with which nothing can be compared, or anything."""
    return UsageError(f"`{name}` must be a finite number of seconds", code="not-finite")


def unknown_body_hash(value: object) -> UsageError:
    """A word that does not say whether a body hash is required."""
    return UsageError(f'`body_hash` must be "optional" or "required": {quoted(value)}', code="unknown-body-hash")


def lone_surrogate(name: str) -> UsageError:
    """Text that has no UTF-8 form."""
    return UsageError(
        f"`{name}` holds a lone surrogate, which UTF-8 cannot carry",
        code="lone-surrogate",
        hint="pass the bytes themselves instead of text made with `surrogateescape`",
    )


def not_utf8(name: str) -> UsageError:
    """Bytes that must be text and are not."""
    return UsageError(f"`{name}` is not UTF-8", code="not-utf8")


def unknown_signature_method(name: str, known: tuple[str, ...]) -> UnsupportedMethodError:
    """A signature method that is in no table."""
    close = get_close_matches(name.upper(), known, 1)
    hint = f"did you mean `{close[0]}`?" if close else ""
    return UnsupportedMethodError(
        f"unknown signature method: {_cut(name)!r} (known: {', '.join(known)})",
        code="unknown-signature-method",
        hint=hint,
    )


def unknown_hash(name: str, known: tuple[str, ...]) -> UnsupportedMethodError:
    """A hash that no signature method uses."""
    return UnsupportedMethodError(f"unknown hash: {_cut(str(name))!r} (known: {', '.join(known)})", code="unknown-hash")


def missing_client_id() -> MissingCredentialError:
    """A signer without a client."""
    return MissingCredentialError(
        "`client_id` is empty", code="missing-client-id", hint="pass the client identifier (consumer key)"
    )


def missing_key(signature_method: str) -> MissingCredentialError:
    """An RSA method without a key."""
    return MissingCredentialError(
        f"{signature_method} needs `rsa_key`",
        code="missing-key",
        hint="pass PEM or DER, a path object, or a private key of the cryptography package",
    )


def short_key(signature_method: str, bits: int) -> InvalidKeyError:
    """An RSA key whose modulus cannot hold the signature block."""
    return InvalidKeyError(
        f"the RSA key is too short for {signature_method}: {bits} bits",
        code="short-key",
        hint="use at least 2048 bits",
    )


def unusable_key() -> InvalidKeyError:
    """An RSA key whose numbers fit together and with which nothing can be signed, such as one with an even prime."""
    return InvalidKeyError(
        "the private key cannot sign", code="unusable-key", hint="the key is damaged: export it again"
    )


def invalid_method(method: str) -> UsageError:
    """An HTTP method that is no token (RFC 9110 section 9.1)."""
    return UsageError(
        f"the HTTP method must be letters, digits or any of !#$%&'*+-.^_`|~: {_cut(method)!r}", code="invalid-method"
    )


def invalid_url(url: str, reason: str) -> UsageError:
    """A URL over which no base string can be made."""
    return UsageError(
        f"the URL cannot be signed, {reason}: {_without_secrets(url)!r}",
        code="invalid-url",
        hint="pass an absolute http or https URL",
    )


def invalid_nonce() -> UsageError:
    """A nonce that is empty."""
    return UsageError("`nonce` is empty", code="invalid-nonce", hint="leave it out to get a random one")


def invalid_timestamp(timestamp: object) -> UsageError:
    """A timestamp that is no positive integer (RFC 5849 section 3.3)."""
    return UsageError(
        f"`timestamp` must be a positive whole number of seconds: {_cut(str(timestamp))!r}", code="invalid-timestamp"
    )


def invalid_realm() -> UsageError:
    """A realm that no header can carry."""
    return UsageError("`realm` holds a control character, which no header can carry", code="invalid-realm")


def invalid_threads(threads: object) -> UsageError:
    """A number of threads with which nothing can run."""
    return UsageError(
        f"`threads` must be a positive whole number or `None`: {_cut(str(threads))!r}", code="invalid-threads"
    )


def unnamed_parameter() -> UsageError:
    """A protocol parameter that no header can carry."""
    return UsageError("a protocol parameter has no name", code="unnamed-parameter")


def reserved_parameter(name: str) -> UsageError:
    """A protocol parameter that the signer makes itself, or one given twice."""
    hints = {
        "oauth_nonce": "pass `nonce=`",
        "oauth_timestamp": "pass `timestamp=`",
        "realm": "pass `realm=` to the signer",
        "oauth_signature": "the signer makes it",
    }
    return UsageError(
        f"the protocol parameter stands twice: {_cut(name)!r}",
        code="duplicate-parameter",
        hint=hints.get(name, "give it in one place (RFC 5849 section 3.1)"),
    )


def protocol_parameters_in_request(name: str, place: str) -> UnsignableRequestError:
    """A request that brings protocol parameters of its own (RFC 5849 section 3.5)."""
    return UnsignableRequestError(
        f"the {place} already carries a protocol parameter: {_cut(name)!r}",
        code="protocol-parameters-in-request",
        hint=f"take it out of the {place}: signing adds those that it needs, and a `Signer` takes further ones as "
        "`parameters=`",
    )


def unsignable_body(kind: str) -> UnsignableRequestError:
    """A body whose bytes are needed and cannot be had."""
    return UnsignableRequestError(
        f"the signature covers the body, and this body cannot be read before it is sent: {kind}",
        code="unsignable-body",
        hint="pass bytes or text: the signature covers every form, and other bodies with a body hash or body placement",
    )


def no_keys(answer: object) -> OAuthRegError:
    """What a lookup returned instead of keys: ``None`` for a client or a token that it does not know."""
    if answer is None:
        return VerificationError("no keys are known for this client and its token", code="unknown-client")
    return wrong_answer("lookup", "`VerificationKeys` or `None`", answer)


def no_new_nonce(answer: object, base_string: str) -> OAuthRegError:
    """What was answered to the question for a nonce, and is not ``True``: ``False`` for one that came before."""
    if answer is False:
        return VerificationError("the nonce was used before", code="nonce-used", base_string=base_string)
    return wrong_answer("is_new_nonce", "`True` or `False`", answer)


def in_batch(position: int, error: OAuthRegError) -> OAuthRegError:
    """The same refusal, naming the request of a batch that caused it (counted from 0)."""
    return type(error)(f"request {position}: {error.message}", code=error.code, hint=error.hint)


def _without_secrets(url: str) -> str:
    shown = url.partition("?")[0].partition("#")[0]
    scheme, separator, rest = shown.partition("://")
    return _cut(scheme + separator + rest.rpartition("@")[2] if separator else shown.rpartition("@")[2])


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
