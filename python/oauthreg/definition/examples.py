"""Whether the examples of a definition give the claims that they promise."""

from collections.abc import Iterator

from oauthreg.claims import parse_claims
from oauthreg.definition.diagnostics import Finding
from oauthreg.definition.model import Definition
from oauthreg.definition.requests import claims_of, documents_of
from oauthreg.errors import quoted


def check_examples(definition: Definition) -> Iterator[Finding]:
    """Every claim that comes out otherwise than its example says."""
    template = parse_claims(claims_of(definition), documents=documents_of(definition))
    for index, example in enumerate(definition.example):
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


_LOOK = "compare `[claims]` with the example's documents"
