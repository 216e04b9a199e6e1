"""Child processes of test_panel_jack.py: a stream with a panel on JACK that tells of itself, and a MIDI sender."""

import json
import sys
import time

import mido
import numpy as np
import pedalboard

import rtspec
from rtspec.control.native import native_table
from rtspec.live import transport
from rtspec.panel.rack import Card
from rtspec.processors.catalogue import catalogue, create

RATE, SECONDS = 48000, 4.0


def answer(content):
    print(json.dumps(content), flush=True)


def noise():
    """Pink noise, float32 (2, n), -12 dB peak."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(round(SECONDS * RATE)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))))
    return np.repeat((0.25 * pink / np.abs(pink).max()).astype(np.float32)[None], 2, axis=0)


def play(source=None, sensor=None, tape_s=1.0, block: int | None = 256, reserve=None):
    """Serve a panel; answer what each line of standard input asks for: values, sound, chain, statistics, fresh."""
    chain = [rtspec.TimbreSynth("organ", mix=0.5), rtspec.Equalizer(bands="octave")]
    options = {"sample_rate": RATE, "buffer_size": block, "measuring": rtspec.Measuring(tape_seconds=tape_s)}
    with rtspec.AudioStream(
        plugins=chain,
        source=rtspec.Loop(noise() if source is None else source),
        sensor=sensor,
        devices=rtspec.Devices(reopen=True, worker_samples=reserve),
        control=rtspec.Control(panel=True),
        **options,
    ) as stream:
        answer(stream.panel_url)
        asked = {
            "values": lambda: {a: p.value for a, p in stream.controllers.directory.items()},
            "chain": lambda: [type(plugin).__name__ for plugin in stream.plugins],
            "statistics": lambda: stream.statistics.as_dict(),
            "fresh": lambda: fresh(stream, chain),
        }
        for line in sys.stdin:
            word, *rest = line.split()
            answer(DOES[word](stream, *rest) if word in DOES else asked[word]())


def tagged():
    """A scene equalizer all of whose parameters count: one that hears noise and tells scenes."""
    from taggers import LoudOrNot

    return rtspec.SceneEqualizer("both", model=LoudOrNot(), curves={"street": {1000: 6}, "park": {63: -12, 4000: -12}})


CHAINS = {
    "level": lambda: [pedalboard.Clipping(-40), pedalboard.Gain(20)],
    "filter": lambda: [pedalboard.LadderFilter(cutoff_hz=1000)],
    "octaves": lambda: [rtspec.Equalizer(bands="octave")],
    "parametric": lambda: [rtspec.Equalizer(bands="parametric")],
    "scene": lambda: [rtspec.SceneEqualizer()],
    "inversion": lambda: [rtspec.SpectralInversion()],
    "style": lambda: [rtspec.StyleTransfer("rain")],
    "board": lambda: [rtspec.Pedalboard([pedalboard.Gain(0), rtspec.Equalizer(bands="octave")])],
    "synth": lambda: [rtspec.TimbreSynth("organ", mix=1.0)],
    "scene-eq": lambda: [tagged()],
    "all": lambda: [
        rtspec.SceneEqualizer(),
        *(create(spec) for spec in ("style", "timbre-synth", "timbre-morph", "bandwidth:live", "inversion")),
        create("onnx:tilt-gate"),
        rtspec.Equalizer(bands="parametric"),
        pedalboard.Compressor(),
        rtspec.Mix([[pedalboard.Chorus(), pedalboard.Gain()], rtspec.Equalizer(bands="octave")]),
    ],
    "bandwidth:live": lambda: [rtspec.BandwidthExtension(crossover_hz=8000)],  # phrases lack nothing
}


NOT_LIVE = ("PitchShift",)
"""What streams refuse, since it forgets its state between two calls."""


def every_card(stream):
    """Words for :func:`wear` of every card that there can be: the catalogue's, and pedalboard's with parameters."""
    rows = [entry for entry in catalogue().values() if not entry.needs_argument]
    specs = list(dict.fromkeys(e.name if not e.models or e.is_instrument else e.models[0][1].split()[0] for e in rows))
    kinds = {n: getattr(pedalboard, n) for n in dir(pedalboard) if isinstance(getattr(pedalboard, n), type)}
    natives = [n for n, kind in kinds.items() if issubclass(kind, pedalboard.Plugin) and _has_knobs(kind)]
    return [*specs, "onnx:tilt-gate", "parametric", *(name for name in natives if name not in NOT_LIVE)]


def _has_knobs(kind):
    try:
        return bool(native_table(kind()))
    except (TypeError, NotImplementedError, RuntimeError):  # what cannot be made without a file of its own
        return False


def made(name):
    """The plugins of a chain's name, or of one card."""
    if name in CHAINS:
        return CHAINS[name]()
    return [getattr(pedalboard, name)()] if hasattr(pedalboard, name) else [create(name)]


