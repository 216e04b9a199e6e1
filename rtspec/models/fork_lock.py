"""A lock that a forked child finds open: whoever held it does not live there."""

import os
import threading


class ForkLock:
    """A reentrant lock for ``with``, renewed in children. Made once a module: it is never forgotten."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
