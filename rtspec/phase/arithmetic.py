"""The mathematics that all phase kernels share, written so that the compiler turns every loop into vector instructions.

Phases are counted in turns (1 = 2π), float32: wrapping is a subtraction, and a hop's advance ``a·m/M`` is exact for
powers of two. Nothing allocates.
"""

import numpy as np

from ..buffers.arithmetic import LOOSE as LOOSE
from ..buffers.arithmetic import bits_of, float_of
from ..buffers.arithmetic import in_order as in_order
from ..buffers.arithmetic import kernel as kernel
from ..buffers.views import floats

SMALLEST, LARGEST = np.float32(1e-18), np.float32(1e18)
"""Magnitudes beyond these (±360 dB) are not sound: they are taken as silence, so NaN ends here, and no kernel meets
denormal numbers, its squares included."""

f32 = np.float32
HALF, QUARTER, ONE, ZERO = f32(0.5), f32(0.25), f32(1), f32(0)


@kernel
def clean(x, out, n):
    """Copy `n` magnitudes, what is negative, not finite or beyond the range becoming 0."""
    for m in range(n):
        v = x[m]
        v = v if v >= SMALLEST else ZERO
        out[m] = v if v <= LARGEST else ZERO


# log2(2^e·(1 + f)) = e + f·P(f) with 1 + f in [√½, √2): least squares of degree 9 at Chebyshev points, error 1.3e-8.
ROOT_HALF_BITS = np.int32(0x3F3504F3)
L1, L2, L3, L4, L5 = f32(1.44269500), f32(-0.72134733), f32(0.48091061), f32(-0.36070484), f32(0.28791825)
L6, L7, L8, L9 = f32(-0.23892004), f32(0.21567043), f32(-0.20742355), f32(0.12615002)


@kernel
def log2(value):
    """log2 of a float32, error < 1e-7 relative; 0 gives about -127."""
    bits = bits_of(value)
    exponent = np.int32(np.int32(bits - ROOT_HALF_BITS) >> 23)
    f = float_of(np.int32(bits - np.int32(exponent << 23))) - ONE
    upper = L5 + f * (L6 + f * (L7 + f * (L8 + f * L9)))
    return f32(exponent) + f * (L1 + f * (L2 + f * (L3 + f * (L4 + f * upper))))


@kernel
def log2_all(x, out, n):
    """log2 of `n` magnitudes (float32)."""
    for m in range(n):
        out[m] = log2(x[m])


# sin(2π·t) = t·P(t²) for |t| ≤ ¼: least squares of degree 9 at Chebyshev points, error 3.4e-9.
S1, S3, S5, S7, S9 = f32(6.2831853), f32(-41.341655), f32(81.600998), f32(-76.549643), f32(39.535702)


@kernel
def sine_quarter(t):
    """sin(2π·t) for |t| ≤ ¼ turn."""
    u = t * t
    return t * (S1 + u * (S3 + u * (S5 + u * (S7 + u * S9))))


@kernel
def wrap(turns):
    """The same angle in [-½, ½] turns."""
    return turns - np.floor(turns + HALF)


@kernel
def cosine_sine(turns):
    """cos(2π·turns), sin(2π·turns)."""
    r = wrap(turns)
    size = abs(r)
    fold = size if size < QUARTER else HALF - size
    return sine_quarter(QUARTER - size), sine_quarter(fold if r > ZERO else -fold)


@kernel
def polar(magnitude, turns, offset, out, n):
    """`n` complex64 of these magnitudes and phases ``turns - offset``; DC and Nyquist (first and last) real, as they
    must be."""
    frame = floats(out, 2 * n)
    for m in range(n):
        c, s = cosine_sine(turns[m] - offset[m])
        frame[2 * m] = magnitude[m] * c
        frame[2 * m + 1] = magnitude[m] * s
    for m in (np.int64(0), n - 1):  # a bare 0 is a type of its own: the callee compiles twice
        make_real(magnitude, frame, m)


@kernel
def make_real(size, frame, m):
    """Turn bin `m` to the nearer of its two real values: an inverse transform would drop the imaginary part."""
    frame[2 * m] = size[m] if frame[2 * m] >= ZERO else -size[m]
    frame[2 * m + 1] = ZERO


# atan(x)/2π = x·P(x²) for 0 ≤ x ≤ 1: least squares of degree 13 at Chebyshev points, error 4.3e-8 turns.
A1, A3, A5, A7 = f32(0.15915441), f32(-0.053027724), f32(0.031533686), f32(-0.021083999)
A9, A11, A13 = f32(0.012702182), f32(-0.0053675028), f32(0.00108898790)


@kernel
def turns_of(real, imaginary):
    """The phase of a complex number in turns, in [-½, ½]; 0 for 0."""
    x, y = abs(real), abs(imaginary)
    low, high = min(x, y), max(x, y)
    q = low / max(high, SMALLEST)
    u = q * q
    t = q * (A1 + u * (A3 + u * (A5 + u * (A7 + u * (A9 + u * (A11 + u * A13))))))
    t = QUARTER - t if y > x else t
    t = HALF - t if real < ZERO else t
    return t if imaginary >= ZERO else -t


@kernel
def angles(spectrum, offset, out, n):
    """Phases of `n` complex64 plus `offset`, in turns."""
    frame = floats(spectrum, 2 * n)
    for m in range(n):
        out[m] = turns_of(frame[2 * m], frame[2 * m + 1]) + offset[m]


@kernel
def scramble(key):
    """A well-mixed uint32 of a uint32 (Wellons' lowbias32)."""
    key = np.uint32(key ^ (key >> np.uint32(16)))
    key = np.uint32(key * np.uint32(0x7FEB352D))
    key = np.uint32(key ^ (key >> np.uint32(15)))
    key = np.uint32(key * np.uint32(0x846CA68B))
    return np.uint32(key ^ (key >> np.uint32(16)))


@kernel
def random_turns(count, m):
    """A phase that depends on the draw's number and the bin alone, evenly spread over [-½, ½) turns."""
    mixed = scramble(np.uint32(np.uint32(count) * np.uint32(0x9E3779B9) + np.uint32(m)))
    return f32(np.int32(mixed)) * f32(2.0**-32)


@kernel
def random_phases(count, out, n):
    """`n` random phases, in turns."""
    for m in range(n):
        out[m] = random_turns(count, m)


@kernel
def sizes(spectrum, out, n):
    """Absolute values of `n` complex64."""
    for m in range(n):
        out[m] = np.sqrt(spectrum[m].real * spectrum[m].real + spectrum[m].imag * spectrum[m].imag)
