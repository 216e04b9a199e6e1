"""Bandwidth extension."""
