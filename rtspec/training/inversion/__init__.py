"""Spectral inversion: networks that refine the pseudo-inverse of band levels, their data, and the task that ties them."""
