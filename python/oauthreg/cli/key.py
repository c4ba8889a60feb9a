"""``oauthreg key``: a private key in a file, and its public half for the provider."""

import json
import os
from pathlib import Path

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo_json, note
from oauthreg.errors import UsageError

_EXAMPLES = (
    ("oauthreg key acme.json", "the public half, to be given to the provider; acme.json is made if need be"),
    ("oauthreg key acme.json --algorithm PS256", "the same for another algorithm"),
    ("OAUTHREG_ACME_PRIVATE_KEY_FILE=acme.json", "what `oauthreg login acme` and applications sign with"),
)
_USUAL = "ES256"


@click.command(cls=Command, examples=_EXAMPLES, short_help="Make a private key, and print its public half.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--algorithm",
    help=f"What a new key is for: signing (ES256, PS256, EdDSA …) or decrypting (ECDH-ES, RSA-OAEP-256 …). [{_USUAL}]",
)
@json_option
def command(*, file: Path, algorithm: str | None, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print the public half of the private key in FILE, as a JWK set; without a FILE a key is made there first.

    A key that is made is a JWK, readable by you alone. FILE may also be PEM, DER or a JWK set of private keys. The
    output is JSON with and without --json.
    """
    from oauthreg.jose import generate_private_jwk, public_jwk_set

    if not file.exists():
        jwk = generate_private_jwk(algorithm or _USUAL)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(json.dumps(jwk) + "\n")
        note(f"made {file}, for {jwk['alg']}: keep it as a secret")
    elif algorithm is not None:
        raise UsageError(
            f"there is a key already: {file}",
            code="key-there",
            hint="leave `--algorithm` out to see its public half, or name another file",
        )
    echo_json(public_jwk_set(file.read_bytes()))
