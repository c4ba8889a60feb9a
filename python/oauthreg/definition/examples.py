"""Whether the examples of a definition are good answers and give the claims that they promise."""

from collections.abc import Iterator

from oauthreg.claims import parse_claims
from oauthreg.definition.compile import error_rule
from oauthreg.definition.diagnostics import Finding
from oauthreg.definition.model import Definition
from oauthreg.definition.requests import claims_of, documents_of
from oauthreg.errors import quoted
from oauthreg.provider import ErrorRule


def check_examples(definition: Definition) -> Iterator[Finding]:
    """Every document that would be refused, and every claim that comes out otherwise than its example says."""
    rules = _error_rules(definition)
    template = parse_claims(claims_of(definition), documents=documents_of(definition))
    for index, example in enumerate(definition.example):
        for name, (place, rule) in rules.items():
            document = example.documents.get(name)
            if document is not None and rule.holds(document, document if isinstance(document, str) else ""):
                yield Finding(
                    ("example", index, name),
                    f"an error by `{place}`, not an answer that says who the user is: `{name}`",
                    "write what the provider answers when all is well, or mend the test for errors",
                    at="key",
                )
        rendered = template.render(example.documents)
        for name, expected in example.claims.items():
            if name not in rendered:
                yield Finding(("example", index, "claims", name), f"the documents give no `{name}`", _LOOK)
            elif rendered[name] != expected or type(rendered[name]) is not type(expected):
                yield Finding(
                    ("example", index, "claims", name),
                    f"the documents give another `{name}`: {quoted(rendered[name])}",
                    _LOOK,
                )
        for name in sorted(rendered.keys() - example.claims.keys()):
            yield Finding(
                ("example", index, "claims"),
                f"the documents also give `{name}`: {quoted(rendered[name])}",
                _LOOK,
                at="key",
            )


def _error_rules(definition: Definition) -> dict[str, tuple[str, ErrorRule]]:
    """The document of an identity request -> the table that tells its errors, and how."""
    tables = {"userinfo": ("[userinfo.error]", definition.userinfo.error)}
    tables |= {request.name: ("[identity.request.error]", request.error) for request in definition.identity.request}
    general = ("[api.error]", definition.api.error)
    chosen = {name: own if own[1] is not None else general for name, own in tables.items()}
    return {name: (place, rule) for name, (place, table) in chosen.items() if (rule := error_rule(table)) is not None}


_LOOK = "compare `[claims]` with the example's documents"
