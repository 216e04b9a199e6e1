"""Memory that compiled code shares: aligned arrays, atomics, rings, semaphores, clocks, and the step of all stages."""
