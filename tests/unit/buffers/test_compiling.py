"""What numba is spared changes no kernel and leaves nothing turned off."""

import gc

import numpy as np
import pytest
from numba import njit
from numba.core.errors import NumbaError

import rtspec.buffers  # noqa: F401


def test_kernels_of_arrays_are_compiled_from_python_as_ever():
    halved = njit(lambda x: 0.5 * np.log(1e-4 + x))
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(halved(values), 0.5 * np.log(1e-4 + values))


@pytest.mark.parametrize("enabled", [True, False])
def test_the_search_for_garbage_is_afterwards_as_it_was_before(enabled):
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        during = []
        njit(lambda x: x + 1)(len(during))
        assert gc.isenabled() is enabled
        with pytest.raises(NumbaError):
            njit(lambda x: x.nothing)(1)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_no_garbage_is_looked_for_while_a_kernel_compiles():
    from numba.core import event

    states = []

    class Seen(event.Listener):
        def on_start(self, event):
            states.append(gc.isenabled())

        def on_end(self, event):
            pass

    with event.install_listener("numba:compile", Seen()):
        njit(lambda x: x + 2)(1)
    assert states == [False]
    assert gc.isenabled()
