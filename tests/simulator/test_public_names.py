import pytest

from oauthreg import simulator


@pytest.mark.parametrize("name", simulator.__all__)
def test_a_public_name_resolves(name):
    assert getattr(simulator, name) is not None
    assert name in dir(simulator)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Simulater'"):
        _ = simulator.Simulater
