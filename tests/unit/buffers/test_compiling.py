"""What numba is spared changes no kernel and leaves nothing turned off."""

import gc

import numpy as np
import pytest
from numba import njit
from numba.core.errors import NumbaError

from rtspec.buffers.memory import address, aligned
from rtspec.buffers.record import Record

HELD = Record("Held", counts="n", arrays="values:f4[n]")


@njit
def _sum(s):
    total = 0.0
    for i in range(s.n):
        total += s.values[i]
    return total


def _caller():
    @njit
    def summed(state):
        return _sum(HELD(state))

    return summed


def test_a_kernel_that_takes_a_record_serves_other_kernels_without_an_entry_from_python():
    made = HELD.make(n=3, values=np.copyto(values := aligned(3), [1, 2, 3.5]) or values)
    assert _caller()(address(made.record)) == 6.5
    (compiled,) = _sum.overloads.values()
    names = [function.name for function in compiled.library.get_defined_functions()]
    assert compiled.fndesc.llvm_func_name in names
    assert not {compiled.fndesc.llvm_cpython_wrapper_name, compiled.fndesc.llvm_cfunc_wrapper_name} & set(names)


def test_python_cannot_call_a_kernel_by_what_is_no_record():
    made = HELD.make(n=1, values=aligned(1))
    assert _caller()(address(made.record)) == 0
    with pytest.raises((NumbaError, TypeError)):
        _sum(address(made.record))


def test_a_kernel_without_a_record_is_called_from_python_as_ever():
    twice = njit(lambda x: 2 * x)
    assert twice(4) == 8
    assert twice.overloads


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
