"""The equalizer: bells without latency, whose gains may be moved while they sound."""
