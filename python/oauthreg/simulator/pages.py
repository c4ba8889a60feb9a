"""The pages that the person sees: plain HTML that works with a keyboard, a screen reader and without scripts."""

from collections.abc import Sequence
from html import escape

from oauthreg.messages import Pairs, Response

_STYLE = (
    ":root{color-scheme:light dark;font:100%/1.5 system-ui,sans-serif}"
    "body{max-width:32rem;margin:10vh auto;padding:0 1rem}"
    "button{font:inherit;padding:.5rem 1.5rem;margin:0 1rem 0 0}"
    "code{font-size:1.25rem}"
)


def render_consent(title: str, client_id: str, scope: str | None) -> Response:
    """Asks the person: two buttons that post ``decision=approve`` or ``decision=deny`` to the page's own URL."""
    wanted = f"<p>It asks for: <strong>{escape(scope)}</strong></p>\n" if scope else ""
    return _page(
        f"Authorize: {title} (simulated)",
        f"<h1>{escape(title)}</h1>\n"
        f"<p>The application <strong>{escape(client_id)}</strong> asks for access to your account.</p>\n"
        f"{wanted}"
        "<p>This is a simulated provider: nothing leaves this machine.</p>\n"
        '<form method="post">\n'
        '<button type="submit" name="decision" value="approve">Approve</button>\n'
        '<button type="submit" name="decision" value="deny">Deny</button>\n'
        "</form>",
    )


def render_verifier(title: str, verifier: str) -> Response:
    """Shows the code that the person carries to the application by hand (out of band)."""
    return _page(
        f"Your code: {title} (simulated)",
        f"<h1>{escape(title)}</h1>\n<p>Type this code into the application:</p>\n"
        f'<p><code id="verifier">{escape(verifier)}</code></p>',
    )


def render_form_post(title: str, redirect_uri: str, pairs: Pairs) -> Response:
    """Lets the browser post the answer to the application (response mode ``form_post``)."""
    fields = "\n".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in pairs)
    return _page(
        f"Back to the application: {title} (simulated)",
        f"<h1>{escape(title)}</h1>\n"
        f'<form method="post" action="{escape(redirect_uri)}" id="callback">\n{fields}\n'
        '<button type="submit">Back to the application</button>\n</form>',
    )


def render_device_login(title: str) -> Response:
    """Asks the person for the code that the device shows."""
    return _page(
        f"Connect a device: {title} (simulated)",
        f"<h1>{escape(title)}</h1>\n"
        '<form method="get">\n'
        '<p><label>The code on the device: <input name="user_code" autocomplete="off"></label></p>\n'
        '<button type="submit">Go on</button>\n</form>',
    )


def render_done(title: str, sentence: str) -> Response:
    """Says that the person's part is over, and that nothing needs to be carried anywhere."""
    return _page(f"{title} (simulated)", f'<h1>{escape(title)}</h1>\n<p id="done">{escape(sentence)}</p>')


def render_notice(title: str, sentences: Sequence[str], *, status: int = 200) -> Response:
    """Says something, with no way on: access was denied, or the request cannot be answered."""
    said = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return _page(f"{title} (simulated)", f"<h1>{escape(title)}</h1>\n{said}", status=status)


def _page(title: str, body: str, *, status: int = 200) -> Response:
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    headers = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }
    return Response(status, headers, text.encode())
