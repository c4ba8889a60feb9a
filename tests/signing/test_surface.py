"""Both engines have one face: names, signatures and documentation."""

import inspect

import pytest

from oauthreg import signing
from oauthreg.signing import _pure, verify

CLASSES = {"SignedRequest", "Signer", "Verifier"}
CONSTANTS = {"ENGINE", "SIGNATURE_METHODS", "SURFACE"}
FUNCTIONS = sorted(
    name
    for name, value in vars(_pure).items()
    if inspect.isfunction(value) and value.__module__ == _pure.__name__ and not name.startswith("_")
)
METHODS = ["authorization", "base_string", "parameters", "sign_many"]


def shape(function) -> list[tuple[str, object, object]]:
    """Names, kinds and defaults; annotations stand in the stub."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def public(value) -> set[str]:
    return {name for name in dir(value) if not name.startswith("_")}


def test_the_functions_are_those_that_the_documentation_names():
    assert FUNCTIONS == [
        "base_string", "base_uri", "body_hash", "check_signature", "escape", "hmac", "host_a_label", "make_nonce",
        "normalize_parameters", "parse_parameters", "rsa_sign", "rsa_verify", "sign_base_string", "unescape",
        "verify",
    ]  # fmt: skip


def test_names(twins):
    native, pure = twins
    assert public(native.module) == {*FUNCTIONS, *CONSTANTS, *CLASSES}
    assert public(native.module.Signer) >= {*METHODS, "engine", "key_bits"}
    assert public(native.signer("PLAINTEXT", "ck")) == public(pure.signer("PLAINTEXT", "ck"))
    assert native.module.SURFACE == pure.module.SURFACE
    assert native.module.SIGNATURE_METHODS == pure.module.SIGNATURE_METHODS
    assert list(native.module.SIGNATURE_METHODS) == list(pure.module.SIGNATURE_METHODS)


@pytest.mark.parametrize("name", [*FUNCTIONS, "Signer", "Verifier"])
def test_signatures_and_documentation(twins, name):
    native, pure = (getattr(engine.module, name) for engine in twins)
    assert shape(native) == shape(pure)
    assert inspect.getdoc(native) == inspect.getdoc(pure)
    assert inspect.getdoc(pure)


@pytest.mark.parametrize("name", METHODS)
def test_signatures_and_documentation_of_methods(twins, name):
    native, pure = (getattr(engine.signer("PLAINTEXT", "ck"), name) for engine in twins)
    assert shape(native) == shape(pure)
    assert inspect.getdoc(native) == inspect.getdoc(pure)
    assert inspect.getdoc(pure)


@pytest.mark.parametrize("name", ["SignedRequest", "Verifier"])
def test_what_checks_has_one_face(twins, name):
    native, pure = (getattr(engine.module, name) for engine in twins)
    assert public(native) == public(pure)
    assert inspect.getdoc(native) == inspect.getdoc(pure)
    for attribute in public(pure):
        assert inspect.getdoc(getattr(native, attribute)) == inspect.getdoc(getattr(pure, attribute))
    if name == "Verifier":
        assert shape(native.verify)[1:] == shape(pure.verify)[1:] == shape(verify.Verifier.verify)[1:]
        assert public(verify.Verifier) | set(verify.Verifier.__annotations__) == public(pure)
    else:
        assert native.__match_args__ == pure.__match_args__
        assert issubclass(native, pure)


def test_the_public_verifier_is_made_of_the_constant_arguments_of_verify():
    made = {name: default for name, _, default in shape(verify.Verifier.__new__)[1:]}
    offered = {name: default for name, _, default in shape(verify.verify)}
    assert made == {name: offered[name] for name in made}
    assert set(offered) - set(made) == {name for name, _, _ in shape(verify.Verifier.verify)} - {"self"}


@pytest.mark.parametrize("name", ["engine", "key_bits"])
def test_documentation_of_properties(twins, name):
    native, pure = (getattr(engine.module.Signer, name) for engine in twins)
    assert inspect.getdoc(native) == inspect.getdoc(pure)


@pytest.mark.parametrize("name", METHODS)
def test_the_public_signer_has_the_methods_of_the_engines(name):
    assert shape(getattr(signing.Signer, name)) == shape(getattr(_pure.Signer, name))
    assert inspect.signature(getattr(signing.Signer, name)) == inspect.signature(getattr(_pure.Signer, name))


def test_the_public_signer_is_made_like_those_of_the_engines_but_for_the_choice():
    made = shape(signing.Signer.__new__)
    assert made[-1] == ("engine", inspect.Parameter.KEYWORD_ONLY, None)
    assert made[1:-1] == shape(_pure.Signer.__init__)[1:]


def test_the_public_signer_announces_what_signers_have(engine):
    announced = set(signing.Signer.__annotations__) | set(METHODS)
    assert announced == public(engine.signer("PLAINTEXT", "ck"))


def test_reprs_differ_in_the_engine_alone(twins):
    native, pure = (repr(engine.signer("HMAC-SHA1", "c'k", "cs")) for engine in twins)
    assert native.replace("native", "pure") == pure
