"""OAuth 2.0 without input and output: authorization request and response, grants, client authentication, tokens.

Names are loaded when they are first used: a client that only makes requests needs neither logins nor grants.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.oauth2.authorize import (
        check_resources as check_resources,
        is_signed_mode as is_signed_mode,
        make_state as make_state,
    )
    from oauthreg.oauth2.bearer import (
        BearerAuthentication as BearerAuthentication,
    )
    from oauthreg.oauth2.client_auth import (
        CLIENT_AUTH_METHODS as CLIENT_AUTH_METHODS,
        check_client_auth as check_client_auth,
        client_auth_method as client_auth_method,
        known_method as known_method,
    )
    from oauthreg.oauth2.client_metadata import (
        described_provider as described_provider,
    )
    from oauthreg.oauth2.dpop import (
        ALGORITHMS as DPOP_ALGORITHMS,
        DPoPAuthentication as DPoPAuthentication,
        DPoPKey as DPoPKey,
        DPoPNonces as DPoPNonces,
        DPoPProofs as DPoPProofs,
        check_token_key as check_token_key,
        is_nonce_challenge as is_nonce_challenge,
        nonce_refused as nonce_refused,
    )
    from oauthreg.oauth2.draft import (
        ClientIdentity as ClientIdentity,
    )
    from oauthreg.oauth2.grants import (
        GRANT_TYPES as GRANT_TYPES,
        GRANTS as GRANTS,
        grant_name as grant_name,
    )
    from oauthreg.oauth2.id_token import (
        check_issuer as check_issuer,
        is_checked as is_checked,
        kept_id_token_flow as kept_id_token_flow,
        keys_flow as keys_flow,
    )
    from oauthreg.oauth2.jarm import (
        signed_parameters_flow as signed_parameters_flow,
    )
    from oauthreg.oauth2.jwk_set import (
        jwks_flow as jwks_flow,
    )
    from oauthreg.oauth2.login import (
        LoginRequest as LoginRequest,
        build_login as build_login,
        check_login_key as check_login_key,
        login_flow as login_flow,
        parse_callback as parse_callback,
        pushed_login_flow as pushed_login_flow,
    )
    from oauthreg.oauth2.logout import (
        build_logout_url as build_logout_url,
    )
    from oauthreg.oauth2.logout_token import (
        LogoutToken as LogoutToken,
        check_logout_response as check_logout_response,
        logout_token_flow as logout_token_flow,
        parse_front_channel_logout as parse_front_channel_logout,
    )
    from oauthreg.oauth2.registration import (
        registration_flow as registration_flow,
    )
    from oauthreg.oauth2.server_metadata import (
        METADATA_ENDPOINTS as METADATA_ENDPOINTS,
        completed_flow as completed_flow,
        server_metadata_flow as server_metadata_flow,
    )
    from oauthreg.oauth2.token_endpoint import (
        DeviceAuthorization as DeviceAuthorization,
        device_authorization_flow as device_authorization_flow,
        device_token_flow as device_token_flow,
        introspection_flow as introspection_flow,
        renewal_flow as renewal_flow,
        revocation_flow as revocation_flow,
        token_flow as token_flow,
    )

_HOME = {
    "CLIENT_AUTH_METHODS": "client_auth",
    "DPOP_ALGORITHMS": "dpop:ALGORITHMS",
    "GRANTS": "grants",
    "GRANT_TYPES": "grants",
    "METADATA_ENDPOINTS": "server_metadata",
    "BearerAuthentication": "bearer",
    "ClientIdentity": "draft",
    "DPoPAuthentication": "dpop",
    "DPoPKey": "dpop",
    "DPoPNonces": "dpop",
    "DPoPProofs": "dpop",
    "DeviceAuthorization": "token_endpoint",
    "LoginRequest": "login",
    "LogoutToken": "logout_token",
    "build_login": "login",
    "build_logout_url": "logout",
    "check_client_auth": "client_auth",
    "check_issuer": "id_token",
    "check_login_key": "login",
    "check_logout_response": "logout_token",
    "check_resources": "authorize",
    "check_token_key": "dpop",
    "client_auth_method": "client_auth",
    "completed_flow": "server_metadata",
    "described_provider": "client_metadata",
    "device_authorization_flow": "token_endpoint",
    "device_token_flow": "token_endpoint",
    "grant_name": "grants",
    "introspection_flow": "token_endpoint",
    "is_checked": "id_token",
    "is_nonce_challenge": "dpop",
    "is_signed_mode": "authorize",
    "jwks_flow": "jwk_set",
    "keys_flow": "id_token",
    "known_method": "client_auth",
    "login_flow": "login",
    "logout_token_flow": "logout_token",
    "make_state": "authorize",
    "nonce_refused": "dpop",
    "parse_callback": "login",
    "parse_front_channel_logout": "logout_token",
    "pushed_login_flow": "login",
    "kept_id_token_flow": "id_token",
    "registration_flow": "registration",
    "renewal_flow": "token_endpoint",
    "revocation_flow": "token_endpoint",
    "server_metadata_flow": "server_metadata",
    "signed_parameters_flow": "jarm",
    "token_flow": "token_endpoint",
}
"""Name -> the module that holds it."""

__all__ = [
    "CLIENT_AUTH_METHODS",
    "DPOP_ALGORITHMS",
    "GRANTS",
    "GRANT_TYPES",
    "METADATA_ENDPOINTS",
    "BearerAuthentication",
    "ClientIdentity",
    "DPoPAuthentication",
    "DPoPKey",
    "DPoPNonces",
    "DPoPProofs",
    "DeviceAuthorization",
    "LoginRequest",
    "LogoutToken",
    "build_login",
    "build_logout_url",
    "check_client_auth",
    "check_issuer",
    "check_login_key",
    "check_logout_response",
    "check_resources",
    "check_token_key",
    "client_auth_method",
    "completed_flow",
    "described_provider",
    "device_authorization_flow",
    "device_token_flow",
    "grant_name",
    "introspection_flow",
    "is_checked",
    "is_nonce_challenge",
    "is_signed_mode",
    "jwks_flow",
    "kept_id_token_flow",
    "keys_flow",
    "known_method",
    "login_flow",
    "logout_token_flow",
    "make_state",
    "nonce_refused",
    "parse_callback",
    "parse_front_channel_logout",
    "pushed_login_flow",
    "registration_flow",
    "renewal_flow",
    "revocation_flow",
    "server_metadata_flow",
    "signed_parameters_flow",
    "token_flow",
]

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
