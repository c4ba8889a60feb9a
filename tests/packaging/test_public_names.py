"""The names that applications may import from `oauthreg`: adding or dropping one is a decision, made here."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

import oauthreg
from oauthreg import errors

PUBLIC_NAMES = [
    "AccessDeniedError",
    "AsyncAssertionClient",
    "AsyncOAuth1Client",
    "AsyncOAuth2Client",
    "CallbackError",
    "ClientAuthenticationError",
    "Clock",
    "DPoPKey",
    "DefinitionError",
    "DefinitionInvalidError",
    "DefinitionSyntaxError",
    "InvalidKeyError",
    "InvalidSignatureError",
    "ListingStore",
    "LogoutToken",
    "MalformedResponseError",
    "MemoryStore",
    "MismatchingStateError",
    "MissingCredentialError",
    "MissingRequestTokenError",
    "MissingTokenError",
    "OAuth1Token",
    "OAuth2Token",
    "OAuthError",
    "OAuthRegError",
    "OAuthRequest",
    "PendingLogin",
    "PostgreSQLStore",
    "Profile",
    "Provider",
    "ProviderDefinition",
    "ReauthorizationRequired",
    "RedisStore",
    "Registry",
    "ResponseError",
    "SQLiteStore",
    "SealedStore",
    "SignedRequest",
    "Signer",
    "TemporarilyUnavailableError",
    "TokenError",
    "TokenExpiredError",
    "TokenKey",
    "TokenStore",
    "TokenStoreError",
    "UnknownProviderError",
    "UnsignableRequestError",
    "UnsupportedMethodError",
    "UsageError",
    "VerificationError",
    "VerificationKeys",
    "Verifier",
    "__version__",
    "load_definition",
    "new_sealing_key",
    "open_login",
    "seal_login",
    "verify",
]

FOLDERS = ("claims", "definition", "http", "oauth1", "oauth2", "signing", "simulator", "stores")

HEAVY = ("aiohttp", "click", "cryptography", "joserfc", "platformdirs", "pydantic", "rich")


def test_the_public_names_are_these():
    assert sorted(oauthreg.__all__) == PUBLIC_NAMES


def test_dir_lists_the_public_names():
    assert sorted(dir(oauthreg)) == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_resolves(name):
    assert getattr(oauthreg, name) is not None


@pytest.mark.parametrize("name", [name for name in PUBLIC_NAMES if name != "__version__"])
def test_a_public_object_is_documented(name):
    text = getattr(oauthreg, name).__doc__
    assert text
    assert not text.startswith(f"{name}("), "a dataclass without words of its own"


def test_every_error_is_public():
    classes = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, Exception)}
    assert {name for name in classes if not name.startswith("_")} <= set(PUBLIC_NAMES)


def test_type_checkers_see_the_names_where_they_are():
    """What they read is the block under TYPE_CHECKING, which no run of the code would keep true."""
    statements = ast.parse(inspect.getsource(oauthreg)).body
    (block,) = (node for node in statements if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}
    assert sorted(seen) == [name for name in PUBLIC_NAMES if name != "__version__"]
    for name, module in seen.items():
        assert getattr(import_module(module), name) is getattr(oauthreg, name)


@pytest.mark.parametrize("package", ["oauthreg", *(f"oauthreg.{name}" for name in FOLDERS)])
def test_type_checkers_refuse_other_names(check_types, package):
    refused = check_types(f"import {package}\nfrom {package} import Nothing\n\n{package}.Nothing\n")
    assert [line.partition(":")[0] for line in refused if "[attr-defined]" in line] == ["2", "4"]


def test_type_checkers_know_what_the_version_is(check_types):
    assert check_types("import oauthreg\n\nname: str = oauthreg.__version__\nnumber: int = oauthreg.__version__\n") == [
        '4: error: Incompatible types in assignment (expression has type "str", variable has type "int")  [assignment]'
    ]


def test_a_tree_that_nobody_installed_has_a_version(monkeypatch):
    def find_nothing(name):
        raise metadata.PackageNotFoundError(name)

    assert oauthreg.__version__
    monkeypatch.delitem(vars(oauthreg), "__version__")
    monkeypatch.setattr(metadata, "version", find_nothing)
    assert oauthreg.__version__ == "0+unknown"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'oauthreg' has no attribute 'Nothing'"):
        oauthreg.Nothing  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    assert loaded_by("import oauthreg") & set(HEAVY) == set()


def test_naming_a_public_error_imports_nothing_heavy():
    assert loaded_by("from oauthreg import OAuthRegError") & set(HEAVY) == set()


def test_signing_with_hmac_imports_nothing_heavy():
    signed = "import oauthreg; oauthreg.Signer('HMAC-SHA1', 'key', 'secret').authorization('GET', 'http://127.0.0.1/')"
    assert loaded_by(signed) & set(HEAVY) == set()


def test_the_check_sees_what_is_imported():
    assert {"pydantic", "pydantic_core"} <= loaded_by("import pydantic")


def loaded_by(program: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a program."""
    report = f"{program}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    path = f"import sys; sys.path.insert(0, {str(Path(oauthreg.__file__).parents[1])!r})\n"
    done = subprocess.run([sys.executable, "-I", "-c", path + report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
