import json
import tomllib


def test_what_is_inherited_is_merged_and_says_from_where(oauthreg, golden):
    done = oauthreg("show", "acme-keys")
    assert (done.code, done.err) == (0, "acme-keys: providers/acme-keys.toml\n")
    golden("show-acme-keys.txt", done.out)


def test_the_output_is_the_merged_definition_in_toml(oauthreg):
    shown = tomllib.loads(oauthreg("show", "acme-keys").out)
    assert shown["endpoints"]["api_base"] == "https://api.example.com/1/"
    assert shown["claims"] == {"sub": "id", "name": {"path": "name", "as": "lower"}}
    assert shown["oauth1"] == {"signature": ["RSA-SHA256"], "session_handle": True}


def test_the_file_as_it_is(oauthreg, folder):
    assert oauthreg("show", "acme-keys", "--raw").out == (folder / "providers" / "acme-keys.toml").read_text()


def test_the_file_as_it_is_as_one_document(oauthreg, folder):
    shown = json.loads(oauthreg("show", "acme-keys", "--raw", "--json").out)
    path = folder / "providers" / "acme-keys.toml"
    assert shown == {"file": "providers/acme-keys.toml", "text": path.read_text()}


def test_the_same_as_one_document(oauthreg):
    shown = json.loads(oauthreg("show", "acme", "--json").out)
    assert shown["meta"] == {"sources": ["docs.example.com"], "checked": "2026-11-25"}


def test_a_broken_definition_is_3_with_its_problems(oauthreg, broken):
    done = oauthreg("show", "broken")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("providers/broken.toml:7:1: unknown key")
