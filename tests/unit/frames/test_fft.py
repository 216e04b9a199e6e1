"""Both transform libraries compute what numpy.fft computes, by the same compiled call."""

import importlib.util

import numpy as np
import pytest
from numba import njit

from rtspec.buffers.memory import address, aligned
from rtspec.frames.fft import RealFFT, execute, fftw_library
from rtspec.frames.transforms import real_fft

PATHS = ["rocket-fft", *(["fftw"] if fftw_library() else [])]
TOLERANCE = 1e-5  # of the largest value: float32, log2(65536) = 16 stages of rounding


@njit
def _execute(transform, x, y):
    entry, plan = transform
    execute(entry, plan, x, y)


@pytest.fixture(params=PATHS)
def make(request):
    return lambda n: RealFFT(n, fftw_library() if request.param == "fftw" else None)


def _signal(n):
    x = aligned(n)
    x[:] = np.random.default_rng(n).standard_normal(n)
    return x


def _assert_close(found, expected):
    np.testing.assert_allclose(found, expected, atol=TOLERANCE * abs(expected).max())


@pytest.mark.parametrize("n", [16, 18, 100, 1024, 1022, 4096, 65536])
def test_forward_is_rfft_and_keeps_its_input(make, n):
    x, y = _signal(n), aligned(n // 2 + 1, np.complex64)
    before, fft = x.copy(), make(n)
    _execute(fft.forward, address(x), address(y))
    _assert_close(y, np.fft.rfft(before.astype(np.float64)))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("n", [16, 18, 100, 1024, 1022, 4096, 65536])
def test_inverse_is_irfft_times_n(make, n):
    spectrum, x = aligned(n // 2 + 1, np.complex64), aligned(n)
    spectrum[:] = np.fft.rfft(_signal(n))
    expected = n * np.fft.irfft(spectrum.astype(np.complex128))
    _execute(make(n).inverse, address(spectrum), address(x))
    _assert_close(x, expected)


def test_equal_input_gives_equal_output_to_the_bit(make):
    x, outputs = _signal(2048), []
    for _ in range(3):
        y = aligned(1025, np.complex64)
        _execute(make(2048).forward, address(x), address(y))
        outputs.append(y.tobytes())
    assert len(set(outputs)) == 1


@pytest.mark.parametrize("path", PATHS)
def test_the_path_in_use_is_named(path):
    assert real_fft(64, path if path == "rocket-fft" else "auto").path == path


def test_transforms_are_shared():
    assert real_fft(128) is real_fft(128)
    assert real_fft(128) is not real_fft(256)


def test_the_fall_back_serves_where_fftw_is_absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert fftw_library.__wrapped__() is None
    assert RealFFT(64, fftw_library.__wrapped__()).path == "rocket-fft"
