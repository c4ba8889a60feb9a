"""Relative references, resolved as plain text: no octet of them is changed.

Spec: RFC 3986 section 5.2, without the removal of dot segments, which is left to whoever sends the URL.
"""

import re

from yarl import URL

from oauthreg.errors import UsageError

_SCHEMES = ("http", "https")
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_IS_HTTP = re.compile(r"https?://", re.IGNORECASE).match
_PARTS = re.compile(r"([^/?#]+//[^/?#]*)([^?#]*)(\?[^#]*)?").match


def resolve(base: str | None, reference: str | URL) -> str | URL:
    """The URL that a reference means, given the absolute URL ``base``; without one the reference itself.

    A ``yarl.URL`` gives one whose encoding is kept. A reference without scheme and authority stays on the base's
    origin whatever it holds. Raises ``UsageError`` for a scheme other than http and https, and for what is no text.
    """
    if base is None or (isinstance(reference, URL) and reference.absolute and reference.scheme in _SCHEMES):
        return reference  # before anything is made of a URL's text, which costs half a signature
    given: object = reference
    if not isinstance(given, (str, URL)):
        from oauthreg.signing.refusals import wrong_type

        raise wrong_type("url", "text or a `yarl.URL`", given)
    text = str(reference)
    if _IS_HTTP(text):
        return reference
    if _HAS_SCHEME(text):
        raise UsageError(
            f"no http or https URL: {text.partition('?')[0]!r}",
            code="invalid-url",
            hint="begin a relative path whose first segment holds a colon with `./`",
        )
    joined = _join(base, text)
    return joined if isinstance(reference, str) else URL(joined, encoded=True)


def _join(base: str, reference: str) -> str:
    match = _PARTS(base)
    if match is None:
        raise UsageError(f"no absolute URL: {base!r}", code="invalid-url")
    origin, path, query = match.groups("")
    if reference.startswith("//"):
        return f"{origin.partition('//')[0]}{reference}"
    if reference.startswith("/"):
        return origin + reference
    if not reference or reference[0] == "#":
        return origin + path + query + reference
    if reference[0] == "?":
        return origin + path + reference
    return f"{origin}{path.rpartition('/')[0]}/{reference}"
