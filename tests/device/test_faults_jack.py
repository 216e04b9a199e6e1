"""Forced faults on real JACK servers: the stream plays on, or ends with one clear line; nothing saved is lost.

Everything runs in a child process with a time limit, which talks in lines; the server it plays on is this process's.
"""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from punctual import check_in_time, tried_twice

from rtspec.audio import files
from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
LIMIT_S = 60

PRELUDE = """
import json, os, sys, time
import numpy as np
import rtspec
def say(*words):
    print(*words, flush=True)
def heard():
    return sys.stdin.readline().strip()
def until(condition, limit_s=20):
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()
tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(480000) / 48000)).astype(np.float32)[np.newaxis]
"""


class Child:
    """A process on a server, spoken with in lines."""

    def __init__(self, server, code, *arguments):
        command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=server.environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
        )

    def line(self, word=""):
        """The next line, which must begin so; what follows."""
        assert self.process.stdout is not None and self.process.stderr is not None
        found = self.process.stdout.readline()
        assert found.startswith(word) and found, (
            f"{found!r} is not {word!r}; {'' if found else self.process.stderr.read()}"
        )
        return found.removeprefix(word).strip()

    def lines_until(self, word):
        found = [self.line()]
        while not found[-1].startswith(word):
            found.append(self.line())
        return found

    def tell(self, *words):
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)

    def end(self):
        _, complaints = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, complaints

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


# The server -----------------------------------------------------------------------------------------------------------

PLAYS_ON = """
stream = rtspec.AudioStream(
    plugins=[rtspec.OnnxProcessor("tilt-gate")], source=rtspec.Loop(tone), devices=rtspec.Devices(reopen=True),
    recording=rtspec.Recording(sys.argv[1]), report=say
).start()
say("playing", stream.latency.total_samples)
os.environ["JACK_DEFAULT_SERVER"] = heard()
say("reopened", until(lambda: stream.statistics.reopened == 1))
calls = [0.0]

def is_usual():
    return abs(calls[-1] / (stream.sample_rate / 128) - 1) < 0.2

def pace():  # a server's dummy driver falls behind beside other work: what counts is that its usual pace comes
    if not is_usual():
        first, start = stream.statistics.callbacks, time.monotonic()
        time.sleep(1.0)
        calls.append((stream.statistics.callbacks - first) / (time.monotonic() - start))
    return is_usual()

until(pace)
say("now", json.dumps([stream.active, stream.sample_rate, calls[-1], stream.latency.total_samples]))
stream.stop()
say("stopped")
"""


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("end", "rate"), [(signal.SIGKILL, 48000), (signal.SIGTERM, 48000), (signal.SIGKILL, 44100)])
def test_a_stream_plays_on_when_its_killed_server_is_there_again(end, rate, tmp_path):
    server = JackServer(48000, 128)
    with Child(server, PLAYS_ON, tmp_path / "take.wav") as child:
        latency = int(child.line("playing"))
        time.sleep(1.0)
        os.kill(server.pid, end)
        assert "the audio device vanished while playing; playing on as soon as" in child.line()
        server.kill()
        with JackServer(rate, 128) as again:
            child.tell(again.name)
            said = child.lines_until("reopened")
            assert f"there again, at {rate} Hz; playing on" in said[-2] and said[-1] == "reopened True"
            active, rate_now, calls, latency_now = json.loads(child.line("now"))
            child.line("stopped")
            child.end()
    assert active and rate_now == rate and abs(calls / (rate / 128) - 1) < 0.2
    assert latency_now == latency if rate == 48000 else latency_now > 0
    recorded = [files.read(path) for path in sorted(tmp_path.glob("take*.wav"))]
    assert {found_rate for _, found_rate in recorded} == {48000, rate}
    assert sum(audio.shape[1] for audio, _ in recorded) / len(recorded) > 0.7 * 48000
    assert all(0.05 < np.abs(audio).max() < 0.5 for audio, _ in recorded)


