"""Examples give the claims that they promise."""

from oauthreg.definition.examples import check_examples


def findings(define, claims, *examples):
    definition = define(claims=claims, example=list(examples))
    return [(finding.path, finding.message) for finding in check_examples(definition)]


CLAIMS = {"sub": "id", "name": "name"}


def test_an_example_that_holds_has_no_findings(define):
    assert findings(define, CLAIMS, {"userinfo": {"id": 1, "name": "Ada"}, "claims": {"sub": "1", "name": "Ada"}}) == []


def test_every_claim_that_differs_is_found(define):
    example = {"userinfo": {"id": 1, "name": "Ada"}, "claims": {"sub": "2", "email": "a@example.org"}}
    assert findings(define, CLAIMS, {"userinfo": {"id": 7}, "claims": {"sub": "7"}}, example) == [
        (("example", 1, "claims", "sub"), "the documents give another `sub`: '1'"),
        (("example", 1, "claims", "email"), "the documents give no `email`"),
        (("example", 1, "claims"), "the documents also give `name`: 'Ada'"),
    ]


def test_a_number_is_not_the_text_of_it_and_no_boolean(define):
    claims = {"sub": "id", "age": {"path": "age", "as": "int"}}
    document = {"id": 1, "age": 1}
    assert findings(define, claims, {"userinfo": document, "claims": {"sub": "1", "age": 1}}) == []
    assert len(findings(define, claims, {"userinfo": document, "claims": {"sub": "1", "age": True}})) == 1


def test_documents_may_be_of_every_kind(define):
    claims = {"sub": "token:id", "role": "callback:role", "address_of_mail": "emails:[0]"}
    requests = {"request": [{"name": "emails", "url": "https://api.acme.example/emails"}]}
    definition = define(
        claims=claims,
        identity=requests,
        example=[
            {
                "token": {"id": "1"},
                "callback": {"role": "3"},
                "emails": ["a@example.org"],
                "claims": {"sub": "1", "role": "3", "address_of_mail": "a@example.org"},
            }
        ],
    )
    assert list(check_examples(definition)) == []
