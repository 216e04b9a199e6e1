"""Every script of examples/ runs as it stands and says what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rtspec

ROOT = Path(__file__).parents[2]
SAYS = {
    "instrument_and_pads": r"^2 s, peak 0\.\d+$",
    "live_effect": r"total +3712 samples[\s\S]*Statistics\(callbacks=[1-9]",
    "music_that_hears_the_room": r"at 1 kHz: \+1[01]\.\d dB\nthe music rose by [4-6]\.\d dB\n\d+ lines of automation",
    "own_processor": "^$",
    "pedalboard_chain": "^1280 samples on their way; pieces equal the whole: True$",
    "phase_beside_librosa": r"rtpghi +-1\d\.\d dB[\s\S]*best +-3\d\.\d dB[\s\S]*librosa griffinlim",
    "render_with_automation": r"^7\.1 s, peak 0\.\d+, ",
    "sensor_to_sound": r"^5\.07 s of levels\nlevel from -3\d to -2\d dB$",
    "speech_as_rain": r"^distance to the rain: 0\.\d\d of [\s\S]*\ndistance to the speech: [01]\.\d\d of silence's$",
    "style_by_pads": r"^8 styles, among them rain and bells\n3 s, peak 0\.\d+$",
    "stream_a_torch_model": r"\nvalid\nsweep: 96000 samples, peak 0\.\d+, latency 1536 samples$",
}
ELSEWHERE = {  # in tests/equivalence, beside the models that they stand for
    *("adopt_a_streaming_file", "a_pair_of_networks", "a_network_of_samples", "a_voice_detector"),
    "three_files_of_deepfilternet",
}


def scripts() -> set[str]:
    return {path.stem for path in (ROOT / "examples").glob("*.py")}


def test_every_script_is_run_by_a_test():
    assert scripts() == set(SAYS) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(SAYS))
def test_it_runs_and_says_what_it_promises(name, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(rtspec.__file__).parents[1])}
    (tmp_path / "examples").symlink_to(ROOT / "examples")  # whose sounds it reads; what it writes is not for there
    command = [sys.executable, f"examples/{name}.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(SAYS[name], done.stdout.strip()), done.stdout