STOPS = """
stream = rtspec.AudioStream(plugins=[], source=rtspec.Loop(tone)).start()
say("playing")
heard()
start = time.monotonic()
if sys.argv[1] == "stop":
    stream.stop()
elif sys.argv[1] == "let go":
    del stream
say("stopped", round(time.monotonic() - start, 1))
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["stop", "let go", "exit"])
def test_a_server_that_dies_at_any_moment_of_a_streams_end_neither_aborts_nor_holds_up_the_process(how):
    for wait_ms in (-2, 3, 8):
        server = JackServer(48000, 128)
        with Child(server, STOPS, how) as child:
            child.line("playing")
            if wait_ms < 0:
                server.kill()
                time.sleep(-wait_ms / 1000)
            child.tell("end")
            time.sleep(max(0.0, wait_ms / 1000))
            server.kill()
            assert float(child.line("stopped")) < 6
            child.end()


WAITS_IN_VAIN = """
stream = rtspec.AudioStream(
    plugins=[], source=rtspec.Loop(tone), devices=rtspec.Devices(reopen=True), report=say
).start()
say("playing")
heard()
start = time.monotonic()
stream.stop()
say("stopped", round(time.monotonic() - start, 1))
"""


@pytest.mark.timeout(60)
def test_a_stream_that_looks_for_its_device_in_vain_ends_at_once_when_asked():
    server = JackServer(48000, 128)
    with Child(server, WAITS_IN_VAIN) as child:
        child.line("playing")
        server.kill()
        assert "vanished" in child.line()
        time.sleep(1.5)
        child.tell("end")
        assert float(child.line("stopped")) < 6
        child.end()


CUT_OFF = """
stream = rtspec.AudioStream(
    plugins=[], source=rtspec.Loop(tone), measuring=rtspec.Measuring(tape_seconds=6), report=say
).start()
say("playing")
heard()
say("state", stream.active, stream.statistics.underruns, stream.statistics.reopened)
stream.stop()
"""


@tried_twice()
def test_a_client_whose_ports_are_disconnected_plays_on_and_can_be_connected_again():
    with JackServer(48000, 128) as server, Child(server, CUT_OFF) as child:
        child.line("playing")
        cables = {port: to for port, to in server.connections().items() if port.startswith("PortAudio:out")}
        assert cables
        for port, targets in cables.items():
            for target in targets:
                server.disconnect(port, target)
        time.sleep(0.5)
        for port, targets in cables.items():
            for target in targets:
                server.connect(port, target)
        time.sleep(0.5)
        child.tell("end")
        active, underruns, reopened = child.line("state").split()
        child.end()
    check_in_time({"underruns": int(underruns)}, "underruns")
    assert (active, reopened) == ("True", "0")


# Controllers ----------------------------------------------------------------------------------------------------------

FLOODED = """
import random, socket
import threading
board = rtspec.Pedalboard([rtspec.OnnxProcessor("tilt-gate")])
stream = rtspec.AudioStream(
    plugins=board, source=rtspec.Loop(tone), control=rtspec.Control(osc_port=0, presets=sys.argv[1]), report=say
).start()
osc = stream.controllers.osc
rng, out = random.Random(1), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
good = [b"/rtspec/mix\\0,f\\0\\0\\x3f\\0\\0\\0", b"/rtspec/list\\0\\0\\0\\0,\\0\\0\\0"]
good.append(b"/rtspec/preset\\0\\0,s\\0\\0Dry\\0")
datagrams = []
for i in range(2000):
    data = bytearray(rng.choice(good) if i % 2 else rng.randbytes(1 + rng.randrange(64)))
    data[rng.randrange(len(data))] = rng.randrange(256)
    datagrams.append(bytes(data))
for i in range(100_000):
    out.sendto(datagrams[i % 2000], (osc.host, osc.port))
out.settimeout(0.5)
answered = False
for _ in range(40):
    out.sendto(b"/rtspec/undo\\0\\0\\0\\0,\\0\\0\\0", (osc.host, osc.port))
    try:
        while not answered:
            answered = out.recv(65536).startswith(b"/rtspec/undo")
        break
    except TimeoutError:
        pass
