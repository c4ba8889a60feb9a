"""Records behave as the frozen, slotted dataclasses of the standard library do."""

import copy
import dataclasses
import inspect
import pickle
from types import MappingProxyType

import pytest

from oauthreg.claims import Profile
from oauthreg.login import PendingLogin
from oauthreg.messages import Response
from oauthreg.records import dataclass, field, replace
from oauthreg.token import OAuth1Token


@dataclass(frozen=True, slots=True)
class Ours:
    name: str
    secret: str = field(default="", repr=False)
    rows: list = field(default_factory=list, hash=False)
    note: str | None = field(default=None, compare=False)

    @property
    def shouted(self):
        return self.name.upper()


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    name: str
    secret: str = dataclasses.field(default="", repr=False)
    rows: list = dataclasses.field(default_factory=list, hash=False)
    note: str | None = dataclasses.field(default=None, compare=False)


@dataclass(slots=True)
class Draft:
    name: str
    rows: list = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Named:
    name: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    name: str
    size: int = field(init=False)
    kind: str = field(default="made", init=False)
    rows: list = field(default_factory=list, init=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "size", len(self.name))


GIVEN = [(("a",), {}), (("a", "b"), {"note": "n"}), ((), {"name": "a", "rows": [1]}), (("a", "b", [2], "n"), {})]


@pytest.mark.parametrize(("values", "named"), GIVEN)
def test_a_record_is_what_the_standard_library_makes(values, named):
    ours, theirs = Ours(*values, **named), Theirs(*values, **named)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert hash(ours) == hash(theirs)
    assert ours == Ours(*values, **named)
    assert ours != Ours("other")
    assert ours != theirs
    assert dataclasses.replace(ours, name="c") == replace(ours, name="c") == Ours("c", ours.secret, ours.rows)


def test_what_says_nothing_of_equality_is_not_compared():
    assert Ours("a", note="one") == Ours("a", note="two")
    assert Ours("a", rows=[1]) != Ours("a", rows=[2])
    assert hash(Ours("a", rows=[1])) == hash(Ours("a", rows=[2]))


def test_defaults_are_made_anew():
    assert Ours("a").rows is not Ours("a").rows


def test_fields_and_signature_are_the_standard_ones():
    assert dataclasses.is_dataclass(Ours)
    assert [(one.name, one.type, one.repr) for one in dataclasses.fields(Ours)] == [
        (one.name, one.type, one.repr) for one in dataclasses.fields(Theirs)
    ]
    assert inspect.signature(Ours) == inspect.signature(Theirs)
    assert str(inspect.signature(Named)) == "(*, name: str, size: int = 0) -> None"
    assert (Ours.__slots__, Ours.__match_args__, Named.__match_args__) == (Theirs.__slots__, Theirs.__match_args__, ())
    assert Ours("a").shouted == "A"


def test_what_is_made_of_the_arguments_is_none():
    record = Made("abc")
    assert (record.size, record.kind, record.rows) == (3, "made", [])
    assert replace(record, name="ab") == dataclasses.replace(record, name="ab") == Made("ab")
    assert Made.__match_args__ == ("name",)
    assert str(inspect.signature(Made)) == "(name: str) -> None"
    with pytest.raises(TypeError, match="unknown or repeated arguments: 'size'"):
        Made("abc", size=1)
    with pytest.raises(TypeError, match="takes 1 positional arguments but 2 were given"):
        Made("abc", 3)


def test_a_record_is_frozen():
    record = Ours("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name' of Ours"):
        record.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'other' of Ours"):
        record.other = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name' of Ours"):
        del record.name
    assert record == Ours("a")


def test_a_draft_is_not():
    draft = Draft("a")
    draft.name = "b"
    assert draft == Draft("b")
    with pytest.raises(TypeError, match="unhashable"):
        hash(draft)
    with pytest.raises(AttributeError):
        draft.other = 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("record", [Ours("a", "b", [1], "n"), Draft("a", [1]), Named(name="a")])
def test_a_record_is_copied(record, copied):
    assert copied(record) == record


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize(
    "record",
    [
        OAuth1Token("t", "s", MappingProxyType({"user_id": "7"})),
        PendingLogin("acme", "oauth2", "https://a.example/", None, MappingProxyType({"state": "s"}), 17),
        Profile.from_claims({"sub": "7", "groups": ["a"]}, raw={"userinfo": {"id": 7}}),
        Response(200, MappingProxyType({"a": "b"}), b"{}"),
    ],
)
def test_a_record_is_copied_with_its_read_only_mappings(record, copied):
    made = copied(record)
    assert made == record
    for name in ("extra", "values", "raw", "headers"):
        assert getattr(made, name, None) == getattr(record, name, None)
        assert type(getattr(made, name, None)) is type(getattr(record, name, None))


@pytest.mark.parametrize(
    ("cls", "values", "named", "message"),
    [
        (Ours, (), {}, "Ours() is missing the argument 'name'"),
        (Ours, (), {"secret": "s"}, "Ours() is missing the argument 'name'"),
        (Ours, ("a",), {"name": "b"}, "Ours() got unknown or repeated arguments: 'name'"),
        (Ours, ("a",), {"nmae": "b", "secret": "s"}, "Ours() got unknown or repeated arguments: 'nmae'"),
        (Ours, ("a", "b", [], None, 1), {}, "Ours() takes 4 positional arguments but 5 were given"),
        (Named, ("a",), {}, "Named() takes 0 positional arguments but 1 were given"),
    ],
)
def test_wrong_arguments_are_refused(cls, values, named, message):
    with pytest.raises(TypeError) as caught:
        cls(*values, **named)
    assert str(caught.value) == message


def test_a_class_derived_from_a_record_keeps_its_own_way_of_being_made():
    @dataclass(frozen=True, slots=True)
    class Token:
        token: str
        secret: str = ""

    class Row(Token):
        def __init__(self, row):
            super().__init__(row["t"], row["s"])

    class Renamed(Token):
        pass

    for _ in range(3):
        assert Row({"t": "a", "s": "b"}) == Row({"t": "a", "s": "b"})
        assert (Row({"t": "a", "s": "b"}).token, Row({"t": "a", "s": "b"}).secret) == ("a", "b")
        assert Renamed("a").token == Token("a").token == "a"


def test_what_is_no_record_is_refused():
    with pytest.raises(TypeError, match="Heir has no slots, or a base"):

        @dataclass(frozen=True, slots=True)
        class Heir(Ours):
            more: str = ""

    with pytest.raises(TypeError, match="Loose has no slots, or a base"):

        @dataclass(frozen=True, slots=False)
        class Loose:
            more: str = ""
