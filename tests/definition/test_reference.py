"""``providers/README.md`` tells every key of the schema: its tables come from the models and from real files.

``OAUTHREG_UPDATE_GOLDEN=1`` writes them anew between the two marks.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from oauthreg.definition.model import Definition
from oauthreg.definition.spans import Spans
from oauthreg.definition.validation import bare_type, is_model

PROVIDERS = Path(__file__).parents[2] / "providers"
README = PROVIDERS / "README.md"
BEGIN, END = "<!-- reference -->\n", "<!-- end of reference -->"
LONGEST = 60


def places(model=Definition, path=()):
    """Every table of the schema: the keys that lead to it (``NAME`` for any), whether it repeats, and its model."""
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        annotation = bare_type(field.annotation)
        inner = [bare_type(argument) for argument in get_args(annotation)]
        if is_model(annotation):
            found, repeats, table = here, False, annotation
        elif inner and is_model(inner[-1]):
            found, repeats, table = (*here, "NAME"), False, inner[-1]
        elif inner and is_model(inner[0]):
            found, repeats, table = here, True, inner[0]
        else:
            continue
        yield found, repeats, table
        yield from places(table, found)


def tables():
    """Each model once, with its headers in the order of the schema; the whole file first, under none."""
    found = {Definition: []}
    for path, repeats, model in places():
        header = ".".join(path)
        found.setdefault(model, []).append(f"[[{header}]]" if repeats else f"[{header}]")
    return found


def keys(model: type[BaseModel]):
    return {field.alias or name: field for name, field in model.model_fields.items()}


def used_keys():
    """Model and key -> how the first file that has it writes it, and that file's name."""
    models = {path: model for path, _, model in places()}
    found = {}
    for path in sorted(PROVIDERS.glob("*.toml")):
        text = path.read_text("utf-8")
        spans = Spans(text)
        for written in walk(tomllib.loads(text)):
            model = model_at(models, [key for key in written[:-1] if isinstance(key, str)])
            place = spans.value(written)
            shown = spans.line(place.line)[place.column - 1 : place.column - 1 + place.length]
            is_short = (len(shown) <= LONGEST and not (shown + " ")[0].isalpha()) or shown in {"true", "false"}
            if model and written[-1] in keys(model) and is_short and (written not in models or "=" in shown):
                found.setdefault((model, written[-1]), (shown, path.stem))
    return found


def walk(value, path=()):
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*path, key))


def model_at(models, path):
    """The model of a table at a path, or ``None`` where names are free."""
    at = ()
    for key in path:
        at = next(
            (step for step in ((*at, key), (*at, "NAME")) if any(known[: len(step)] == step for known in models)), None
        )
        if at is None:
            return None
    return models.get(at, Definition if not at else None)


def toml(value):
    """A default as a file would write it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            return str(value)


def default_of(field):
    if field.is_required():
        return "needed"
    if field.default_factory is not None or field.default in (None, "", ()):
        return ""
    return f"`{toml(field.default)}`"


def render_reference():
    """The tables of the reference."""
    used = used_keys()
    lines = []
    for model, headers in tables().items():
        text = re.sub(r"\s+", " ", (model.__doc__ or "").partition(": ")[2]).strip().replace("``", "`")
        lines += [f"### `{headers[0]}`" if headers else "### The top of the file", ""]
        lines += [f"{text[:1].upper()}{text[1:]}", ""] if headers else []
        lines += [f"The same keys: {', '.join(f'`{header}`' for header in headers[1:])}.", ""] if headers[1:] else []
        lines += ["| key | default | what it says | example |", "| --- | --- | --- | --- |"]
        for key, field in keys(model).items():
            example, stem = used.get((model, key), ("", ""))
            shown = f"`{escaped(example)}` ({stem})" if example else ""
            lines.append(f"| `{key}` | {default_of(field)} | {escaped(field.description)} | {shown} |")
        lines.append("")
    return "\n".join(lines)


def escaped(text):
    return text.replace("|", "\\|")


def test_the_reference_is_what_the_models_say():
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    written, _, after = rest.partition(END)
    rendered = f"\n{render_reference()}"
    if os.environ.get("OAUTHREG_UPDATE_GOLDEN") == "1":
        README.write_text(f"{before}{BEGIN}{rendered}{END}{after}", "utf-8")
        written = rendered
    assert written == rendered


def test_every_key_has_a_row_and_no_row_is_without_a_key():
    reference = README.read_text("utf-8").partition(BEGIN)[2]
    rows = re.findall(r"(?m)^(###|\|(?= `)) `?([^`|\n-]+)`?", reference)
    expected = []
    for model, headers in tables().items():
        expected += [("###", headers[0] if headers else "The top of the file"), *(("|", key) for key in keys(model))]
    assert rows == expected
    named = re.findall(r"`(\[+[a-zA-Z0-9_.]+\]+)`", "".join(re.findall(r"(?m)^(?:###|The same keys:).*$", reference)))
    assert sorted(named) == sorted(header for headers in tables().values() for header in headers)


def test_the_example_in_the_introduction_is_a_definition():
    texts = re.findall(r"```toml\n(.*?)```", README.read_text("utf-8").partition(BEGIN)[0], re.DOTALL)
    assert len(texts) == 2
    for text in texts:
        assert Definition.model_validate(tomllib.loads(text)).example
