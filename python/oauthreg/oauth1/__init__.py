"""OAuth 1.0a without input and output: where the protocol parameters go, and the three legs as flows.

Names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.oauth1.flow import (
        access_token_flow as access_token_flow,
        build_authorization_url as build_authorization_url,
        exchange_flow as exchange_flow,
        is_timestamp_refusal as is_timestamp_refusal,
        parse_authorization_response as parse_authorization_response,
        parse_token_answer as parse_token_answer,
        password_flow as password_flow,
        refresh_flow as refresh_flow,
        request_token_flow as request_token_flow,
        revocation_flow as revocation_flow,
    )
    from oauthreg.oauth1.placement import (
        FORM as FORM,
        OAuth1Authentication as OAuth1Authentication,
    )

_HOME = {
    "FORM": "placement",
    "OAuth1Authentication": "placement",
    "access_token_flow": "flow",
    "build_authorization_url": "flow",
    "exchange_flow": "flow",
    "is_timestamp_refusal": "flow",
    "parse_authorization_response": "flow",
    "parse_token_answer": "flow",
    "password_flow": "flow",
    "refresh_flow": "flow",
    "request_token_flow": "flow",
    "revocation_flow": "flow",
}
"""Name -> the module that holds it."""

__all__ = [
    "FORM",
    "OAuth1Authentication",
    "access_token_flow",
    "build_authorization_url",
    "exchange_flow",
    "is_timestamp_refusal",
    "parse_authorization_response",
    "parse_token_answer",
    "password_flow",
    "refresh_flow",
    "request_token_flow",
    "revocation_flow",
]

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
