"""Measuring what rtspec does: benchmarks, metrics, reports and pictures."""
