"""Memory that compiled code shares: aligned arrays, atomics, rings, semaphores, clocks, and the step of all stages."""

from .kernels import stamp_kernels

stamp_kernels()  # before the first kernel of any package asks for its cache: all of them stand on this one

from .compiling import spare_garbage  # noqa: E402 - it stands on kernels of its own

spare_garbage()
