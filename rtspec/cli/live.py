"""``rtspec live``."""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

from .. import options
from ..console import emit
from .chain import add_chain_arguments, describe, make_chain
from .live_view import TURN_S, View, make_view
from .live_words import check_words, panel_wanted
from .sensor import is_sensor, silent_source

EXAMPLE = "rtspec live --processor inversion --set bands=mel --processor onnx:tilt-gate --seconds 30"
_VIRTUAL_RATE = 48000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The chain, the devices, what moves it and when to end."""
    add_chain_arguments(parser)
    _add_sound(parser.add_argument_group("source and sensor"))
    _add_devices(parser.add_argument_group("devices"))
    control = parser.add_argument_group("control")
    _add_control(control)
    _add_panel(control)
    _add_recording(parser.add_argument_group("recording"))
    _add_end(parser.add_argument_group("running"))


def _add_devices(group: argparse._ArgumentGroup) -> None:
    """Where the sound comes from and goes to, and how many samples at a time."""
    group.add_argument("--input", metavar="NAME", help="input device: name, part of it, or index")
    group.add_argument("--output", metavar="NAME", help="output device: name, part of it, or index")
    for side in ("input", "output"):
        group.add_argument(
            f"--{side}-channels", metavar="N,N:N", help=f"the device's {side} channels in the chain's order, from 1"
        )
    group.add_argument(
        "--block", type=_block, metavar="N", help="samples a block, or auto (default): the device's own, else 128"
    )
    group.add_argument(
        "--worker",
        type=int,
        metavar="N",
        help="samples beyond a block for the engine (default 256, with an instrument 0)",
    )
    group.add_argument("--rate", type=float, metavar="HZ", help="sample rate (default: the output device's own)")
    group.add_argument(
        "--allow-feedback", action="store_true", help="let the default input be the monitor of the own output"
    )
    group.add_argument(
        "--no-reopen", action="store_true", help="end where the device vanishes, instead of waiting for it to come back"
    )
    group.add_argument(
        "--virtual", action="store_true", help="the paced virtual device: no sound card, the same engine"
    )
    group.add_argument(
        "--guard", action="store_true", help="limit the output, and turn it down where loudspeaker and microphone howl"
    )


def _add_sound(group: argparse._ArgumentGroup) -> None:
    """What is played in place of the input, and what listening processors hear."""
    group.add_argument(
        "--source", metavar="FILE", help="play this in place of the input; a sensor: levels:FILE or levels:udp:PORT"
    )
    group.add_argument(
        "--sensor",
        metavar="N|NAME|FILE",
        help="what scene-eq hears: channels of the input device (3 or 3,4), another input device, or a file; never"
        " recorded",
    )
    group.add_argument("--loop", action="store_true", help="play the source again and again")


def _add_control(group: argparse._ArgumentGroup) -> None:
    """What moves the parameters."""
    group.add_argument(
        "--midi", nargs="?", const="auto", metavar="NAME", help="let a MIDI port (default auto) move parameters"
    )
    group.add_argument("--map", metavar="FILE", help="what moves what, as 'rtspec midi learn' writes it")
    group.add_argument(
        "--untimed", action="store_true", help="MIDI acts at once, not always a millisecond later at its own sample"
    )
    group.add_argument("--osc", type=int, metavar="PORT", help="let OSC on this UDP port move parameters")
    group.add_argument(
        "--osc-host", metavar="ADDRESS", help="listen there for OSC (default 127.0.0.1: this machine only)"
    )
    group.add_argument("--preset", metavar="NAME", help="start with this preset: a saved or factory one, or a file")
    group.add_argument(
        "--pad", metavar="A,B[,C,D]", help="two or four presets between which CC 12 and 13, or OSC /rtspec/pad/x, play"
    )


def _add_panel(group: argparse._ArgumentGroup) -> None:
    """A page that shows and moves everything."""
    group.add_argument(
        "--panel", nargs="?", const=0, type=int, metavar="PORT", help="serve a page to this machine's browsers"
    )
    group.add_argument("--panel-host", metavar="ADDRESS", help="serve it there, to a tablet say; needs a password")
    group.add_argument("--panel-password", metavar="WORD", help="what is asked of whoever has not the printed address")


def _add_recording(group: argparse._ArgumentGroup) -> None:
    """What is kept."""
    group.add_argument(
        "--record", metavar="FILE", help="write what is played to this .wav file meanwhile, and the input beside it"
    )
    group.add_argument(
        "--overwrite", action="store_true", help="let --record replace an earlier take (else take-2.wav and so on)"
    )


def _add_end(group: argparse._ArgumentGroup) -> None:
    """For how long, and what is shown meanwhile."""
    group.add_argument(
        "--seconds", type=options.seconds, metavar="N", help="end after N seconds (default: with the source, or Ctrl-C)"
    )
    group.add_argument("--quiet", action="store_true", help="show no levels while it plays, only what happens")


def run(args: argparse.Namespace) -> None:
    """Play until the time is over, the source has ended or Ctrl-C; then print what happened."""
    check_words(args)
    rate = args.rate or _own_rate(args)
    chain = make_chain(args)
    view = make_view(_view_kind(args), f"{describe(args)}, {rate:g} Hz")
    stream = _stream(args, chain, rate, view)
    if args.preset:
        _apply_preset(stream, args.preset)
    if not args.json:
        print(f"{describe(args)}, {rate:g} Hz, blocks of {stream.buffer_size}\n{stream.latency}", flush=True)
    play(stream, args.seconds, "" if args.json else "playing; Ctrl-C ends it", view)
    data = {"chain": describe(args), "latency": stream.latency.as_dict(), "statistics": stream.statistics.as_dict()}
    data["recorded"] = [str(path) for path in stream.recording_paths]
    emit(args, data, statistics_text(stream.statistics))


def _stream(args: argparse.Namespace, chain: Any, rate: float, view: View):
    """What is asked for, not started yet."""
    from ..live.options import Devices, Loop, Recording
    from ..live.stream import AudioStream

    if is_sensor(args.source):
        source, endless = silent_source(chain, args.source, rate, view.say)
    else:
        source, endless = args.source, args.loop
    return AudioStream(
        args.input,
        args.output,
        plugins=chain,
        sample_rate=rate,
        buffer_size=args.block,
        allow_feedback=args.allow_feedback,
        source=Loop(source) if endless and source is not None else source,
        sensor=args.sensor,
        devices=Devices(
            input_channels=args.input_channels,
            output_channels=args.output_channels,
            virtual=args.virtual,
            reopen=not args.no_reopen,
            guard=args.guard,
            worker_samples=args.worker,
        ),
        control=_control(args),
        recording=Recording(_record(args), args.overwrite),
        report=view.say,
    )


def _control(args: argparse.Namespace):
    """What moves the chain."""
    from ..live.options import Control

    return Control(
        midi="auto" if args.map and args.midi is None else args.midi,
        midi_map=args.map,
        midi_timed=not args.untimed,
        osc_port=args.osc,
        osc_host=args.osc_host,
        pad=args.pad.split(",") if args.pad else (),
        panel=_panel(args),
    )


def _panel(args: argparse.Namespace):
    """Where a panel is served, where one is asked for."""
    if not panel_wanted(args):
        return False
    from ..panel import PanelSettings
    from ..panel.gate import LOOPBACK

    return PanelSettings(args.panel_host or LOOPBACK, args.panel or 0, args.panel_password)


def _apply_preset(stream, name: str) -> None:
    from ..control.bank import Bank, read_preset
    from ..control.presets import apply

    if Path(name).is_file():
        apply(stream.plugins, read_preset(name))
    else:
        Bank(stream.plugins).load(name)


def _view_kind(args: argparse.Namespace) -> str:
    if args.json or args.quiet:
        return "reports"
    return "full" if sys.stdout.isatty() else "lines"


def play(stream, seconds: float | None, announcement: str = "", view: View | None = None) -> None:
    """Run a stream for so long, to its source's end, or to Ctrl-C, which is a good end too."""
    end = math.inf if seconds is None else time.monotonic() + seconds
    with stream, view or make_view("none", "") as shown:
        if announcement:
            print(announcement, flush=True)
        try:
            while not stream.wait(min(TURN_S, end - time.monotonic())) and time.monotonic() < end:
                shown.update(stream)
        except KeyboardInterrupt:
            print(flush=True)


