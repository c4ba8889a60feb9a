"""The schema of definitions as a JSON schema, for editors and validators: what can be said without the rules.

It accepts every file that is a definition. It refuses unknown keys, wrong types, unknown words and what is missing in a
file that extends no other; what must hold between tables, and the syntax of paths, only ``oauthreg check`` knows.

Spec: JSON Schema draft-07.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from oauthreg.claims import CASTS, STANDARD_CLAIMS
from oauthreg.definition import texts
from oauthreg.definition.model import Definition
from oauthreg.definition.names import PROVIDER_NAME
from oauthreg.jose import ENCRYPTION_ALGORITHMS, SIGNING_ALGORITHMS
from oauthreg.oauth2.client_auth import CLIENT_AUTH_METHODS
from oauthreg.oauth2.grants import GRANTS
from oauthreg.signing import SIGNATURE_METHODS

Schema: TypeAlias = dict[str, Any]

SCHEMA_FILE = Path(__file__).with_name("definition.schema.json")
"""The rendered schema, which is part of the package."""

_OPEN: Schema = {"additionalProperties": True}
"""Said where a part of the schema names some keys: a validator that is strict by itself would refuse all others."""

_URL = r"https://|http://(([^/?#]+\.)?localhost|127\.|\[[0-9A-Fa-f:.]+\])|\{"
_PLAIN: Schema = {"type": ["string", "integer", "boolean"]}
_SAID: Mapping[Callable[..., Any], Schema] = MappingProxyType(
    {
        texts.check_schema: {"const": 1},
        texts.check_title: {"pattern": r"\S"},
        texts.check_name: {"pattern": "^[a-z][a-z0-9_]*$", "maxLength": 64},
        texts.check_provider_name: {"pattern": f"^{PROVIDER_NAME}$", "maxLength": 64},
        texts.check_link: {"pattern": "^https?://"},
        texts.check_url: {"pattern": f"^({_URL})"},
        texts.check_base_url: {"pattern": f"^({_URL}).*/$"},
        texts.check_origin: {"pattern": f"^({_URL})"},
        texts.check_variable_source: {"pattern": "^([a-z][a-z0-9_]*$|callback:.|token:.)"},
        texts.check_host: {"pattern": "^[A-Za-z0-9.\\[:_-]+\\]?(:[0-9]+)?$"},
        texts.check_time_zone: {"pattern": "^[A-Z][A-Za-z0-9_+/-]*$"},
        texts.check_route: {"pattern": "^/[^?#]*$"},
        texts.check_header_name: {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
        texts.check_leg_header_name: {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
        texts.check_parameter_name: {"minLength": 1},
        texts.check_path: {"minLength": 1},
        texts.check_denial: {"pattern": r"^[^=\s]"},
        texts.check_signed_text: {"pattern": r"\{"},
        texts.check_plain: _PLAIN,
        texts.check_member: _PLAIN,
        texts.check_key_path: {"pattern": r"^[^.]+(\.[^.]+)*$"},
        texts.check_response_type: {"not": {"pattern": r"(^|\s)token(\s|$)|^\s*id_token\s*$"}},
        texts.check_grant: {"enum": list(GRANTS)},
        texts.check_client_auth: {"enum": list(CLIENT_AUTH_METHODS)},
        texts.check_encryption_algorithm: {"enum": list(ENCRYPTION_ALGORITHMS)},
        texts.check_signing_algorithm: {"enum": list(SIGNING_ALGORITHMS)},
        texts.check_signature_method: {"enum": list(SIGNATURE_METHODS)},
        texts.check_token_field: {"anyOf": [{"enum": list(texts.TOKEN_FIELDS)}, {"not": {"pattern": "^oauth"}}]},
    }
)
"""Check of a single value -> what JSON schema can say of it."""

_JSON_TYPES: Mapping[type, str] = MappingProxyType(
    {str: "string", bool: "boolean", dict: "object", int: "integer", list: "array"}
)
_FLAGS = {
    "https": "`http` becomes `https`",
    "html_unescape": "`&amp;` becomes `&`",
    "urldecode": "`%20` becomes a space",
    "lower": "in lower case",
}
_CLAIM_KEYS: Schema = {
    "path": {"type": "string", "minLength": 1, "description": "where the value stands"},
    "format": {"type": "string", "minLength": 1, "description": "text with paths in braces"},
    "value": {"type": [*_PLAIN["type"], "array"], "description": "a constant"},
    "if": {"type": "string", "minLength": 1, "description": "a path, or `not` and a path"},
    "else": {"description": "the claim if that does not hold", "allOf": [{"$ref": "#/definitions/Claim"}]},
    "as": {"enum": list(CASTS), "description": "the type"},
    "format_in": {"type": "string", "minLength": 1, "description": "how a date is written, as in `%d.%m.%Y`"},
    "map": {"type": "object", "minProperties": 1, "additionalProperties": _PLAIN, "description": "value and claim"},
    "strip_prefix": {"type": "string", "minLength": 1, "description": "what is dropped from the beginning"},
    "join": {"type": "string", "description": "what goes between the items of a list"},
    **{name: {"type": "boolean", "description": said} for name, said in _FLAGS.items()},
}
_CLAIMS: Schema = {
    "Claim": {
        "description": "A path, a list of which the first that gives something counts, or a table.",
        "anyOf": [
            {"$ref": "#/definitions/ClaimSource"},
            {"type": "array", "minItems": 1, "maxItems": 16, "items": {"$ref": "#/definitions/ClaimSource"}},
        ],
    },
    "ClaimSource": {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": _CLAIM_KEYS,
                "additionalProperties": False,
                "oneOf": [{"required": [name]} for name in ("path", "format", "value")],
            },
        ]
    },
}


def render_json_schema() -> str:
    """The text of ``SCHEMA_FILE``."""
    return json.dumps(build_json_schema(), indent=1, ensure_ascii=False) + "\n"


def build_json_schema() -> Schema:
    """The JSON schema of a provider file."""
    generated = Definition.model_json_schema(
        by_alias=True, ref_template="#/definitions/{model}", schema_generator=_Generator
    )
    definitions: Schema = _without_noise(generated.pop("$defs"))
    schema: Schema = _without_noise(generated)
    _say_claims(schema["properties"], definitions)
    needed = _needed(schema, definitions)
    needed["properties"]["claims"] = {"if": {"minProperties": 1}, "then": {"required": ["sub"], **_OPEN}, **_OPEN}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "OAuth provider",
        "description": "One provider of oauthreg.",
        "type": "object",
        "properties": schema["properties"],
        "additionalProperties": False,
        # What a file leaves out may be in the one that it extends.
        "if": {"required": ["extends"], **_OPEN},
        "else": needed,
        "definitions": dict(sorted((definitions | _CLAIMS).items())),
    }


class _Generator(GenerateJsonSchema):
    """Says of each check what JSON schema can say; nothing is nullable, since TOML has no null."""

    def function_after_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of the value, and what its check demands of it."""
        return self.generate_inner(schema["schema"]) | _SAID.get(schema["function"]["function"], {})

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        """A list, of which a single item may stand alone."""
        inner = self.generate_inner(schema["schema"])
        return {"anyOf": [inner["items"], inner]}

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of the value where there is one."""
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of a table with free names, and what holds for these."""
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        names = {name: value for name, value in keys.items() if name != "type"}
        values = self.generate_inner(schema["values_schema"]) if "values_schema" in schema else {}
        made: Schema = {"type": "object", "additionalProperties": values or True}
        return made | ({"propertyNames": names} if names else {})


