import pytest

from oauthreg.messages import Response
from oauthreg.simulator.faults import Body, ContentType, Faults, Half, Missing, Slow, Status, build_error, spoil

ANSWER = Response(200, {"content-type": "text/plain", "x": "1"}, b"a=1&b=2%203")


def test_a_fault_is_taken_as_often_as_it_was_armed_and_in_order():
    faults = Faults()
    faults.arm("token", Status(500), 2)
    faults.arm("token", Status(503), 1)
    faults.arm("api", Half(), 1)
    taken = [faults.take("token") for _ in range(4)]
    assert taken == [Status(500), Status(500), Status(503), None]
    assert faults.take("api") == Half()
    faults.arm("api", Half(), 0)
    assert faults.armed == []


def test_a_status_replaces_the_answer():
    answer = build_error(Status(429, "slow down", (("Retry-After", "7"),)))
    assert (answer.status, answer.body) == (429, b"slow down")
    assert answer.headers == {"content-type": "text/plain; charset=utf-8", "retry-after": "7"}


def test_content_is_spoilt_in_one_way_at_a_time():
    assert spoil(ANSWER, ContentType("text/html")).headers == {"content-type": "text/html", "x": "1"}
    assert spoil(ANSWER, ContentType(None)).headers == {"x": "1"}
    assert spoil(ANSWER, Body(b"<html>")).body == b"<html>"
    assert spoil(ANSWER, Missing("a")).body == b"b=2%203"
    assert spoil(Response(200, {}, b'{"a": 1, "b": [2]}'), Missing("a")).body == b'{"b": [2]}'


@pytest.mark.parametrize("body", [b"text", b"[1, 2]", b'{"b":1}', b"b=2"])
def test_an_answer_without_the_field_stays_as_it_is(body):
    assert spoil(Response(200, {}, body), Missing("a")).body == body


def test_the_transport_s_faults_leave_the_content_alone():
    for fault in (None, Half(), Slow(1.0), Status(500)):
        assert spoil(ANSWER, fault) is ANSWER
