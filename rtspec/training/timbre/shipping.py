"""The playable model as packages: the instrument, and the encoder and decoder that morph live sound."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from ...errors import InvalidValue
from ...processors.timbre.anchors import LatentMap, write_map
from ...processors.timbre.levels import HIGHEST_KEY, LOWEST_KEY
from ..data.sound_fonts import PROGRAMS, VALIDATION_PROGRAMS
from ..export import ship
from .networks import N_ASKED, N_LATENTS, N_LEVELS, Autoencoder, Ear, Instrument, Morph
from .notes_cache import NoteLevels
from .paper import StackedAutoencoder, StreamedAutoencoder
from .playable import Paths
from .programs import ANCHORS

_VOICES = 16
_CONTROLLERS = (16, 17, 18, 19, 80, 81, 82, 83)
_PLAYED = (48, 84)
"""Keys whose notes make an instrument's place."""


def latent_map(paths: Paths, share: np.ndarray, names: dict[int, str]) -> LatentMap:
    """Where each training instrument lies: the mean of its notes. `share` is float64 of shape (n_latents,)."""
    kept = [p for p in PROGRAMS if p not in VALIDATION_PROGRAMS]
    instruments = {names[p]: _place(paths, p) for p in kept}
    return LatentMap({name: _place(paths, p) for name, p in ANCHORS.items()}, instruments, [float(s) for s in share])


def _place(paths: Paths, program: int) -> list[float]:
    key = paths.notes[:, 1]
    mine = (paths.notes[:, 0] == program) & (key >= _PLAYED[0]) & (key <= _PLAYED[1])
    place = np.clip(paths.latents[mine].mean(0), -1.0, 1.0)
    return [round(float(value), 4) for value in place]


def latents() -> list[dict]:
    """The latents as the manifest tells them."""
    return [
        {"name": f"z{i + 1}", "tensor": "latents", "index": i, "min": -1.0, "max": 1.0, "default": 0.0,
         "label": f"principal axis {i + 1} of timbre", "cc": _CONTROLLERS[i] if i < len(_CONTROLLERS) else None}
        for i in range(N_LATENTS)
    ]  # fmt: skip


_SHARED = {
    "authors": ["the rtspec authors"],
    "licence": "CC0-1.0",
    "training_data": "notes rendered from FluidR3, MuseScore General and OPL-3 FM (Debian packages; see the card)",
}


def _ship(
    network: nn.Module, inputs: dict, output: str, folder: Path, card: str, *, layout: Sequence[str], **fields
) -> Path:
    """Package a network from tensor to tensor of the same layout: from the first of `inputs` to `output`."""
    first, time = next(iter(inputs)), layout.index("time")
    ports = {
        side: {"name": name, "representation": "tensor", "layout": list(layout)}
        for side, name in (("input", first), ("output", output))
    }
    manifest = {"name": folder.name, **_SHARED, **fields, **ports}
    return ship(network.eval(), inputs, manifest, folder, time_axes={first: time, output: time}, card=card)


def ship_instrument(instrument: Instrument, paths: Paths, places: LatentMap, folder: Path, card: str) -> Path:
    """Write the instrument's package, with the map of its latents and the anchors' courses inside."""
    path = _ship(
        instrument,
        {"voices": example_voices(paths), "latents": np.zeros(N_LATENTS, np.float32)},
        "levels",
        *(folder, card),
        layout=("time", "channels", "bins"),
        task="Partials and noise of up to 16 voices from 16 latents, key, velocity and age.",
        latents=latents(),
    )
    write_map(path, places)
    return path


def example_voices(paths: Paths, n_frames: int = 40) -> np.ndarray:
    """Voices whose latents are those of training notes, one after another: what the golden file holds. Float32 of shape
    (n_frames, voices, inputs of each)."""
    generator = np.random.default_rng(0)
    voices = np.zeros((n_frames, _VOICES, N_ASKED), np.float32)
    voices[..., :N_LATENTS] = paths.latents[generator.integers(len(paths.latents), size=(n_frames, _VOICES))]
    voices[..., N_LATENTS] = generator.uniform(LOWEST_KEY, HIGHEST_KEY, (n_frames, _VOICES))
    voices[..., N_LATENTS + 1] = generator.uniform(0, 1, (n_frames, _VOICES))
    voices[..., N_LATENTS + 2] = generator.uniform(0, 2, (n_frames, _VOICES))
    return voices


def morph_controls() -> dict[str, list[dict]]:
    """Shifts as latents, target and amount as parameters."""
    shifts = [{**latent, "tensor": "shift", "min": -2.0, "max": 2.0} for latent in latents()]
    targets = [
        {"name": f"target_{each['name']}", "tensor": "target", "index": i, "min": -1.0, "max": 1.0,
         "label": f"the target's {each['label']}"}
        for i, each in enumerate(shifts)
    ]  # fmt: skip
    amount = {"name": "amount", "tensor": "amount", "label": "how far the timbre goes to the target", "cc": 1}
    return {"parameters": [amount, *targets], "latents": shifts}


def ship_morph(autoencoder: Autoencoder, levels: NoteLevels, places: LatentMap, folder: Path, card: str) -> Path:
    """Write the package that morphs live sound."""
    controls = {"shift": np.zeros(N_LATENTS), "target": np.zeros(N_LATENTS), "amount": np.zeros(1)}
    path = _ship(
        Morph(autoencoder),
        {"features": example_features(levels), **{name: x.astype(np.float32) for name, x in controls.items()}},
        "amplitudes",
        *(folder, card),
        layout=("time", "bins"),
        task="Levels of a frame's partials and noise, told again with another timbre.",
        **morph_controls(),
    )
    write_map(path, places)
    return path


def ship_encoder(autoencoder: Autoencoder, levels: NoteLevels, folder: Path, card: str) -> Path:
    """Write the package that hears the timbre of a moment."""
    return _ship(
        Ear(autoencoder),
        {"features": example_features(levels)},
        "timbre",
        *(folder, card),
        layout=("time", "bins"),
        task="Latents of a frame from the levels of its partials and noise.",
    )


def example_features(levels: NoteLevels, n_frames: int = 40) -> np.ndarray:
    """Moments of training notes: what the golden file holds. Float32 of shape (n_frames, n_levels + 2)."""
    generator = np.random.default_rng(0)
    note, time = np.nonzero(levels.heard)
    picked = generator.integers(len(note), size=n_frames)
    notes = levels.notes[note[picked]].astype(np.float32)
    parts = levels.levels[note[picked], time[picked]].astype(np.float32)
    if parts.shape[1] != N_LEVELS:
        raise InvalidValue(f"{parts.shape[1]} levels a note must be {N_LEVELS}; prepare the data anew")
    return np.concatenate([parts, notes[:, 1:2], notes[:, 2:] / 127], axis=1)


def ship_paper(network: StackedAutoencoder, pictures: np.ndarray, folder: Path, card: str) -> Path:
    """Write the paper's autoencoder without a dense layer as a package that streams. Pictures are float32 of shape (n,
    n_bands, n_frames), 0 to 1."""
    return _ship(
        StreamedAutoencoder(network),
        {"pictures": pictures[:1, :, :192].astype(np.float32)},
        "made",
        *(folder, card),
        layout=("batch", "bins", "time"),
        citation="A. Natsiou, L. Longo, S. O'Leary: An investigation of the reconstruction capacity of stacked "
        "convolutional autoencoders for log-mel-spectrograms, 2022",
        task="Log-mel pictures of notes of MIDI 60 through 8192 latents and back.",
    )