def _without_noise(value: Any) -> Any:
    """Without generated titles and empty defaults; a reference that has neighbours is wrapped, as draft-07 wants."""
    if isinstance(value, list):
        return [_without_noise(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {
        name: _without_noise(item)
        for name, item in value.items()
        if not (name == "title" and isinstance(item, str)) and not (name == "default" and item in (None, "", []))
    }
    if isinstance(made.get("description"), str):
        made["description"] = " ".join(made["description"].replace("``", "`").split())
    if "$ref" in made and len(made) > 1:
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made


def _say_claims(properties: Schema, definitions: Schema) -> None:
    """Put the language of claims in place of a free table."""
    claim: Schema = {"$ref": "#/definitions/Claim"}
    properties["claims"] |= {"properties": dict.fromkeys(STANDARD_CLAIMS, claim), "additionalProperties": claim}
    definitions["Example"]["properties"]["claims"] |= {
        "properties": {name: {"type": _JSON_TYPES[kind]} for name, kind in STANDARD_CLAIMS.items()}
    }


def _needed(table: Schema, definitions: Schema) -> Schema:
    """The keys that this table and those in it need, taken out of them: a table in a list is always whole."""
    needed: Schema = {"required": table["required"], **_OPEN} if table.get("required") else {}
    inner = {
        name: found for name, definition in _tables(table, definitions) if (found := _needed(definition, definitions))
    }
    for _, definition in _tables(table, definitions):
        definition.pop("required", None)
    return needed | ({"properties": inner, **_OPEN} if inner else {})


def _tables(table: Schema, definitions: Schema) -> Iterator[tuple[str, Schema]]:
    """The keys of a table that are tables themselves."""
    for name, schema in table.get("properties", {}).items():
        (reference,) = schema.get("allOf", [schema])
        if "$ref" in reference:
            yield name, definitions[reference["$ref"].rpartition("/")[2]]
