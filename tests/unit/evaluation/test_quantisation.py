"""Half and int8 weights: smaller files, nearly the same sound."""

import numpy as np

from rtspec.evaluation.quantisation import rows
from rtspec.training.enhancement.shipping import golden_sound


def test_smaller_weights_give_smaller_files_and_nearly_the_same_sound():
    full, played, half, small = rows("bandwidth-live", golden_sound(44100)[None], 44100, n_frames=20)
    assert played["weights"] == "as played" and played["bytes"] == full["bytes"] and played["snr_db"] > 70
    assert played["lsd"] < small["lsd"]
    assert [full["weights"], half["weights"], small["weights"]] == ["float32", "float16", "int8"]
    assert small["bytes"] < half["bytes"] < 0.6 * full["bytes"]
    assert full["snr_db"] == np.inf and half["snr_db"] > 60 and small["snr_db"] > 40
    assert full["lsd"] == 0 < half["lsd"] < small["lsd"] < 0.1
