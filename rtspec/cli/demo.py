"""``rtspec demo``: the main job with nothing attached."""

import argparse
from pathlib import Path

from .. import checks
from ..console import emit
from ..errors import AudioFileError, DeviceError
from .live import play, statistics_text

EXAMPLE = "rtspec demo --seconds 6 --out out"
SAMPLE_RATE = 48000
_PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = (_PACKAGE / "examples", _PACKAGE.parent / "examples" / "audio")
"""Where the demo's sound lies: in a wheel, in a checkout."""
SOUNDS = ("music.ogg", "speech.flac")
_INTRODUCTION = """Music and speech, cut into frames, go through two processors while they play:
  1. SpectralInversion: only third-octave levels are kept; magnitudes and phases are rebuilt from them (RTPGHI)
  2. OnnxProcessor tilt-gate: an ONNX model on the frames; it fades what lies far below the recent peak"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long, and where to."""
    parser.add_argument("--seconds", type=float, default=12.0, metavar="N", help="length, 1 to 14 (default 12)")
    parser.add_argument("--out", default="out", metavar="FOLDER", help="where demo.wav and demo.png go (default out)")
    parser.add_argument("--virtual", action="store_true", help="do not look for a sound card")


def run(args: argparse.Namespace) -> None:
    """Play, then write what was heard and draw it."""
    say = (lambda *_: None) if args.json else (lambda text: print(text, flush=True))
    sound = demo_sound(args.seconds)
    say(_INTRODUCTION)
    stream, device = open_stream(sound, args.virtual)
    say(f"\ndevice: {device}\n\nlatency from input to output\n{stream.latency}\n\nplaying {args.seconds:g} s …")
    play(stream, 3 * args.seconds + 10)
    say(f"\nwhat happened\n{statistics_text(stream.statistics)}")
    output = heard(stream, sound.shape[1])
    wav, png = _keep(Path(args.out), sound, output)
    data = {
        "device": device,
        "latency": stream.latency.as_dict(),
        "statistics": stream.statistics.as_dict(),
        "seconds": output.shape[1] / SAMPLE_RATE,
        "wav": str(wav),
        "png": str(png),
    }
    emit(args, data, f"\nwrote {wav} ({data['seconds']:g} s, the latency cut off at its start) and {png}")


def demo_sound(seconds: float):
    """Half music, half speech: float32 of shape (2, samples) at 48 kHz."""
    import numpy as np

    checks.within("--seconds", seconds, 1, 14, "the default is 12")
    total = round(seconds * SAMPLE_RATE)
    first = total - total // 2
    music, speech = (_stereo(name)[:, :n] for name, n in zip(SOUNDS, (first, total // 2), strict=True))
    return np.ascontiguousarray(np.concatenate([music, speech], axis=1))


def _stereo(name: str):
    import numpy as np

    from ..audio.files import read

    found = next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)
    if found is None:
        raise AudioFileError(f"the demo's {name} is not installed; reinstall rtspec, or run from a checkout")
    audio = read(found, SAMPLE_RATE)[0]
    return np.broadcast_to(audio, (2, audio.shape[1]))


def open_stream(sound, virtual: bool):
    """A stream on the default device if one opens, else on the virtual one; and which it is, in words."""
    if not virtual:
        try:
            stream = _stream(sound, False)
            return stream, f"{_default_device()}, {SAMPLE_RATE} Hz, blocks of {stream.buffer_size}"
        except DeviceError as error:
            why = f"no sound card: {error}"
    else:
        why = "as asked"
    stream = _stream(sound, True)
    return stream, f"the paced virtual one ({why}), {SAMPLE_RATE} Hz, blocks of {stream.buffer_size}"


def _default_device() -> str:
    from ..audio.devices import find_device

    return find_device(None, "output").name


def _stream(sound, virtual: bool):
    import rtspec

    return rtspec.AudioStream(
        plugins=[rtspec.SpectralInversion(), rtspec.OnnxProcessor("tilt-gate")],
        sample_rate=SAMPLE_RATE,
        source=sound,
        devices=rtspec.Devices(virtual=virtual),
        measuring=rtspec.Measuring(tape_seconds=sound.shape[1] / SAMPLE_RATE + 1.0),
    )


def heard(stream, n_samples: int):
    """The recorded output as long as the sound, its delay cut off."""
    delay = stream.latency.total_samples - stream.latency.items["device"]
    output = stream.recorded[1][:, delay : delay + n_samples]
    if output.shape[1] < n_samples:
        raise DeviceError(f"the device gave only {output.shape[1]} of {n_samples} samples; try rtspec demo --virtual")
    return output


def _keep(folder: Path, sound, output) -> tuple[Path, Path]:
    from ..audio.files import make_folder, write
    from ..pictures.spectrograms import spectrograms

    make_folder(folder)
    wav, png = folder / "demo.wav", folder / "demo.png"
    write(wav, output, SAMPLE_RATE)
    panels = {"input": sound, "output: third-octave inversion with RTPGHI, then the ONNX model tilt-gate": output}
    spectrograms(png, panels, SAMPLE_RATE)
    return wav, png
