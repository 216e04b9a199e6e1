"""Curves: both ends exact, there and back, and what cannot be a curve refused."""

import numpy as np
import pytest

from rtspec.control.curves import CURVES, check_curve, to_position, to_value
from rtspec.errors import InvalidValue


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("ends", [(20.0, 20000.0), (20000.0, 20.0), (3.0, 3.0)])
def test_both_ends_are_exact_and_all_between_is_within(curve, ends):
    assert to_value(curve, 0.0, *ends) == ends[0] and to_value(curve, 1.0, *ends) == ends[1]
    between = [to_value(curve, p, *ends) for p in np.linspace(0, 1, 101)]
    assert min(ends) <= min(between) and max(between) <= max(ends)
    assert np.all(np.diff(between) * (ends[1] - ends[0]) >= 0)


@pytest.mark.parametrize("curve", ["linear", "log", "exp"])
@pytest.mark.parametrize("ends", [(0.5, 80.0), (80.0, 0.5)])
def test_position_is_the_inverse_of_value(curve, ends):
    for position in np.linspace(0, 1, 23):
        assert to_position(curve, to_value(curve, position, *ends), *ends) == pytest.approx(position, abs=1e-9)


def test_shapes_are_what_they_are_called():
    assert to_value("linear", 0.5, 0, 10) == 5
    assert to_value("log", 0.5, 10, 1000) == pytest.approx(100)
    assert to_value("exp", 0.5, 0, 11) == pytest.approx(1)
    assert [to_value("switch", p, 0, 1) for p in (0.49, 0.5)] == [0, 1]


def test_values_outside_lie_at_the_ends():
    assert to_position("linear", -5, 0, 1) == 0 and to_position("log", 1e9, 20, 2000) == 1
    assert to_position("log", 0.0, 20, 2000) == 0


def test_what_is_no_curve_is_refused():
    with pytest.raises(InvalidValue, match="curve='wavy' is not known; choose one of linear, log, exp, switch"):
        check_curve("wavy", 0, 1)
    with pytest.raises(InvalidValue, match="curve='log' must run between values above 0, not -60 to 24; try 'linear'"):
        check_curve("log", -60, 24)
