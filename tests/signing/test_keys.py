"""RSA keys in every form that people have them in, and every wrong one."""

import base64
import math
import random
import traceback
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from oauthreg.errors import InvalidKeyError, MissingCredentialError, UsageError
from oauthreg.signing import keys

MESSAGE = b"base string"
ODD_PRIMES = math.prod(n for n in range(3, 300, 2) if all(n % d for d in range(3, n, 2)))


@pytest.fixture(scope="module")
def key(rsa_key) -> rsa.RSAPrivateKey:
    return serialization.load_der_private_key(rsa_key.der, None)


@pytest.fixture(scope="module")
def expected(key) -> bytes:
    """The signature that each form of the key must make."""
    return key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())


def pem(key, form=serialization.PrivateFormat.PKCS8, passphrase=None) -> str:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def der(key, passphrase=None) -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, encryption)


def public_pem(key) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def certificate(key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )


def certificate_pem(certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL

FORMS = {
    "PKCS #8": pem,
    "PKCS #1": lambda key: pem(key, PKCS1),
    "octets": lambda key: pem(key).encode(),
    "CRLF": lambda key: pem(key).replace("\n", "\r\n"),
    "CR": lambda key: pem(key).replace("\n", "\r"),
    "no last line break": lambda key: pem(key).rstrip(),
    "written line breaks": lambda key: pem(key).replace("\n", "\\n"),
    "written CRLF": lambda key: pem(key).replace("\n", "\\r\\n"),
    "line breaks written twice": lambda key: pem(key).replace("\n", "\\\\n"),
    "spaces for line breaks": lambda key: pem(key).replace("\n", " "),
    "no line breaks": lambda key: pem(key).replace("\n", ""),
    "blank lines": lambda key: pem(key).replace("\n", "\n\n"),
    "byte order mark": lambda key: "\ufeff" + pem(key),
    "byte order mark in octets": lambda key: b"\xef\xbb\xbf" + pem(key).encode(),
    "double quotes": lambda key: f'"{pem(key)}"',
    "single quotes and written line breaks": lambda key: "'" + pem(key).replace("\n", "\\n") + "'",
    "indentation": lambda key: "".join(f"    {line}\n" for line in pem(key).splitlines()),
    "tabs and trailing blanks": lambda key: "".join(f"\t{line} \n" for line in pem(key).splitlines()),
    "long lines": lambda key: (
        pem(key).replace("\n", "").replace("KEY-----", "KEY-----\n", 1).replace("-----END", "\n-----END")
    ),
    "explanatory text around": lambda key: f"Bag Attributes\n    friendlyName: x\n{pem(key)}\nthe end\n",
    "DER, PKCS #8": der,
    "DER, PKCS #1": lambda key: key.private_bytes(serialization.Encoding.DER, PKCS1, serialization.NoEncryption()),
    "base64 of DER": lambda key: base64.b64encode(der(key)).decode(),
    "base64 of DER in lines": lambda key: base64.encodebytes(der(key)),
    "base64 of DER in quotes": lambda key: f'"{base64.b64encode(der(key)).decode()}"',
    "octets in a bytearray": lambda key: bytearray(der(key)),
    "octets in a memoryview": lambda key: memoryview(der(key)),
    "object": lambda key: key,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_makes_the_same_signature(engine, key, expected, form):
    source = FORMS[form](key)
    assert engine.module.rsa_sign("sha256", source, MESSAGE) == expected
    text = engine.module.sign_base_string("RSA-SHA256", MESSAGE.decode(), rsa_key=source)
    assert base64.b64decode(text) == expected
    assert engine.signer("RSA-SHA256", "ck", rsa_key=source).key_bits == 2048


@pytest.mark.parametrize("form", ["PKCS #8", "PKCS #1", "CRLF", "DER, PKCS #8", "base64 of DER", "byte order mark"])
def test_every_form_in_a_file(engine, key, expected, form, tmp_path):
    source = FORMS[form](key)
    path = tmp_path / "key ü.pem"
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    assert engine.module.rsa_sign("sha256", path, MESSAGE) == expected


@pytest.mark.parametrize("passphrase", ["secret", "secret\n", "secret\r\n", b"secret", b"secret\n"])
@pytest.mark.parametrize("form", ["PKCS #8", "traditional", "DER", "one line"])
def test_an_encrypted_key(engine, key, expected, form, passphrase):
    source = {
        "PKCS #8": pem(key, passphrase=b"secret"),
        "traditional": pem(key, PKCS1, b"secret"),
        "DER": der(key, b"secret"),
        "one line": pem(key, passphrase=b"secret").replace("\n", "\\n"),
    }[form]
    assert keys.load_private_key(source, passphrase).private_numbers() == key.private_numbers()
    text = engine.module.sign_base_string("RSA-SHA256", MESSAGE.decode(), rsa_key=source, passphrase=passphrase)
    assert base64.b64decode(text) == expected
    assert engine.signer("RSA-SHA1", "ck", rsa_key=source, passphrase=passphrase).key_bits == 2048


def test_an_encrypted_traditional_key_on_one_line(engine, key, expected):
    source = pem(key, PKCS1, b"secret").replace("\n", "\\n")
    assert "DEK-Info" in source
    text = engine.module.sign_base_string("RSA-SHA256", MESSAGE.decode(), rsa_key=source, passphrase="secret")
    assert base64.b64decode(text) == expected


@pytest.mark.parametrize("passphrase", ["not needed", "", None, b""])
def test_a_passphrase_that_is_not_needed_does_no_harm(engine, key, expected, passphrase):
    text = engine.module.sign_base_string("RSA-SHA256", MESSAGE.decode(), rsa_key=pem(key), passphrase=passphrase)
    assert base64.b64decode(text) == expected


def test_the_private_key_is_found_behind_other_blocks(engine, key, certificate, expected):
    for others in (certificate_pem(certificate), public_pem(key.public_key())):
        assert engine.module.rsa_sign("sha256", others + pem(key), MESSAGE) == expected
        assert engine.module.rsa_sign("sha256", pem(key) + others, MESSAGE) == expected


def test_a_key_of_any_kind_is_loaded_where_rsa_is_not_asked_for(key, certificate):
    for other in (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate(), key):
        assert keys.load_private_key_of_any_kind(other) is other
        assert type(keys.load_private_key_of_any_kind(pem(other))) is type(other)
        assert type(keys.load_private_key_of_any_kind(pem(other, passphrase=b"secret"), "secret\n")) is type(other)
    for public in (key.public_key(), certificate, public_pem(key.public_key())):
        with pytest.raises(InvalidKeyError) as caught:
            keys.load_private_key_of_any_kind(public)
        assert caught.value.code == "not-a-private-key"


def test_a_generated_key_can_be_used_and_is_new():
    one, another = keys.generate_private_key(1024), keys.generate_private_key(1024)
    assert one != another
    assert keys.load_private_key(one).key_size == 1024


def test_equal_texts_share_one_key(key):
    assert keys.load_private_key(pem(key)) is keys.load_private_key(pem(key).encode())


PUBLIC_FORMS = {
    "public key": lambda key, _: public_pem(key.public_key()),
    "public key, PKCS #1": lambda key, _: (
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
    ),
    "public key on one line": lambda key, _: public_pem(key.public_key()).replace("\n", "\\n"),
    "public key, DER": lambda key, _: key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ),
    "public key, PKCS #1 DER": lambda key, _: key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    ),
    "public key, base64 of DER": lambda key, _: base64.b64encode(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).decode(),
    "public key object": lambda key, _: key.public_key(),
    "certificate": lambda _, certificate: certificate_pem(certificate),
    "certificate with CRLF": lambda _, certificate: certificate_pem(certificate).replace("\n", "\r\n"),
    "certificate, DER": lambda _, certificate: certificate.public_bytes(serialization.Encoding.DER),
    "certificate object": lambda _, certificate: certificate,
}


