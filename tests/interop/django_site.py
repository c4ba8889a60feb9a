"""django-oauth-toolkit in one file; INTEROP says who is known to it. Its first line is its origin.

Runs in a process of its own: Django's settings are those of a process.
"""

import json
import os

import django
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.urls import include, path

GIVEN = json.loads(os.environ["INTEROP"])
USER = GIVEN["user"]
KINDS = {
    "authorization_code": "authorization-code",
    "client_credentials": "client-credentials",
    "password": "password",
}
"""The first grant of a client -> what the toolkit calls it; an application has one kind."""
APPS = {
    "auth": "django.contrib.auth",
    "contenttypes": "django.contrib.contenttypes",
    "sessions": "django.contrib.sessions",
    "messages": "django.contrib.messages",
    "oauth2_provider": "oauth2_provider",
}
LOGIN_PAGE = '<form method="post">{% csrf_token %}{{ form }}<button>Log in</button></form>'

settings.configure(
    SECRET_KEY="interop",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/login/",
    USE_TZ=True,
    INSTALLED_APPS=[*APPS.values()],
    MIGRATION_MODULES=dict.fromkeys(APPS),  # tables come from the models, in a tenth of the time
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{GIVEN['folder']}/django.sqlite"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"login.html": LOGIN_PAGE}),
                    "django.template.loaders.app_directories.Loader",
                ],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
            },
        }
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": GIVEN["server_pem"],
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
        "PKCE_REQUIRED": True,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
        "REQUEST_APPROVAL_PROMPT": "force",
        "SCOPES": {"openid": "who you are", "profile": "your name", "email": "your address", "introspection": "ask"},
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - the settings must stand first
from django.contrib.auth.views import LoginView  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402

urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


class Validator(OAuth2Validator):
    def get_additional_claims(self, request):
        return {"sub": request.user.username, "name": request.user.first_name, "email": request.user.email}


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *arguments):
        """Nothing: the tests tell what went wrong."""


def register(client):
    is_public = client["client_auth"] == "none"
    Application.objects.create(
        client_id=client["client_id"],
        client_secret=client["client_secret"] or "",
        client_type=Application.CLIENT_PUBLIC if is_public else Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=KINDS[client["grants"][0]],
        redirect_uris=GIVEN["callback"],
        algorithm="RS256",
    )


def serve():
    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create_user(USER["sub"], USER["email"], GIVEN["password"], first_name=USER["name"])
    for client in GIVEN["clients"]:
        register(client)
    from django.core.wsgi import get_wsgi_application

    server = ThreadedWSGIServer(("127.0.0.1", 0), _QuietHandler)
    server.set_app(get_wsgi_application())
    print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - the tests read it
    server.serve_forever()


if __name__ == "__main__":
    serve()
