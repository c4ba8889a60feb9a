"""The signature methods, as both engines and the definitions know them."""

SIGNATURE_METHODS: dict[str, tuple[str, str]] = {
    "HMAC-SHA1": ("hmac", "sha1"),
    "HMAC-SHA256": ("hmac", "sha256"),
    "HMAC-SHA512": ("hmac", "sha512"),
    "RSA-SHA1": ("rsa", "sha1"),
    "RSA-SHA256": ("rsa", "sha256"),
    "RSA-SHA512": ("rsa", "sha512"),
    "PLAINTEXT": ("plaintext", ""),
}
"""Signature method -> (family, hash). Spec: RFC 5849 section 3.4; the SHA-2 rows are the same construction."""
