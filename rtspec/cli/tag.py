"""``rtspec tag FILE``, ``rtspec tag --live``: what is heard, second by second."""

import argparse
import queue
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from pedalboard.io import StreamResampler

from .. import checks
from ..console import emit, table
from ..errors import InvalidValue
from ..processors.equalizer.tagging import PLAN, Tagger

if TYPE_CHECKING:
    import sounddevice

EXAMPLE = "rtspec tag street.wav"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to hear, and by which tagger."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="sound files")
    parser.add_argument("--live", action="store_true", help="hear the default input until Ctrl-C")
    parser.add_argument("--input", metavar="NAME", help="another input device, with --live")
    parser.add_argument("--seconds", type=float, metavar="N", help="with --live: so long")
    parser.add_argument("--model", default="scene-live", metavar="NAME|FILE", help="default scene-live")
    parser.add_argument("--confidence", type=float, default=0.6, metavar="P", help="below it: unknown (default .6)")


def run(args: argparse.Namespace) -> None:
    """Tag files, or the input."""
    if bool(args.files) == args.live:
        raise InvalidValue("give sound files, or --live, not both")
    checks.within("confidence", args.confidence, 0, 1, "try .6")
    if args.live:
        return _live(args)
    found = [_tagged(file, args) for file in args.files]
    rows = [{"file": each["file"], "scene": each["scene"], **each["probabilities"]} for each in found]
    times = [{"file": each["file"], **part} for each in found for part in each["parts"]]
    emit(args, {"files": found}, f"{table(rows)}\n\n{table(times)}")
    return None


def _tagged(file: str, args: argparse.Namespace) -> dict:
    """A file's probabilities in the mean, its commonest scene, and from when to when it was what."""
    from ..audio.files import read

    tagger = Tagger(args.model, args.confidence)
    sound = read(file, PLAN.sample_rate)[0].mean(axis=0)
    decisions = tagger.process(np.concatenate([sound, np.zeros(max(0, PLAN.length - len(sound)), np.float32)]))
    mean = np.mean([p for _, p in decisions], axis=0)
    names = [scene for scene, _ in decisions]
    sure = int(np.argmax(mean))
    scene = tagger.labels[sure] if mean[sure] >= args.confidence else "unknown"
    shares = {label: float(p) for label, p in zip(tagger.labels, mean, strict=True)}
    return {"file": file, "scene": scene, "probabilities": shares, "parts": list(_parts(names))}


def _parts(names: list[str]) -> Iterator[dict]:
    at, frame_s = 0, PLAN.hop / PLAN.sample_rate
    for scene, group in groupby(names):
        n = len(list(group))
        yield {"from_s": round(at * frame_s, 2), "to_s": round((at + n) * frame_s, 2), "scene": scene}
        at += n


def _live(args: argparse.Namespace) -> None:
    """A line whenever the scene changes; with --json all changes at the end."""
    heard: queue.Queue = queue.Queue()
    changes: list[dict] = []
    lost = 0
    with _input(args.input, heard) as stream:
        listener = _Listener(Tagger(args.model, args.confidence), stream.samplerate)
        start = time.monotonic()
        with suppress(KeyboardInterrupt):
            while args.seconds is None or time.monotonic() - start < args.seconds:
                with suppress(queue.Empty):
                    sound, was_lost = heard.get(timeout=0.5)
                    lost += was_lost
                    fresh = listener.changes(sound)
                    changes += fresh
                    for each in () if getattr(args, "json", False) else fresh:
                        print(f"{each['at_s']:8.2f} s  {each['scene']}  {each['probability']:.2f}", flush=True)
    emit(args, {"changes": changes, "lost_blocks": lost}, f"{len(changes)} changes; sound was lost {lost} times")


class _Listener:
    """Changes of the scene in what comes at a device's rate."""

    def __init__(self, tagger: Tagger, sample_rate: float):
        self._tagger, self._scene, self._frames = tagger, "", 0
        self._resampler = StreamResampler(sample_rate, PLAN.sample_rate, 1)

    def changes(self, sound: np.ndarray) -> list[dict]:
        """The next samples, float32 (n,)."""
        made = []
        for name, probabilities in self._tagger.process(self._resampler.process(sound[np.newaxis])[0]):
            self._frames += 1
            if name != self._scene:
                self._scene = name
                at_s = round(self._frames * PLAN.hop / PLAN.sample_rate, 2)
                made.append({"at_s": at_s, "scene": name, "probability": float(probabilities.max())})
        return made


def _input(name: str | None, heard: queue.Queue) -> "sounddevice.InputStream":
    """The device, opened at its own rate; what comes goes into the queue, beside whether sound was lost before it."""
    from ..audio.devices import find_device
    from ..audio.refusals import refused

    device = find_device(name, "input")

    import sounddevice  # after the devices: where PortAudio is missing they say so

    def take(block: np.ndarray, _frames: int, _time: object, flags: sounddevice.CallbackFlags) -> None:
        heard.put((block[:, 0].copy(), bool(flags)))

    settings = {"device": device.index, "samplerate": device.sample_rate, "channels": 1, "dtype": "float32"}
    try:
        return sounddevice.InputStream(**settings, callback=take)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise refused("input", device.name, device.sample_rate, error) from None