@pytest.mark.parametrize("form", PUBLIC_FORMS)
def test_every_public_form_verifies(engine, key, certificate, expected, form):
    source = PUBLIC_FORMS[form](key, certificate)
    assert engine.module.rsa_verify("sha256", source, MESSAGE, expected) is True
    assert engine.module.rsa_verify("sha256", source, MESSAGE + b"!", expected) is False
    assert engine.module.rsa_verify("sha1", source, MESSAGE, expected) is False
    signature = base64.b64encode(expected).decode()
    assert engine.module.check_signature("RSA-SHA256", MESSAGE.decode(), signature, rsa_key=source) is True


@pytest.mark.parametrize(
    "form", ["PKCS #8", "PKCS #1", "written line breaks", "DER, PKCS #8", "DER, PKCS #1", "object"]
)
def test_a_private_key_verifies_as_well(engine, key, expected, form):
    assert engine.module.rsa_verify("sha256", FORMS[form](key), MESSAGE, expected) is True


def test_a_public_key_in_a_file_verifies(engine, key, expected, tmp_path):
    path = tmp_path / "key.pub"
    path.write_text(public_pem(key.public_key()))
    assert engine.module.rsa_verify("sha256", path, MESSAGE, expected) is True


@pytest.mark.parametrize("form", PUBLIC_FORMS)
def test_no_public_form_signs(engine, key, certificate, form):
    refuse(engine, PUBLIC_FORMS[form](key, certificate), "not-a-private-key", "private key is needed to sign")


