import json


def test_names_titles_protocols_and_files_are_listed(oauthreg):
    done = oauthreg("list")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0].split() == ["name", "title", "protocol", "status", "file", "warning"]
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    assert rows["acme"] == ["acme", "Acme", "oauth1", "alive", "providers/acme.toml"]
    assert "acme-keys" in rows
    assert list(rows) == sorted(rows)


def test_a_later_place_hides_an_earlier_one(oauthreg, folder):
    (folder / "providers" / "twitter.toml").write_text((folder / "providers" / "acme.toml").read_text())
    rows = {row["name"]: row for row in json.loads(oauthreg("list", "--json").out)}
    assert rows["twitter"] == {
        "name": "twitter",
        "title": "Acme",
        "protocol": "oauth1",
        "status": "alive",
        "file": "providers/twitter.toml",
        "warning": "",
    }


def test_a_broken_file_hurts_nobody_else(oauthreg, broken):
    done = oauthreg("list")
    assert done.code == 0
    assert done.err == "broken cannot be used: see `oauthreg check providers/broken.toml`\n"
    row = next(line for line in done.out.splitlines() if line.startswith("broken"))
    assert row.split() == ["broken", "invalid", "providers/broken.toml"]


def test_doubtful_values_are_listed_with_provider_key_and_value(oauthreg, folder):
    text = (folder / "providers" / "acme.toml").read_text()
    text = text.replace('sub = "id"', 'sub = "id" # unconfirmed: seen once').replace("[meta]", "[meta] # unconfirmed")
    (folder / "providers" / "acme.toml").write_text(text)
    done = oauthreg("list", "--doubtful")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["name", "key", "value", "place"]
    assert [line for line in lines if line[0] == "acme"] == [
        ["acme", "claims.sub", '"id"', "providers/acme.toml:13"],
        ["acme", "meta", "providers/acme.toml:16"],
    ]
    assert not any(line[0] == "acme-keys" for line in lines)
    assert {
        "name": "acme",
        "key": "claims.sub",
        "value": '"id"',
        "place": "providers/acme.toml:13",
        "comment": "unconfirmed: seen once",
    } in json.loads(oauthreg("list", "--doubtful", "--json").out)


def test_doubts_of_a_file_that_cannot_be_read_are_passed_over(oauthreg, folder):
    (folder / "providers" / "broken.toml").write_text("schema = ")
    done = oauthreg("list", "--doubtful")
    assert done.code == 0
    assert done.err == "broken cannot be used: see `oauthreg check providers/broken.toml`\n"


def test_what_has_ended_is_said(oauthreg, folder):
    path = folder / "providers" / "acme.toml"
    path.write_text(path.read_text() + "\n[lifecycle]\nclosed_to_new_apps = 2020-01-01\n")
    rows = {row["name"]: row for row in json.loads(oauthreg("list", "--json").out)}
    assert rows["acme"]["warning"] == "closed to new applications from 2020-01-01 on"
    assert "closed to new applications" in oauthreg("list").out
