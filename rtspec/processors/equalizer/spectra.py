"""Sums of products of spectra whose real and imaginary parts lie apart, eight bins at a time."""

from numba import njit


@njit(cache=True)
def split(bins, parts):
    """A spectrum as its real and its imaginary part: what is done with many of them is done eight bins at a time."""
    real, imaginary = parts[0], parts[1]
    for k in range(len(bins)):
        real[k], imaginary[k] = bins[k].real, bins[k].imag


@njit(cache=True)
def add_real(total, a, b):
    """The real part of the product of two spectra, to `total`."""
    a_real, a_imaginary, b_real, b_imaginary = a[0], a[1], b[0], b[1]
    for k in range(len(total)):
        total[k] += a_real[k] * b_real[k] - a_imaginary[k] * b_imaginary[k]


@njit(cache=True)
def add_imaginary(total, a, b):
    """The imaginary part of the product of two spectra, to `total`."""
    a_real, a_imaginary, b_real, b_imaginary = a[0], a[1], b[0], b[1]
    for k in range(len(total)):
        total[k] += a_real[k] * b_imaginary[k] + a_imaginary[k] * b_real[k]


@njit(cache=True)
def add_power(total, weights, a):
    """The weighted power of a spectrum, to `total`."""
    real, imaginary = a[0], a[1]
    for k in range(len(total)):
        total[k] += weights[k] * (real[k] * real[k] + imaginary[k] * imaginary[k])


@njit(cache=True)
def step_real(real, gain, spectrum, error):
    """A filter's real part: gain times that of the error and the conjugate of what was played."""
    x_real, x_imaginary, e_real, e_imaginary = spectrum[0], spectrum[1], error[0], error[1]
    for k in range(len(real)):
        real[k] += gain[k] * (x_real[k] * e_real[k] + x_imaginary[k] * e_imaginary[k])


@njit(cache=True)
def step_imaginary(imaginary, gain, spectrum, error):
    """A filter's imaginary part, likewise."""
    x_real, x_imaginary, e_real, e_imaginary = spectrum[0], spectrum[1], error[0], error[1]
    for k in range(len(imaginary)):
        imaginary[k] += gain[k] * (x_real[k] * e_imaginary[k] - x_imaginary[k] * e_real[k])
