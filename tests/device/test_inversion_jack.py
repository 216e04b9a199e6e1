"""Inversion by every method, and a sensor's levels, on a real JACK server."""

import pytest
from live_children import EQUAL_TO_RENDER, run_child
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

INVERTERS = ["method='pinv'", "method='nnls'", "model='live', phase='live'", "model='paper'"]
PAPER_WORKER = 8192
"""Samples that the engine is given for the paper's network, whose frame takes longer than a block."""


@tried_twice(90)
@pytest.mark.parametrize("options", INVERTERS)
def test_every_inverter_plays_live_what_it_renders(options):
    with JackServer(48000, 256) as server:
        code = EQUAL_TO_RENDER.format(processor=f"rtspec.SpectralInversion({options})", channels=1, block=256)
        if "paper" in options:
            code = code.replace(
                "tape_seconds=4)", f"tape_seconds=5), devices=rtspec.Devices(worker_samples={PAPER_WORKER})"
            )
        seen = run_child(server, code)
    check_in_time(seen, "underruns", "overruns")
    assert seen["equal"]
    assert seen["level"] > 0.01
    assert seen["bad_samples"] == 0


SENSOR = """
import socket, threading
from rtspec.processors.inversion.sensor_stream import SensorStream
source = SensorStream(0, 29, 0.05)
def send():
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for k in range(60):
        levels = [60.0] * 29 if k % 7 else [float("nan")] * 3 + [60.0] * 26
        for _ in range(1 if k % 5 else 3):
            out.sendto(json.dumps({"time": 0.05 * k, "levels": levels}).encode(), (source.host, source.port))
        out.sendto(b"noise", (source.host, source.port))
        time.sleep(0.05)
processor = rtspec.SpectralInversion(levels=source)
silence = np.zeros((1, 48000 * 4), np.float32)
with rtspec.AudioStream(
    plugins=[processor], buffer_size=256, source=silence, measuring=rtspec.Measuring(tape_seconds=4)
) as stream:
    threading.Thread(target=send, daemon=True).start()
    stream.wait(20)
    out, statistics = stream.recorded[1][0], stream.statistics
middle = out[96000:144000]
print(json.dumps({"level_db": float(10 * np.log10(np.mean(middle**2) + 1e-20)), "peak": float(np.abs(out).max()),
                  "frames": source.statistics.frames, "garbage": source.statistics.garbage,
                  "late": source.statistics.late, **statistics.as_dict()}))
"""


@tried_twice(90)
def test_a_sensor_that_misbehaves_is_heard_calibrated_and_without_a_burst():
    with JackServer(48000, 256) as server:
        seen = run_child(server, SENSOR)
    check_in_time(seen, "underruns", "overruns")
    assert seen["frames"] > 50
    assert (seen["garbage"], seen["late"]) == (60, 24)
    # 29 bands at 60 dB, full scale 100 dB: 14.6 dB above one band.
    assert seen["level_db"] == pytest.approx(60 - 100 + 14.6, abs=1.0)
    assert seen["peak"] < 0.6
