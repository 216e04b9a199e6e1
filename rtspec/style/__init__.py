"""Style transfer offline: one sound in the texture of another, by the statistics of networks over spectrograms.

`networks` are the random networks and their gradients, `losses` compare Gram matrices without making them, `spectra`
is the way between sound and what a network sees, `transfer` optimises. numpy and scipy alone: no torch.
"""

from .transfer import Transferred, transfer

__all__ = ["Transferred", "transfer"]
