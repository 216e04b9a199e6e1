"""Chains: programs of stages, boards, native plugins, and how whole sounds go through them; offline and live alike."""
