"""Stages in order, the engine that runs them, boards, and live streams."""
