"""The other process of the soak and of the MIDI-to-sound measurement: a JACK MIDI port and an OSC client that say what
they sent.

Talks in lines: "ready" once the port is there; reads one JSON line with what to send; answers one JSON line.
"""

import json
import sys
import time
from collections.abc import Callable

PORT = "rtspec-sender"
SUSTAIN_S = 0.5
"""The port stays open for so long after its last message, so that it arrives."""


def main() -> None:
    """Open the port, and do as the line says: the name of a function of this module, and its arguments."""
    import rtmidi

    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=PORT)
    out.open_virtual_port("out")
    print("ready", flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        work = {"flood": flood, "notes": notes}[wanted.pop("do")]
        print(json.dumps(work(out.send_message, **wanted)), flush=True)
    time.sleep(SUSTAIN_S)


def flood(send: Callable, seconds: float, midi_rate: float, osc_rate: float, osc_port: int, osc_address: str) -> dict:
    """Controllers 7 and 74 by turns, and OSC messages, so many a second each."""
    from pythonosc.udp_client import SimpleUDPClient

    osc, start = SimpleUDPClient("127.0.0.1", osc_port), time.monotonic()
    sent = {"midi": 0, "osc": 0}
    while (now := time.monotonic() - start) < seconds:
        if sent["midi"] < now * midi_rate:
            send([0xB0, (7, 74)[sent["midi"] % 2], 90 + sent["midi"] % 30])
            sent["midi"] += 1
        elif sent["osc"] < now * osc_rate:
            osc.send_message(osc_address, 0.5 + 0.5 * (sent["osc"] % 100) / 100)
            sent["osc"] += 1
        else:
            time.sleep(0.0003)
    return sent


def notes(send: Callable, count: int, gap_s: float) -> dict:
    """Note on and off by turns at moments that fall anywhere in a block; when each note-on was sent, monotonic.

    The velocity tells which note it is (:func:`velocity`).
    """
    moments, at = [], time.monotonic() + gap_s
    for i in range(count):
        time.sleep(max(0.0, at - time.monotonic()))
        moments.append(time.monotonic())
        send([0x90, 60, velocity(i)])
        time.sleep(gap_s / 2)
        send([0x80, 60, 0])
        at += gap_s * (1.0 + 0.0137 * (i % 7))
    return {"moments": moments}


def velocity(i: int) -> int:
    """Of note number i: the same only after a hundred others."""
    return 20 + i % 100


if __name__ == "__main__":
    main()
