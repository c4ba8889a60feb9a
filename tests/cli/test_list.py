import json


def test_names_titles_protocols_and_files_are_listed(oauthreg):
    done = oauthreg("list")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0].split() == ["name", "title", "protocol", "status", "file"]
    assert "acme-keys" in lines[2]
    assert lines[1].split() == ["acme", "Acme", "oauth1", "alive", "providers/acme.toml"]


def test_a_later_place_hides_an_earlier_one(oauthreg, folder):
    (folder / "providers" / "twitter.toml").write_text((folder / "providers" / "acme.toml").read_text())
    rows = {row["name"]: row for row in json.loads(oauthreg("list", "--json").out)}
    assert rows["twitter"] == {
        "name": "twitter",
        "title": "Acme",
        "protocol": "oauth1",
        "status": "alive",
        "file": "providers/twitter.toml",
    }


def test_a_broken_file_hurts_nobody_else(oauthreg, broken):
    done = oauthreg("list")
    assert done.code == 0
    assert done.err == "broken cannot be used: see `oauthreg check providers/broken.toml`\n"
    row = next(line for line in done.out.splitlines() if line.startswith("broken"))
    assert row.split() == ["broken", "invalid", "providers/broken.toml"]
