"""A file through a chain while a parameter moves, as ``rtspec render IN OUT --automation moves.csv`` does."""

import tempfile
from pathlib import Path

import rtspec

with tempfile.TemporaryDirectory() as folder:
    moves, target = Path(folder) / "moves.csv", Path(folder) / "out.flac"
    moves.write_text("time_s,name,value\n0,gate_db,-60\n2,gate_db,-20\n4,mix,0\n")
    record = rtspec.render(
        rtspec.OnnxProcessor("tilt-gate"), "examples/audio/speech.flac", target, automation=moves, bit_depth="16"
    )
    print(f"{record.seconds:g} s, peak {record.peak:.2f}, {record.times_real_time:g} times real time")
