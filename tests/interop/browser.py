"""What a user's browser does at a server's pages: reads their forms, fills them in, and follows where it is sent.

It keeps cookies and runs no script. One browser is one user.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from aiohttp import ClientSession, CookieJar
from yarl import URL

_MOST_STEPS = 20
_BUTTONS = ("submit", "image", "button", "reset")


class LostError(Exception):
    """The pages led nowhere that the browser was looking for."""


@dataclass(slots=True)
class Form:
    """A form as a page has it: ``fields`` as they would be sent, ``buttons`` as ``(name, value)``.

    ``name`` is the id by which a button elsewhere on the page belongs to it.
    """

    action: str
    method: str
    name: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, answers: Mapping[str, str]) -> dict[str, str]:
        """What is sent: the user's answers in the fields that are there, and the button that the user presses."""
        fields = {name: answers.get(name, value) for name, value in self.fields.items()}
        pressed = next(((name, value) for name, value in self.buttons if answers.get(name) == value), None)
        return fields | (dict([pressed]) if pressed else {})


class _Page(HTMLParser):
    """The forms and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._silent = False
        self._open: Form | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._silent = tag in ("style", "script")
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower(), given.get("id", ""))
            self.forms.append(self._open)
        form = (
            next((form for form in self.forms if form.name == given["form"]), None) if "form" in given else self._open
        )
        if form is None or not given.get("name"):
            return
        if tag == "button" or (tag == "input" and given.get("type") in _BUTTONS):
            form.buttons.append((given["name"], given.get("value", "")))
        elif tag in ("input", "select", "textarea"):
            form.fields[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self.words += [] if self._silent else data.split()

    def handle_endtag(self, tag: str) -> None:
        self._silent = False
        if tag == "form":
            self._open = None


class Browser:
    """One user's browser."""

    def __init__(self) -> None:
        self.session = ClientSession(cookie_jar=CookieJar(unsafe=True))  # the servers have addresses, no names

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.session.close()

    async def visit(
        self, url: str, answers: Mapping[str, str], *, until: str = "", shows: str = "", follow: str = ""
    ) -> str:
        """The URL that begins with ``until`` and to which the browser was sent, or the words of a page with ``shows``.

        A form that is posted there is given as a query. On each page the link that ends with ``follow`` is followed, if
        there is one; else the first form that is posted is filled in with ``answers`` and sent. Raises ``LostError``.
        """
        method, fields, referrer = "GET", {}, url
        for _ in range(_MOST_STEPS):
            async with self.session.request(
                method,
                URL(url, encoded=True),
                data=fields or None,
                headers={"Referer": referrer, "Accept": "text/html"},
                allow_redirects=False,
            ) as response:
                text, status, target = await response.text(), response.status, response.headers.get("Location")
            referrer, method, fields = url, "GET", {}
            if target is not None and 300 <= status < 400:
                url = _joined(url, target)
                if until and target.startswith(until):
                    return target
                continue
            page = _Page(text)
            words = " ".join(page.words)
            if shows and shows in words:
                return words
            link = next((link for link in page.links if follow and link.endswith(follow)), None)
            form = next((form for form in page.forms if form.method == "post"), None)
            if link is not None:
                url = _joined(url, link)
            elif form is not None:
                url = _joined(url, form.action) if form.action else url
                method, fields = "POST", form.filled(answers)
                if until and url.startswith(until):
                    return f"{url}?{urlencode(fields)}"
            else:
                raise LostError(f"nothing to do at {url} (status {status}): {words[:400]}")
        raise LostError(f"still not there after {_MOST_STEPS} pages: {url}")

    async def call(self, method: str, url: str, body: Mapping[str, str]) -> None:
        """What a page's program would ask. Raises ``LostError`` when it is refused."""
        async with self.session.request(method, URL(url, encoded=True), json=body) as response:
            if response.status != 200:
                raise LostError(f"{method} {url}: status {response.status}")


def _joined(url: str, target: str) -> str:
    return str(URL(url, encoded=True).join(URL(target, encoded=True)))
