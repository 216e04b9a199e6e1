"""Spectral inversion: networks that refine the pseudo-inverse of band levels, their data, and their task."""
