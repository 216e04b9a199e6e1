"""A live effect: a file through two processors to the output; leave `source` out, and your input is what plays."""

import time

import rtspec

with rtspec.AudioStream(
    plugins=[rtspec.SpectralInversion(bands="mel"), rtspec.OnnxProcessor("tilt-gate")],
    sample_rate=48000,
    source="examples/audio/speech.flac",
    devices=rtspec.Devices(virtual=True),  # leave it out: the default device
) as stream:
    print(stream.latency)
    time.sleep(1.0)
    stream.plugins[1].gate_db = -40  # while it plays
    time.sleep(1.0)
    print(stream.statistics)
