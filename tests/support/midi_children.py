"""Child processes of test_midi_jack.py: a role and its arguments; talks in lines."""

import json
import os
import sys
import threading
import time
from itertools import pairwise

import mido

if os.environ.get("WITHOUT_RTMIDI"):
    sys.modules["rtmidi"] = None  # type: ignore[assignment]

from rtspec.control.midi.inputs import MidiInput
from rtspec.control.midi.ports import find_port, list_ports
from rtspec.errors import DeviceError

LIMIT_S = 15

LONGEST_PERIOD_S = 256 / 48000
"""Of the servers of the tests."""


def say(*words):
    print(*words, flush=True)


def until(condition):
    end, pause = time.monotonic() + LIMIT_S, threading.Event()
    while not condition() and time.monotonic() < end:
        pause.wait(0.005)


def output(client="sender", port="numbers"):
    import rtmidi

    found = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=client)
    found.open_virtual_port(port)
    return found


def number_message(i):
    """14 bits of count: a bend on channel 1 to 16 by turns."""
    return mido.Message("pitchwheel", channel=i % 16, pitch=i - 8192).bytes()


def send(count, rate, port="numbers"):
    """Send numbered messages, so many a second; tell when each one was sent."""
    out = output(port=port)
    say("ready")
    sys.stdin.readline()
    start, times = time.monotonic(), []
    for i in range(int(count)):
        while time.monotonic() < start + i / float(rate):
            time.sleep(0.0002)
        sent = time.monotonic()
        out.send_message(number_message(i))
        times.append(sent)
    say("sent", json.dumps(times))
    time.sleep(0.3)


MANGLED = (
    [[0x90, 62, 90], [64, 90]],  # running status
    [[0x82]],
    [[0x90, 63]],
    [[0xF0, 0x7E, 1, 2], [0x45, 0x46, 0x47], [0x48, 0xF7]],  # system exclusive in pieces
    [[0xF0, 1, 0x90, 67, 90], [0xF7]],  # and with a note inside
    [[0xF7]],
    [[0xF5]],
    [[0xFD, 1]],
    [[0x90, 200, 250]],  # status bytes where data should be
)
"""What no sender should send; among it the keys 62 and 64 go down."""
UNENDING = ([[0xF0, 0x7E, 1, 2]],)


def mangle(rounds, which="MANGLED", port="numbers"):
    """Broken bytes by turns with numbered messages; at the end a clean note, and all notes off."""
    out, broken = output(port=port), globals()[which]
    say("ready")
    sys.stdin.readline()
    for i in range(int(rounds)):
        for piece in broken[i % len(broken)]:
            out.send_message(piece)
        time.sleep(0.003)
        out.send_message(number_message(i))
        time.sleep(0.003)
    for message in ([0xB0, 123, 0], [0x90, 60, 100], [0x80, 60, 0]):
        time.sleep(0.3)
        out.send_message(message)
    time.sleep(0.3)
    say("sent")


def play(port, seconds):
    """TimbreSynth at a port; tell the peak of each tenth of a second."""
    import numpy as np

    import rtspec

    synth = rtspec.TimbreSynth("organ", release_ms=20.0)
    settings = {"sample_rate": 48000, "buffer_size": 256, "measuring": rtspec.Measuring(tape_seconds=float(seconds))}
    source = np.zeros((2, 48000 * int(seconds)), np.float32)
    with rtspec.AudioStream(plugins=synth, source=source, control=rtspec.Control(midi=port), **settings) as stream:
        say("ready")
        sys.stdin.readline()
        sound = stream.recorded[1][0]
    assert np.isfinite(sound).all()
    pieces = sound[: len(sound) // 4800 * 4800].reshape(-1, 4800)
    say("levels", json.dumps(np.abs(pieces).max(1).astype(float).tolist()))


def burn():
    while True:
        sum(range(1000))


def receive(port, count, load="free"):
    if load == "burning":
        threading.Thread(target=burn, daemon=True).start()
    count, came = int(count), []
    with MidiInput(port, lambda event: came.append((event.time_s, time.monotonic(), event.message))) as source:
        say("ready")
        until(lambda: len(came) >= count)
        statistics = source.statistics.as_dict()
    stamps = [stamp for stamp, _, _ in came]
    result = {
        "numbers": [message.pitch + 8192 for _, _, message in came],
        "statistics": statistics,
        "backwards": sum(b < a for a, b in pairwise(stamps)),
        "early": sum(stamp > now + LONGEST_PERIOD_S for stamp, now, _ in came),  # a frame lies within a period
        "came": [(stamp, now) for stamp, now, _ in came],
    }
    say("result", json.dumps(result))


def receive_bends(port, count):
    """Numbered messages, and the keys that go down between them."""
    count, came = int(count), []
    with MidiInput(port, lambda event: came.append(event.message)) as source:
        say("ready")
        until(lambda: sum(m.type == "pitchwheel" for m in came) >= count)
        statistics = source.statistics.as_dict()
    numbers = [m.pitch + 8192 for m in came if m.type == "pitchwheel"]
    say(
        "result",
        json.dumps(
            {"numbers": numbers, "keys": [m.note for m in came if m.type == "note_on"], "statistics": statistics}
        ),
    )


def follow(port, count):
    """Tell how many messages came: at once, after each batch, and after each line read."""
    came, batch = [], int(count)
    source = MidiInput(port, came.append)
    until(lambda: port == "auto" or source.port is not None)
    say("heard", len(came))
    target = batch
    if port == "auto":
        sys.stdin.readline()
        until(lambda: source.port is not None)
        say("heard", len(came))
    while True:
        until(lambda: len(came) >= target)  # noqa: B023
        say("heard", len(came))
        if target == 2 * batch:
            break
        until(lambda: source.port is None)
        say("gone")
        sys.stdin.readline()
        until(lambda: source.port is not None)
        say("heard", len(came))
        target += batch
    sys.stdin.readline()
    source.close()
    say("reports", json.dumps(list(source.reports)))


def names():
    outs = [output("first", "out"), output("second", "out")]
    found: dict[str, object] = {"all": [port.name for port in list_ports()]}
    for name in ("second", "1", "second:out", "auto", "out", "third"):
        try:
            found[name] = find_port(name).name
        except DeviceError as error:
            found[name] = str(error)
    say("names", json.dumps(found))
    del outs


def survive():
    """Two inputs and an output on a server that dies; the same on the next."""
    came = []
    sources = [MidiInput("auto", came.append), MidiInput("auto")]
    out = output()
    until(lambda: all(source.port is not None for source in sources))
    out.send_message(number_message(1))
    until(lambda: len(came) == 1)
    say("heard", len(came))
    sys.stdin.readline()
    for source in sources:
        source.server_lost()
    time.sleep(1.5)
    say("alive", all(source.active and source.port is None for source in sources))
    os.environ["JACK_DEFAULT_SERVER"] = sys.stdin.readline().strip()
    again = output()
    until(lambda: all(source.port is not None for source in sources))
    again.send_message(number_message(2))
    until(lambda: len(came) == 2)
    say("heard", len(came))
    sys.stdin.readline()
    for source in sources:
        source.close()
    say("reports", json.dumps(list(sources[0].reports)))
    os._exit(0)  # the dead server's output must not be closed


def nothing():
    say("ports", list_ports())
    try:
        find_port("auto")
    except DeviceError as error:
        say(error)
    with MidiInput("auto") as source:
        time.sleep(1.2)
        say("auto", source.port, source.active)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
