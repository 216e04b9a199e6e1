"""The workshop: how the networks that ship are made. The only part of rtspec that imports torch.

`data` fetches sound and reads it; each task's sub-package (`enhancement`, `inversion`, `timbre`) has its networks,
batches and losses; `fit` trains; `export` turns the result into a package that the host plays.
"""
