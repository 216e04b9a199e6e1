"""What numba need not do is left out: a cold start is mostly numba's own Python.

The code of the kernels themselves is made as ever, so their results and times stay as they are.
"""

import gc
import threading

from numba.core import event


class _UncollectedGarbage(event.Listener):
    """Looks for no garbage while a thread compiles or loads a kernel: the compiler allocates millions of objects that
    live until it is done, and each is looked at again and again (a sixth of the time)."""

    def __init__(self):
        self._depth, self._was_enabled, self._lock = 0, False, threading.Lock()

    def on_start(self, event) -> None:
        """The compiler's lock is asked for."""
        with self._lock:
            if self._depth == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._depth += 1

    def on_end(self, event) -> None:
        """It is given back."""
        with self._lock:
            self._depth = max(0, self._depth - 1)
            if self._depth == 0 and self._was_enabled:
                gc.enable()


def spare_garbage() -> None:
    """Pause the search for garbage wherever numba's compiler works."""
    event.register("numba:compiler_lock", _UncollectedGarbage())
