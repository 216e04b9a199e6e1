"""Taggers of what is heard around a player: the paper's network and a small causal one."""
