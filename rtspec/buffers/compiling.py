"""What numba need not do for kernels of this package, left out: a cold start is mostly numba's own Python.

The code of the kernels themselves is made as ever, so their results and times stay as they are.
"""

import gc
from typing import Any

from numba.core import event
from numba.core.registry import cpu_target

from .views import View


class _UncollectedGarbage(event.Listener):
    """Looks for no garbage while a thread compiles or loads a kernel: the compiler allocates millions of objects that
    live until it is done, and each is looked at again and again (a sixth of the time)."""

    def __init__(self):
        self._depth, self._was_enabled = 0, False

    def on_start(self, event) -> None:
        """The compiler's lock is asked for."""
        if self._depth == 0:
            self._was_enabled = gc.isenabled()
            gc.disable()
        self._depth += 1

    def on_end(self, event) -> None:
        """It is given back."""
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._was_enabled:
            gc.enable()


def spare_garbage() -> None:
    """Pause the search for garbage wherever numba's compiler works."""
    event.register("numba:compiler_lock", _UncollectedGarbage())


def spare_wrappers() -> None:
    """Make no entries from Python and from C for kernels that take a record: neither can have one to give.

    They are called from other kernels alone, which need no such entry. Where a version of numba makes entries in
    another way, it makes them all.
    """
    context: Any = cpu_target.target_context
    for name in ("create_cpython_wrapper", "create_cfunc_wrapper"):
        make = getattr(context, name, None)
        if make is not None:
            setattr(context, name, _unless_inner(make))


def _unless_inner(make):
    def made(library, fndesc, *args, **keywords):
        if not any(isinstance(kind, View) for kind in fndesc.argtypes):
            make(library, fndesc, *args, **keywords)

    return made
