from oauthreg.clock import Clock


class Hands:
    wall = 1000.0
    monotonic = 50.0


def make():
    return Clock(wall=lambda: Hands.wall, monotonic=lambda: Hands.monotonic)


def test_before_anything_is_learnt_the_system_decides():
    assert make()() == 1000.0
    assert make().offset == 0.0


def test_a_learnt_time_runs_on_and_a_jump_of_the_system_changes_nothing(monkeypatch):
    clock = make()
    clock.learn(4600.0)
    assert clock() == 4600.0
    assert clock.offset == 3600.0
    monkeypatch.setattr(Hands, "monotonic", 60.0)
    monkeypatch.setattr(Hands, "wall", 999_999.0)
    assert clock() == 4610.0


def test_the_default_is_the_systems_clock():
    assert Clock()() > 1_600_000_000


def test_it_says_whether_it_is_the_systems_clock():
    clock = Clock()
    assert clock.is_system
    assert not make().is_system
    clock.learn(4600.0)
    assert not clock.is_system


def test_it_says_how_long_ago_it_learnt(monkeypatch):
    clock = make()
    assert clock.learnt_ago == float("inf")
    clock.learn(4600.0)
    monkeypatch.setattr(Hands, "monotonic", 57.5)
    assert clock.learnt_ago == 7.5
