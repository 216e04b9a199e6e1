"""Arrays and addresses: what Python allocates, compiled code sees, and the other way round."""

import numpy as np
import pytest
from numba import njit

from rtspec.buffers.memory import (
    ALIGNMENT,
    address,
    aligned,
    aligned_copy,
    complexes,
    doubles,
    floats,
    integers,
    memmove,
    memset,
)


@njit
def _increment_all(f, d, c, i, n):
    for k in range(n):
        floats(f, n)[k] += 1
        doubles(d, n)[k] += 1
        complexes(c, n)[k] += 1j
        integers(i, n)[k] += 1


@njit
def _move(target, source, n_bytes):
    memmove(target, source, n_bytes)


@njit
def _clear(target, n_bytes):
    memset(target, 0, n_bytes)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.complex64, np.int64])
@pytest.mark.parametrize("shape", [1, 7, (3, 5), (2, 3, 4), 0])
def test_aligned_arrays_are_zero_contiguous_and_on_a_cache_line(shape, dtype):
    arrays = [aligned(shape, dtype) for _ in range(8)]
    for array in arrays:
        assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
        assert array.dtype == dtype
        assert array.size == 0 or address(array) % ALIGNMENT == 0
        assert array.flags.c_contiguous and array.flags.writeable and not array.any()


def test_aligned_arrays_do_not_share_memory():
    a, b = aligned(16), aligned(16)
    a[:] = 1
    assert not b.any()


@pytest.mark.parametrize("dtype", [None, np.float32])
def test_aligned_copy_holds_the_values_and_leaves_the_original_alone(dtype):
    values = np.arange(12, dtype=np.float64).reshape(3, 4)[:, ::2]
    copy = aligned_copy(values, dtype)
    assert copy.dtype == (dtype or np.float64) and address(copy) % ALIGNMENT == 0
    np.testing.assert_array_equal(copy, values)
    copy[0, 0] = -1
    assert values[0, 0] == 0


def test_compiled_code_writes_through_addresses_of_every_type():
    f, d, c, i = aligned(5), aligned(5, np.float64), aligned(5, np.complex64), aligned(5, np.int64)
    _increment_all(address(f), address(d), address(c), address(i), 5)
    for array, value in ((f, 1), (d, 1), (c, 1j), (i, 1)):
        np.testing.assert_array_equal(array, np.full(5, value))


def test_memmove_copies_overlapping_bytes_as_if_through_a_buffer():
    values = aligned_copy(np.arange(10, dtype=np.float32))
    _move(address(values), address(values) + 4 * 3, 4 * 7)
    np.testing.assert_array_equal(values, [3, 4, 5, 6, 7, 8, 9, 7, 8, 9])
    _move(address(values) + 4, address(values), 4 * 9)
    np.testing.assert_array_equal(values, [3, 3, 4, 5, 6, 7, 8, 9, 7, 8])


def test_memset_clears_exactly_the_bytes_it_is_given():
    values = aligned_copy(np.ones(6, np.float32))
    _clear(address(values) + 4, 4 * 3)
    np.testing.assert_array_equal(values, [1, 0, 0, 0, 1, 1])
