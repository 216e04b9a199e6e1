"""Memory that compiled code shares: aligned arrays, atomics, rings, semaphores, and the step that all stages have in common."""