values = [p.spec.minimum <= p.value <= p.spec.maximum for p in stream.controllers.directory.values()]
s = stream.statistics
say("flooded", json.dumps([answered, all(values), osc.failures, stream.active, s.underruns, s.late_callbacks,
                           osc.statistics.datagrams]))
stream.stop()
"""


@tried_twice(120)
def test_a_flood_of_100_000_random_datagrams_leaves_the_stream_playing_and_osc_answering(tmp_path):
    with JackServer(48000, 256) as server, Child(server, FLOODED, tmp_path) as child:
        *_, last = child.lines_until("flooded")
        answered, in_range, failed, active, underruns, late, datagrams = json.loads(last.removeprefix("flooded"))
        child.end()
    assert (answered, in_range, active, failed) == (True, True, True, 0)
    assert datagrams > 10_000
    check_in_time({"underruns": underruns, "late": late}, "underruns", "late")


STEADY = """
import socket, threading
def burn():
    while True:
        sum(range(1000))
if sys.argv[1] == "burning":
    threading.Thread(target=burn, daemon=True).start()
board = rtspec.Pedalboard([rtspec.OnnxProcessor("tilt-gate")])
stream = rtspec.AudioStream(plugins=board, source=rtspec.Loop(tone), control=rtspec.Control(osc_port=0)).start()
osc = stream.controllers.osc
say("port", osc.port)
arrived = until(lambda: osc.statistics.applied + osc.statistics.refused >= 500)
time.sleep(0.2)
s = stream.statistics
say("state", json.dumps([osc.statistics.applied, osc.statistics.garbage, board[0].mix, s.underruns, s.late_callbacks]))
stream.stop()
"""


@tried_twice(90)
@pytest.mark.parametrize("load", ["free", "burning"])
def test_no_osc_message_of_another_process_is_lost_at_200_a_second(load):
    from pythonosc.udp_client import SimpleUDPClient

    with JackServer(48000, 256) as server, Child(server, STEADY, load) as child:
        client = SimpleUDPClient("127.0.0.1", int(child.line("port")))
        start = time.monotonic()
        for i in range(500):
            time.sleep(max(0.0, start + i / 200 - time.monotonic()))
            client.send_message("/rtspec/mix", (i + 1) / 500)
        applied, garbage, mix, underruns, late = json.loads(child.line("state"))
        child.end()
    check_in_time({"underruns": underruns, "late": late}, "underruns", "late")
    assert (applied, garbage) == (500, 0)
    assert mix == pytest.approx(1.0)


# MIDI -----------------------------------------------------------------------------------------------------------------

PLAYED = """
import math, mido, rtmidi
def output():
    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="keys")
    out.open_virtual_port("out")
    return out
board = rtspec.Pedalboard([rtspec.OnnxProcessor("tilt-gate")])
keys = output()
stream = rtspec.AudioStream(
    plugins=board, source=rtspec.Loop(tone), devices=rtspec.Devices(reopen=True),
    control=rtspec.Control(midi="keys"), report=say
).start()
def turn(value):
    keys.send_message([0xB0, 7, value])
    wanted = 40 * math.log10(value / 127)  # MIDI's law of CC 7
    return until(lambda: abs(board[0].output_db - wanted) < 1e-9, 5)
say("moved", turn(64))
if sys.argv[1] == "port":
    keys.close_port()
    keys.delete()
    say("gone", until(lambda: stream.controllers.midi.port is None))
    keys = output()
else:
    os.environ["JACK_DEFAULT_SERVER"] = heard()
    until(lambda: stream.statistics.reopened == 1)
    lost = keys
    keys = output()