def refuse(engine, source, code, words, *, passphrase=None, method="RSA-SHA256", error=InvalidKeyError):
    """Each door refuses with that code and a hint, and nothing of the key is told."""
    doors = [
        lambda: engine.signer(method, "ck", rsa_key=source, passphrase=passphrase),
        lambda: engine.module.sign_base_string(method, "text", rsa_key=source, passphrase=passphrase),
    ]
    if passphrase is None:
        doors.append(lambda: engine.module.rsa_sign(method.removeprefix("RSA-").lower(), source, b"text"))
    for door in doors:
        with pytest.raises(error) as caught:
            door()
        assert caught.value.code == code
        assert words in caught.value.message
        assert caught.value.hint
        told = "".join(traceback.format_exception(caught.value))
        for piece in secret_pieces(source):
            assert piece not in told
        assert "hunter" not in told


def secret_pieces(source) -> list[str]:
    """The lines of a key text that no message may show."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = bytes(source).decode("latin-1")
    if not isinstance(source, str):
        return []
    return [line for line in source.replace("\\n", "\n").splitlines() if len(line) > 20 and "-----" not in line]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "EC"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1()), PKCS1), "EC"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "EC"),
        (lambda: der(ec.generate_private_key(ec.SECP256R1())), "EC"),
        (lambda: pem(ed25519.Ed25519PrivateKey.generate()), "Ed25519"),
        (ed25519.Ed25519PrivateKey.generate, "Ed25519"),
    ],
)
def test_a_key_of_another_kind_is_refused(engine, make, kind):
    refuse(engine, make(), "wrong-key-kind", f"an RSA key is needed, this is another kind: {kind}")


def test_a_public_key_of_another_kind_verifies_nothing(engine):
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    for source in (other, public_pem(other), public_pem(ed25519.Ed25519PrivateKey.generate().public_key())):
        with pytest.raises(InvalidKeyError) as caught:
            engine.module.rsa_verify("sha1", source, b"", b"")
        assert caught.value.code == "wrong-key-kind"


def test_a_truncated_text_is_refused(engine, key):
    for text in (pem(key), pem(key, PKCS1), certificate_like(pem(key))):
        refuse(engine, text[: len(text) // 2], "invalid-key", "no complete PEM block")
        refuse(engine, text[len(text) // 2 :], "invalid-key", "no complete PEM block")


def certificate_like(text: str) -> str:
    return text.replace("PRIVATE KEY", "CERTIFICATE")


@pytest.mark.parametrize("form", [None, PKCS1])
def test_a_text_with_a_hole_is_refused(engine, key, form):
    lines = pem(key, form or serialization.PrivateFormat.PKCS8).splitlines()
    refuse(engine, "\n".join(lines[:5] + lines[6:]), "invalid-key", "the private key cannot be read")
    refuse(engine, "\n".join([*lines[:5], "!" * 64, *lines[6:]]), "invalid-key", "the private key cannot be read")
    refuse(engine, "\n".join([lines[0], lines[-1]]), "invalid-key", "the private key cannot be read")


def test_truncated_der_is_refused(engine, key):
    refuse(engine, der(key)[:-10], "invalid-key", "the private key cannot be read")
    refuse(engine, base64.b64encode(der(key)[:-10]).decode(), "invalid-key", "the private key cannot be read")


@pytest.mark.parametrize(
    "source", ["", b"", "no key", "/etc/ssl/key.pem", "~/key.pem", "=", b"\x30\x82\xff\xff", b"\xff\xfe"]
)
def test_what_is_no_key_at_all_is_refused(engine, source):
    refuse(engine, source, "invalid-key", "the private key cannot be read")


def test_the_hint_knows_what_people_pass_for_a_file(engine):
    with pytest.raises(InvalidKeyError) as caught:
        engine.signer("RSA-SHA1", "ck", rsa_key="/etc/ssl/key.pem")
    assert "pathlib.Path" in caught.value.hint


@pytest.mark.parametrize("source", [5, object(), ["pem"], {"pem": ""}])
def test_what_is_no_text_is_refused(engine, source):
    refuse(
        engine,
        source,
        "invalid-key",
        f"an RSA key must be text, bytes, a path object or a key object: {type(source).__name__}",
    )


def test_no_key_is_a_missing_credential(engine):
    refuse(engine, None, "missing-key", "RSA-SHA256 needs `rsa_key`", error=MissingCredentialError)
    with pytest.raises(MissingCredentialError) as caught:
        engine.module.check_signature("RSA-SHA256", "text", "c2ln")
    assert caught.value.code == "missing-key"


def test_an_openssh_key_gets_the_command_that_converts_it(engine, key):
    source = pem(key, serialization.PrivateFormat.OpenSSH)
    refuse(engine, source, "invalid-key", "the private key is in the OpenSSH format")
    with pytest.raises(InvalidKeyError) as caught:
        keys.load_private_key(source)
    assert "ssh-keygen -p -m PEM" in caught.value.hint


@pytest.mark.parametrize("form", ["PKCS #8", "traditional", "DER"])
def test_a_missing_or_wrong_passphrase(engine, key, form):
    source = {
        "PKCS #8": pem(key, passphrase=b"open sesame"),
        "traditional": pem(key, PKCS1, b"open sesame"),
        "DER": der(key, b"open sesame"),
    }[form]
    for missing in (None, "", b"", "\n"):
        refuse(engine, source, "passphrase-missing", "encrypted and no passphrase was given", passphrase=missing)
    for wrong in ("hunter", b"hunter2", "open sesame hunter"):
        refuse(engine, source, "passphrase-wrong", "cannot be decrypted", passphrase=wrong)


@pytest.mark.parametrize(
    ("passphrase", "code"), [(5, "wrong-type"), (["secret"], "wrong-type"), ("\udcff", "lone-surrogate")]
)
def test_what_is_no_passphrase_is_refused(engine, key, passphrase, code):
    with pytest.raises(UsageError) as caught:
        engine.signer("RSA-SHA1", "ck", rsa_key=pem(key, passphrase=b"secret"), passphrase=passphrase)
    assert caught.value.code == code


def test_an_encrypted_key_verifies_nothing_without_its_passphrase(engine, key):
    for source, code in ((pem(key, passphrase=b"secret"), "passphrase-missing"), (der(key, b"secret"), "invalid-key")):
        with pytest.raises(InvalidKeyError) as caught:
            engine.module.rsa_verify("sha1", source, b"", b"")
        assert caught.value.code == code


@pytest.mark.parametrize(
    "source",
    ["", "no key", b"\x30\x82", certificate_like("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")],
)
def test_what_cannot_be_read_verifies_nothing(engine, source):
    with pytest.raises(InvalidKeyError) as caught:
        engine.module.rsa_verify("sha1", source, b"", b"")
    assert (caught.value.code, caught.value.message) == ("invalid-key", "the public key cannot be read")
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(engine, tmp_path):
    for path, reason in (
        (tmp_path / "absent.pem", "No such file"),
        (tmp_path, "Is a directory"),
        (Path("a\0b"), "null"),
    ):
        refuse(engine, path, "unreadable-key-file", reason)
        with pytest.raises(InvalidKeyError) as caught:
            keys.load_public_key(path)
        assert repr(str(path)) in caught.value.message


def encoded(*numbers: int) -> bytes:
    """An RSAPrivateKey of PKCS #1 in DER, whatever its numbers (RFC 8017 appendix A.1.2)."""

    def length(count: int) -> bytes:
        if count < 128:
            return bytes([count])
        octets = count.to_bytes((count.bit_length() + 7) // 8)
        return bytes([0x80 | len(octets)]) + octets

    body = b""
    for number in (0, *numbers):
        octets = number.to_bytes(number.bit_length() // 8 + 1)
        body += b"\x02" + length(len(octets)) + octets
    return b"\x30" + length(len(body)) + body


def numbers_of(key) -> list[int]:
    private = key.private_numbers()
    public = private.public_numbers
    return [public.n, public.e, private.d, private.p, private.q, private.dmp1, private.dmq1, private.iqmp]


@pytest.mark.parametrize("position", range(8), ids=["n", "e", "d", "p", "q", "dmp1", "dmq1", "iqmp"])
def test_a_key_whose_numbers_do_not_fit_together_is_refused(engine, key, position):
    assert encoded(*numbers_of(key)) == FORMS["DER, PKCS #1"](key)
    damaged = numbers_of(key)
    damaged[position] += 2
    source = encoded(*damaged)
    for form in (source, base64.b64encode(source).decode()):
        with pytest.raises(InvalidKeyError) as caught:
            engine.signer("RSA-SHA1", "ck", rsa_key=form)
        assert caught.value.code in {"inconsistent-key", "invalid-key"}
        told = "".join(traceback.format_exception(caught.value))
        assert not any(str(number) in told for number in damaged if number > 2**64)


def test_a_damaged_exponent_is_called_damaged(engine, key):
    damaged = numbers_of(key)
    damaged[7] += 1
    refuse(engine, encoded(*damaged), "inconsistent-key", "do not fit together")


def test_a_key_that_fits_together_and_cannot_sign_is_refused_without_showing_it(engine):
    p, q, e = 2**512 + 10, 2**511 + 111, 65537
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    numbers = [p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
    signer = engine.signer("RSA-SHA1", "ck", rsa_key=encoded(*numbers))
    for sign in (
        lambda: signer.authorization("GET", "https://api.example.com/"),
        lambda: engine.module.rsa_sign("sha1", encoded(*numbers), MESSAGE),
        lambda: engine.module.sign_base_string("RSA-SHA1", "text", rsa_key=encoded(*numbers)),
    ):
        with pytest.raises(InvalidKeyError, match=r"^the private key cannot sign") as caught:
            sign()
        assert caught.value.code == "unusable-key"
        assert str(p) not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("position", range(1, 8))
def test_a_zero_in_a_key_is_refused(engine, key, position):
    damaged = numbers_of(key)
    damaged[position] = 0
    with pytest.raises(InvalidKeyError) as caught:
        engine.module.rsa_sign("sha1", encoded(*damaged), b"")
    assert caught.value.code in {"inconsistent-key", "invalid-key"}


@cache
def small_key(bits: int) -> bytes:
    """A key of that size, always the same one; nothing but a test would use it."""
    draw = random.Random(bits)

    def prime(size: int) -> int:
        while True:
            number = draw.getrandbits(size) | 3 << (size - 2) | 1
            if (
                number % 65537 != 1
                and math.gcd(number, ODD_PRIMES) == 1
                and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7, 11))
            ):
                return number

    p, q = prime((bits + 1) // 2), prime(bits // 2)
    d = pow(65537, -1, (p - 1) * (q - 1))
    return encoded(p * q, 65537, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))


@pytest.mark.parametrize(
    ("bits", "refused"),
    [(744, ["RSA-SHA512"]), (745, []), (512, ["RSA-SHA512"]), (1024, [])],
)
def test_a_key_too_short_for_its_hash_is_refused(engine, bits, refused):
    source = small_key(bits)
    for method in ("RSA-SHA1", "RSA-SHA256", "RSA-SHA512"):
        if method in refused:
            refuse(engine, source, "short-key", f"too short for {method}: {bits} bits", method=method)
        else:
            signature = engine.module.sign_base_string(method, "text", rsa_key=source)
            assert engine.module.check_signature(method, "text", signature, rsa_key=source)
            assert engine.signer(method, "ck", rsa_key=source).key_bits == bits


def test_a_key_below_512_bits_is_refused(engine):
    refuse(engine, small_key(511), "short-key", "the RSA key is too short: 511 bits")


def test_der_for_the_native_engine(key):
    assert keys.private_key_der(key) == FORMS["DER, PKCS #1"](key)
    assert keys.public_key_der(key.public_key()) == PUBLIC_FORMS["public key, PKCS #1 DER"](key, None)
    assert len(keys.key_fingerprint(key.public_key())) == 16


@pytest.mark.parametrize(
    "spelling", ["bits", "no padding", "line break", "blank", "url-safe", "not ASCII", "twice", "empty"]
)
def test_a_signature_in_another_spelling_is_wrong(engine, key, spelling):
    text = next(t for t in (f"text {n}" for n in range(100)) if "/" in sign(engine, t, key)[:-2])
    right = sign(engine, text, key)
    wrong = {
        "bits": right[:-3] + chr(ord(right[-3]) + 1) + "==",
        "no padding": right.rstrip("="),
        "line break": right[:64] + "\n" + right[64:],
        "blank": right + " ",
        "url-safe": right.replace("/", "_"),
        "not ASCII": right[:-1] + "\uff1d",
        "twice": right * 2,
        "empty": "",
    }[spelling]
    assert engine.module.check_signature("RSA-SHA1", text, right, rsa_key=key) is True
    assert wrong != right
    assert engine.module.check_signature("RSA-SHA1", text, wrong, rsa_key=key) is False


def sign(engine, text: str, key) -> str:
    return engine.module.sign_base_string("RSA-SHA1", text, rsa_key=key)
