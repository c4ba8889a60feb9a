"""OAuth 2.0 without input and output: authorization request and response, grants, client authentication, tokens.

Names are loaded when they are first used: a client that only makes requests needs neither logins nor grants.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.oauth2.authorize import (
        check_resources as check_resources,
        make_state as make_state,
    )
    from oauthreg.oauth2.bearer import (
        BearerAuthentication as BearerAuthentication,
    )
    from oauthreg.oauth2.client_auth import (
        CLIENT_AUTH_METHODS as CLIENT_AUTH_METHODS,
        check_client_auth as check_client_auth,
        client_auth_method as client_auth_method,
    )
    from oauthreg.oauth2.draft import (
        ClientIdentity as ClientIdentity,
    )
    from oauthreg.oauth2.grants import (
        GRANT_TYPES as GRANT_TYPES,
        GRANTS as GRANTS,
    )
    from oauthreg.oauth2.id_token import (
        read_id_token as read_id_token,
    )
    from oauthreg.oauth2.login import (
        LoginRequest as LoginRequest,
        build_login as build_login,
        login_flow as login_flow,
        parse_callback as parse_callback,
        pushed_login_flow as pushed_login_flow,
    )
    from oauthreg.oauth2.logout import (
        build_logout_url as build_logout_url,
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
    "GRANTS": "grants",
    "GRANT_TYPES": "grants",
    "BearerAuthentication": "bearer",
    "ClientIdentity": "draft",
    "DeviceAuthorization": "token_endpoint",
    "LoginRequest": "login",
    "build_login": "login",
    "build_logout_url": "logout",
    "check_client_auth": "client_auth",
    "check_resources": "authorize",
    "client_auth_method": "client_auth",
    "device_authorization_flow": "token_endpoint",
    "device_token_flow": "token_endpoint",
    "introspection_flow": "token_endpoint",
    "login_flow": "login",
    "make_state": "authorize",
    "parse_callback": "login",
    "pushed_login_flow": "login",
    "read_id_token": "id_token",
    "renewal_flow": "token_endpoint",
    "revocation_flow": "token_endpoint",
    "token_flow": "token_endpoint",
}
"""Name -> the module that holds it."""

__all__ = [
    "CLIENT_AUTH_METHODS",
    "GRANTS",
    "GRANT_TYPES",
    "BearerAuthentication",
    "ClientIdentity",
    "DeviceAuthorization",
    "LoginRequest",
    "build_login",
    "build_logout_url",
    "check_client_auth",
    "check_resources",
    "client_auth_method",
    "device_authorization_flow",
    "device_token_flow",
    "introspection_flow",
    "login_flow",
    "make_state",
    "parse_callback",
    "pushed_login_flow",
    "read_id_token",
    "renewal_flow",
    "revocation_flow",
    "token_flow",
]


__getattr__ = load_from(globals(), _HOME)
