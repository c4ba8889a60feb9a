import json
import stat

import pytest
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from oauthreg.jose import ENCRYPTION_ALGORITHMS, SIGNING_ALGORITHMS, is_shared, load_signing_key
from oauthreg.jwe import DecryptionKeys, encrypt_to

ALGORITHMS = [name for name in SIGNING_ALGORITHMS if not is_shared(name)]
SECRET_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


@pytest.mark.parametrize("algorithm", [None, *ALGORITHMS])
def test_a_key_that_signs(oauthreg, folder, algorithm):
    done = oauthreg("key", "key.json", *(["--algorithm", algorithm] if algorithm else []))
    name, path = algorithm or "ES256", folder / "key.json"
    assert (done.code, done.err) == (0, f"made key.json, for {name}: keep it as a secret\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (public,) = json.loads(done.out)["keys"]
    assert (public["alg"], public["use"], public.keys() & SECRET_MEMBERS) == (name, "sig", set())
    private = load_signing_key(path.read_bytes(), name)
    assert private.thumbprint() == public["kid"] == KeySet.import_key_set({"keys": [public]}).keys[0].thumbprint()


@pytest.mark.parametrize("algorithm", ENCRYPTION_ALGORITHMS)
def test_a_key_that_decrypts(oauthreg, folder, algorithm):
    (public,) = json.loads(oauthreg("key", "key.json", "--algorithm", algorithm).out)["keys"]
    assert (public["use"], public.keys() & SECRET_MEMBERS) == ("enc", set())
    assert DecryptionKeys((folder / "key.json").read_bytes()).open(encrypt_to("a.b.c", public, algorithm)) == "a.b.c"


def test_one_that_is_there_is_shown_and_left_alone(oauthreg, folder):
    first = oauthreg("key", "key.json")
    content = (folder / "key.json").read_bytes()
    again = oauthreg("key", "key.json", "--json")
    assert (again.out, again.err) == (first.out, "")
    refused = oauthreg("key", "key.json", "--algorithm", "PS256")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: there is a key already: key.json\nhint: ")
    assert (folder / "key.json").read_bytes() == content


@pytest.mark.parametrize("key", [RSAKey.generate_key(2048), ECKey.generate_key("P-384"), OKPKey.generate_key("X25519")])
def test_a_key_that_others_made(oauthreg, folder, key):
    forms = {
        "a.pem": key.as_pem(private=True),
        "a.der": key.as_der(private=True),
        "a.json": json.dumps(
            {"keys": [key.as_dict(private=True), {**key.as_dict(private=True), "kid": "k2"}]}
        ).encode(),
    }
    for name, content in forms.items():
        (folder / name).write_bytes(content)
        found = json.loads(oauthreg("key", name).out)["keys"]
        assert [one["kid"] for one in found] == [key.thumbprint(), *(["k2"] if len(found) > 1 else [])]
        assert not found[0].keys() & {*SECRET_MEMBERS, "use", "alg"}


@pytest.mark.parametrize("content", [b"no key", b"{", b'{"kty": "oct", "k": "c2VjcmV0"}', b'{"keys": []}'])
def test_what_is_no_private_key(oauthreg, folder, content):
    (folder / "a").write_bytes(content)
    done = oauthreg("key", "a")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "c2VjcmV0" not in done.err


@pytest.mark.parametrize("algorithm", ["HS256", "none", "x" * 99, "RSA1_5"])
def test_what_no_private_key_is_for(oauthreg, folder, algorithm):
    done = oauthreg("key", "a", "--algorithm", algorithm)
    assert (done.code, done.out, (folder / "a").exists()) == (2, "", False)


def test_a_place_where_nothing_can_be_made(oauthreg, folder):
    done = oauthreg("key", "no/such/folder/a")
    assert (done.code, done.err) == (1, "error: no/such/folder/a: No such file or directory\n")
