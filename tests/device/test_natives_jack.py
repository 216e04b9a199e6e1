"""All of pedalboard's plugins live on a real device, between processors whose timed events split every block: what
plays is what a board gives for the whole sound."""

import json
import subprocess
import sys

import pytest

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

CHAINS = (
    ("Bitcrush", "Chorus", "Clipping", "Compressor"),
    ("Delay", "Distortion", "Gain", "HighpassFilter"),
    ("HighShelfFilter", "Invert", "LadderFilter", "Limiter"),
    ("LowpassFilter", "LowShelfFilter", "NoiseGate", "PeakFilter"),
    ("Phaser", "Reverb", "Convolution", "BrickwallLimiter"),
    ("Resample", "MP3Compressor"),
    ("Mix", "Chain"),
)
REFUSED = ("PitchShift", "GSMFullRateCompressor")
NOT_IN_A_CHAIN = {
    "ExternalPlugin",
    "VST3Plugin",
    "AudioUnitPlugin",
    "Plugin",
    "PluginContainer",
    "Pedalboard",
    "IIRFilter",
}
"""What needs a file of its own, is abstract, or is tested as a chain."""

CHILD = """
import json, sys, time
import numpy as np, pedalboard, rtspec

RATE = 48000
SLOW, TAPE = rtspec.Devices(worker_samples=4096), rtspec.Measuring(tape_seconds=2.5)
source = (0.2 * np.random.default_rng(0).standard_normal((2, 24000))).astype(np.float32)
special = {
    "Convolution": lambda: pedalboard.Convolution(np.array([1, 0.5, 0.25, 0.1], np.float32), 0.5, RATE),
    "Mix": lambda: pedalboard.Mix([pedalboard.Gain(-3), pedalboard.Delay(0.01)]),
    "Chain": lambda: pedalboard.Chain([pedalboard.Gain(-3), pedalboard.Reverb()]),
}
def ours():
    return rtspec.OnnxProcessor("tilt-gate", n_fft=256)
def tried(names):
    natives = [special.get(name, getattr(pedalboard, name, None))() for name in names]
    first, last = ours(), ours()
    board = rtspec.Pedalboard([first, *natives, last])
    settings = dict(plugins=board, source=source, sample_rate=RATE, buffer_size=128)
    with rtspec.AudioStream(devices=SLOW, measuring=TAPE, **settings) as stream:
        rng, sent = np.random.default_rng(1), 0
        while not stream.wait(0.005):  # an event that changes nothing splits the block that it falls into
            at = time.monotonic() + float(rng.uniform(0.001, 0.02))
            sent += all(stream.set(p.parameters["mix"], 1.0, at) for p in (first, last))
        delay = stream.latency.total_samples - stream.latency.items["device"]
        heard, counts = stream.recorded[1][:, delay : delay + source.shape[1]], stream.statistics
    wanted = board(source, RATE)
    costs = counts.native_plugins.values()
    return {
        "names": names, "splits": sent, "underruns": counts.underruns, "late": counts.late_events,
        "errors": sum(cost["errors"] + cost["short_samples"] for cost in costs),
        "difference": float(np.abs(heard - wanted).max()), "equal": bool(np.array_equal(heard, wanted)),
    }
for names in json.loads(sys.argv[1]):
    for _ in range(5):  # natives wait for the GIL: where the machine was late, play once more
        found = tried(names)
        if not found["underruns"]:
            break
    print(json.dumps(found), flush=True)
refused = {}
for name in json.loads(sys.argv[2]):
    try:
        rtspec.AudioStream(plugins=[getattr(pedalboard, name)()], source=source, sample_rate=RATE)
    except rtspec.errors.InvalidValue as error:
        refused[name] = str(error)
print(json.dumps(refused))
"""


def test_the_list_is_all_that_pedalboard_has():
    import pedalboard

    plugins = {n for n, t in vars(pedalboard).items() if isinstance(t, type) and issubclass(t, pedalboard.Plugin)}
    public = {name for name in plugins - NOT_IN_A_CHAIN if not name.startswith("_")}
    assert public == {name for chain in CHAINS for name in chain} | set(REFUSED)


@pytest.mark.timeout(240)
def test_every_native_plugin_plays_live_what_a_board_gives_however_events_split_its_blocks():
    with JackServer(48000, 128) as server:
        command = [sys.executable, "-c", CHILD, json.dumps(CHAINS), json.dumps(REFUSED)]
        done = subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=220, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *rows, refused = map(json.loads, done.stdout.splitlines())
    assert [tuple(row["names"]) for row in rows] == list(CHAINS)
    for row in rows:
        assert row["underruns"] == row["errors"] == 0 and row["splits"] > 20, row
        assert row["difference"] < 2e-6, row
    assert set(refused) == set(REFUSED) and all("cannot play in a stream" in line for line in refused.values())