until(lambda: stream.controllers.midi.port is not None)
say("moved", turn(127))
s = stream.statistics
say("state", json.dumps([stream.active, s.underruns]))
stream.stop()
say("stopped")
os._exit(0)  # a dead server's output must not be closed
"""


@tried_twice()
def test_a_midi_port_that_vanishes_and_returns_moves_the_sound_again():
    with JackServer(48000, 256) as server, Child(server, PLAYED, "port") as child:
        assert child.line("moved") == "True"
        said = child.lines_until("moved")
        assert sum("vanished; plug it in again" in line for line in said) == 1 and said[-1] == "moved True"
        assert sum("is there; listening" in line for line in said) == 1
        active, underruns = json.loads(child.line("state"))
        child.line("stopped")
        child.end()
    assert active
    check_in_time({"underruns": underruns}, "underruns")


@tried_twice()
def test_midi_comes_back_with_the_server():
    server = JackServer(48000, 256)
    with Child(server, PLAYED, "server") as child:
        assert child.line("moved") == "True"
        server.kill()
        while "vanished" not in child.line():
            pass
        with JackServer(48000, 256) as again:
            child.tell(again.name)
            assert child.lines_until("moved")[-1] == "moved True"
            active, underruns = json.loads(child.line("state"))
            child.line("stopped")
            child.end()
    assert active
    check_in_time({"underruns": underruns}, "underruns")


# Presets --------------------------------------------------------------------------------------------------------------

HOSTILE = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "huge number": lambda text: text.replace('"mix": 0.5', '"mix": 1e308'),
    "endless number": lambda text: text.replace('"mix": 0.5', '"mix": ' + 5000 * "9"),
    "not a number": lambda text: text.replace('"mix": 0.5', '"mix": NaN'),
    "wrong type": lambda text: text.replace('"mix": 0.5', '"mix": [[["loud"]]]'),
    "path in it": lambda text: text.replace('"name": "good"', '"name": "../../../etc/passwd"'),
    "newer": lambda text: text.replace('"format": 1', '"format": 2'),
    "deep": lambda text: 100_000 * "[",
    "bytes": lambda text: "\0\x7f" + text,
}

PRESETS = """
import mido
from rtspec.control.midi.messages import MidiEvent
from pythonosc.osc_message_builder import OscMessageBuilder
board = rtspec.Pedalboard([rtspec.OnnxProcessor("tilt-gate")])
stream = rtspec.AudioStream(
    plugins=board, source=rtspec.Loop(tone), control=rtspec.Control(osc_port=0, presets=sys.argv[1])
).start()
server, answers = stream.controllers.osc, []
server._send = lambda to, address, arguments: answers.append([address, *arguments])
def ask(name):
    answers.clear()
    builder = OscMessageBuilder(address="/rtspec/preset")
    builder.add_arg(name)
    server.receive(builder.build().dgram, ("127.0.0.1", 9))
    return list(answers)
for name in json.loads(heard()):
    say("answer", json.dumps([ask(name), board[0].mix]))
for program in range(20):
    stream.controllers.feed(MidiEvent(time.monotonic(), mido.Message("program_change", program=program)))
say("loaded", until(lambda: board[0].mix == 0.5), stream.active, stream.statistics.underruns)
stream.stop()
"""


@tried_twice()
def test_hostile_preset_files_are_answered_with_one_line_each_while_the_stream_plays_on(tmp_path):
    import rtspec
    from rtspec.control.bank import Bank

    processor = rtspec.OnnxProcessor("tilt-gate", mix=0.5)
    Bank(processor, tmp_path).save("good", program=7)
    text = (tmp_path / "good.json").read_text()
    for name, spoilt in HOSTILE.items():
        assert spoilt(text) != text
        (tmp_path / f"{name}.json").write_text(spoilt(text))
    os.symlink("/etc/passwd", tmp_path / "elsewhere.json")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    tricks = [*HOSTILE, "elsewhere", "../good", "/etc/passwd", "good.json", "a\nb", 300 * "x"]
    with JackServer(48000, 256) as server, Child(server, PRESETS, tmp_path) as child:
        child.tell(json.dumps(tricks))
        for name in tricks:
            ((address, line),), mix = json.loads(child.line("answer"))
            assert address == "/rtspec/error" and mix == 1.0, name
            assert 10 < len(line) < 400 and "\n" not in line
        loaded, active, underruns = child.line("loaded").split()
        child.end()
    assert (loaded, active) == ("True", "True")
    check_in_time({"underruns": int(underruns)}, "underruns")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