def statistics_text(statistics) -> str:
    """Statistics in lines for people."""
    s = statistics.as_dict()
    counts = [
        (name.replace("_", " "), s[name]) for name in s if isinstance(s[name], int) and not isinstance(s[name], bool)
    ]
    lines = [f"{name:>20} {value}" for name, value in counts]
    for kind in ("callback_us", "frame_us"):
        times = ", ".join(f"{which} {value:.0f}" for which, value in s[kind].items())
        lines.append(f"{kind.removesuffix('_us') + ' time':>20} {times} µs")
    lines.append(f"{'real-time priority':>20} {'yes' if s['real_time'] else 'no (rtspec doctor says how to get it)'}")
    return "\n".join(lines)


def _own_rate(args: argparse.Namespace) -> float:
    from ..audio.devices import find_device

    return _VIRTUAL_RATE if args.virtual else find_device(args.output, "output").sample_rate


def _record(args: argparse.Namespace) -> str | None:
    """Where to record to; never over the source that is being played."""
    if args.record and args.overwrite and args.source and Path(args.source).exists():
        from ..audio.recording import take_paths
        from ..errors import AudioFileError

        for path in take_paths(Path(args.record)):
            if path.exists() and path.samefile(args.source):
                raise AudioFileError(f"{path} is the source itself and would be lost; record under another name")
    return args.record


def _block(text: str) -> int | None:
    """A number, or the device's own."""
    return None if text == "auto" else options.integer(remedy="try 128, or auto")(text)