def wear(stream, name):
    """Play another chain, fresh; its titles."""
    chain = made(name)
    stream.plugins[:] = chain
    transport.seek(stream._session, 0)
    stream.controllers.midi_map.cancel()
    stream.controllers.midi_map.replace([])
    stream.controllers.silence()
    transport.pause(stream._session, False)
    stream.settle(30)
    return [Card("", plugin).title for plugin in chain]


def feed(stream, number, value):
    """A controller moves, as if by the MIDI port."""
    stream.controllers.midi_map.feed(mido.Message("control_change", control=int(number), value=int(value)))


def nest(stream):
    """Somebody else edits a board in the chain: a plugin before its first."""
    stream.plugins[0].insert(0, pedalboard.Chorus())
    return stream.settle(10)


def state(stream):
    """What is not among the values: corners, rows of the map, block, place in the source, whether it rests."""
    return {
        "corners": list(stream.controllers.pad.corners),
        "map": [each.as_dict() for each in stream.controllers.midi_map],
        "block": stream.buffer_size,
        "at_s": transport.source_at(stream._session) / RATE,
        "paused": transport.is_paused(stream._session),
        "saved": stream.controllers.bank.saved(),
    }


def fresh(stream, chain):
    """As it was at the start, whatever was done to it: chain, values, map, ports, takes, source, keys."""
    stream.stop_recording()
    transport.pause(stream._session, False)
    stream.controllers.silence()
    stream.controllers.listen_to(None)
    stream.controllers.midi_map.cancel()
    if [id(plugin) for plugin in stream.plugins] != [id(plugin) for plugin in chain]:
        stream.plugins[:] = chain
    stream.controllers.midi_map.replace([])
    for parameter in stream.controllers.directory.values():
        parameter.value = parameter.spec.default
    chain[0].mix = 0.5
    stream.settle(10)
    return {address: parameter.value for address, parameter in stream.controllers.directory.items()}


def sound(stream, seconds=0.2):
    """Level of what is heard now, and of its octaves from 31.5 Hz on, dB; taken from a tape that begins now."""
    seconds = float(seconds)
    stream.settle(10)
    stream.rewind()
    end = time.monotonic() + 5
    while stream._session.exchange.taped_frames < (seconds + 0.1) * RATE and time.monotonic() < end:
        time.sleep(0.01)
    heard = stream.recorded[1][0][-round(seconds * RATE) :]
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    hz = np.fft.rfftfreq(len(heard), 1 / RATE)
    octaves = [power[(hz >= f / 1.41) & (hz < f * 1.41)].sum() for f in 31.5 * 2.0 ** np.arange(10)]
    found = {"rms_db": decibels(np.mean(heard**2)), "octaves_db": [decibels(p) for p in octaves]}
    return {**found, "peak_hz": float(hz[np.argmax(power)])}


def listen():
    """As :func:`play`, with sounds that give every kind of processor work: phrases, and a room that a sensor hears; and
    with a reserve, since a phrase in which the machine came late has to be played again."""
    from panel_phrases import RESERVE, TAPE_S, phrases, room

    play(phrases(RATE), room(RATE), TAPE_S, None, RESERVE)


def phrase(stream):
    """How one phrase sounds now: :func:`panel_phrases.heard`."""
    from panel_phrases import heard

    return heard(stream).tolist()


def long(stream):
    """How it sounds in the long run: :func:`panel_phrases.heard_in_the_long_run`."""
    from panel_phrases import heard_in_the_long_run

    return heard_in_the_long_run(stream).tolist()


DOES = {
    "phrase": phrase,
    "long": long,
    "wear": wear,
    "feed": feed,
    "nest": nest,
    "state": state,
    "sound": sound,
    "every_card": every_card,
}


def decibels(power):
    return float(10 * np.log10(max(float(power), 1e-12)))


def send():
    """Send the controllers that lines of standard input name: number and value."""
    import rtmidi

    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="knobs")
    out.open_virtual_port("out")
    answer("ready")
    for line in sys.stdin:
        out.send_message([0xB0, *map(int, line.split())])
        answer("sent")


if __name__ == "__main__":
    {"play": play, "send": send, "listen": listen}[sys.argv[1]]()
