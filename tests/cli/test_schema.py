import json
from pathlib import Path


def test_the_schema_is_printed(oauthreg, golden):
    done = oauthreg("schema")
    assert (done.code, done.err) == (0, "")
    schema = json.loads(done.out)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    golden("schema-keys.txt", "\n".join(schema["properties"]) + "\n")
    assert oauthreg("schema", "--json").out == done.out


def test_the_schema_has_a_file_that_editors_can_be_told_of(oauthreg):
    path = oauthreg("schema", "--path").out.rstrip("\n")
    assert Path(path).is_absolute()
    assert Path(path).read_text("utf-8") == oauthreg("schema").out
    assert json.loads(oauthreg("schema", "--path", "--json").out) == {"path": path}
