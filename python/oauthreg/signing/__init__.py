"""Request signing: the public objects, of the engine that is chosen when the first of them is used."""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.signing.engine import (
        ENGINE as ENGINE,
        AnyEngine as AnyEngine,
        EngineName as EngineName,
        Signer as Signer,
        load_engine as load_engine,
    )
    from oauthreg.signing.methods import SIGNATURE_METHODS as SIGNATURE_METHODS

_HOME = {
    "ENGINE": "engine",
    "AnyEngine": "engine",
    "EngineName": "engine",
    "SIGNATURE_METHODS": "methods",
    "Signer": "engine",
    "load_engine": "engine",
}
"""Name -> the module that holds it."""

__all__ = ["ENGINE", "SIGNATURE_METHODS", "AnyEngine", "EngineName", "Signer", "load_engine"]

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
