"""Spectral inversion: levels to sound, from sound or from a sensor."""
