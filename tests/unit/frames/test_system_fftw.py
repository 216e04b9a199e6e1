"""A system's FFTW serves where it is faster, with plans that are kept; the wheel's own library stands for one here."""

import json

import numpy as np
import pytest
from numba import njit

from rtspec.buffers.memory import address, aligned
from rtspec.errors import InvalidValue
from rtspec.frames import system_fftw
from rtspec.frames.fft import RealFFT, execute, fftw_library

WHEEL = fftw_library()
pytestmark = pytest.mark.skipif(WHEEL is None, reason="no FFTW here that could stand for the system's")
N = 480


@njit
def _forward(entry, plan, x, y):
    execute(entry, plan, x, y)


@pytest.fixture
def found(monkeypatch, tmp_path):
    """The wheel's library as the system's, faster by decree, with an empty cache."""
    assert WHEEL is not None
    monkeypatch.setenv("RTSPEC_CACHE", str(tmp_path))
    monkeypatch.setenv("RTSPEC_FFTW", WHEEL._name)
    monkeypatch.setattr(system_fftw, "_WIDE", ("avx", "neon"))
    monkeypatch.setattr(system_fftw, "WORTH", 100.0)
    library = system_fftw.system_library.__wrapped__()
    monkeypatch.setattr(system_fftw, "system_library", lambda: library)
    return library


def _spectrum(plans):
    x, y = aligned(N), aligned(N // 2 + 1, np.complex64)
    x[:] = np.random.default_rng(0).standard_normal(N)
    _forward(*RealFFT(N, None, plans).forward, address(x), address(y))
    np.testing.assert_allclose(y, np.fft.rfft(x.astype(np.float64)), atol=1e-4)
    return y.tobytes()


def test_plans_are_measured_once_and_kept_to_the_bit(found, monkeypatch):
    first = _spectrum(system_fftw.system_plans(N))
    kept = system_fftw.read_kept(found)
    assert 0.2 < kept["ratios"][str(N)] < 5.0 and kept["wisdom"].startswith("(fftw-3")
    found.fftwf_forget_wisdom()
    monkeypatch.setattr(system_fftw, "_measured", None)  # would raise
    assert _spectrum(system_fftw.system_plans(N)) == first
    assert system_fftw.timings(found).startswith(f"{N}: x ")


def test_one_that_is_no_faster_is_not_used(found, monkeypatch):
    monkeypatch.setattr(system_fftw, "WORTH", 0.01)
    assert system_fftw.system_plans(N) is None
    assert "not used" in system_fftw.timings(found)


@pytest.mark.parametrize("kept", ["", "[]", '{"wisdom": 1}', '{"wisdom": "(fftw-9 x)", "ratios": {"480": 0.5}}'])
def test_a_kept_file_that_says_nothing_is_made_anew(found, kept):
    found.fftwf_forget_wisdom()
    system_fftw._file(found).write_text(kept)
    assert system_fftw.system_plans(N) is not None
    assert json.loads(system_fftw._file(found).read_text())["wisdom"].startswith("(fftw-3")


def test_nothing_is_used_where_nothing_can_be_kept(found, monkeypatch):
    monkeypatch.setattr(system_fftw, "data_folder", lambda name: None)
    assert system_fftw.system_plans(N) is None


def test_a_name_that_is_no_fftw_is_refused_and_wheel_means_the_wheel(monkeypatch, tmp_path):
    (tmp_path / "lib.so").write_text("no library")
    for path, why in ((tmp_path / "lib.so", "lib.so"), ("libc.so.6", "no fftwf_version")):
        monkeypatch.setenv("RTSPEC_FFTW", str(path))
        with pytest.raises(InvalidValue, match=f"RTSPEC_FFTW=.*{why}.*; name a libfftw3f.so.3, or unset it"):
            system_fftw.system_library.__wrapped__()
    monkeypatch.setenv("RTSPEC_FFTW", "wheel")
    assert system_fftw.system_library.__wrapped__() is None


def test_a_library_without_wider_code_than_the_wheels_is_left_alone(monkeypatch):
    assert WHEEL is not None
    monkeypatch.setenv("RTSPEC_FFTW", WHEEL._name)
    assert system_fftw.system_library.__wrapped__() is None
