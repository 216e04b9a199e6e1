"""Kernels of every area, run once more where every index into a record's arrays is checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2]
CHECKED = (
    "unit/frames/test_stft.py",
    "equivalence/test_phase_blocks.py",
    *(
        f"equivalence/test_contract.py::test_it_sounds_as_long_as_the_input[{effect}]"
        for effect in (
            "onnx:identity n_fft=512 hop=128",
            "onnx:tilt-gate tilt_db_per_octave=3.0 mix=0.7 phase=rtpghi n_fft=1024",
            "inversion",
            "inversion --set model=live refine=0.7 blur_ms=50.0",
            "inversion bands=mel method=nnls n_bands=40 mix=0.5 output_db=-6.0",
        )
    ),
    "unit/live/test_guard.py::test_no_sample_is_louder_than_the_ceiling_and_quiet_sound_passes_as_it_is",
    "unit/processors/test_bandwidth.py::test_amount_takes_the_fill_away_and_air_moves_its_top",
    "unit/processors/test_timbre_morph.py::test_silence_stays_silent_and_noise_gets_no_pitch",
    "unit/processors/test_timbre_synth.py::test_a_note_begins_on_its_sample_wherever_the_hop_lies",
)
"""Frames, phases, effects with their chains and resampling, the guard, and both timbre processors."""


@pytest.mark.timeout(600)
def test_no_kernel_reads_or_writes_beyond_an_array(tmp_path):
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    for name in ("RTSPEC_CACHE", "CI", "REQUIRE_DEVICE_TESTS"):  # kernels that check are kept apart; no device here
        environment.pop(name, None)
    # An index beyond an array raises in a kernel; from a step nothing can be raised, and Python tells of it.
    options = (
        "-q",
        "-x",
        "-o",
        "timeout=300",
        "-p",
        "no:cacheprovider",
        "-W",
        "error::pytest.PytestUnraisableExceptionWarning",
    )
    tests = [str(SUITE / test) for test in CHECKED]
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'tests'}", *tests]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=SUITE.parent)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "IndexError" not in done.stdout + done.stderr
