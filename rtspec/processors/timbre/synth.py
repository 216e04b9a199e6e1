"""TimbreSynth: an instrument whose timbre is a place in a latent space."""

from pathlib import Path

import numpy as np

from ...buffers.inbox import Inbox
from ...buffers.memory import address, aligned
from ...buffers.step import Stage
from ...control.parameters import ParameterSpec
from ...control.smoothing import ramp_stage
from ...errors import ModelError
from ...models import load
from ...models.packages import PackagedModel
from ...models.session import model_stage
from ..base import specs_of
from ..instrument import Instrument
from ..phases import PhaseChoice
from .anchors import LatentMap, anchor_presets, read_map
from .course_kernels import remember
from .courses import level_course
from .frames import frame_plan
from .keyboard import MAX_VOICES, READS
from .notes import encode_moments, note_latents, note_moments
from .programs import Home, program_places
from .refine import refined
from .voice_controls import CONTROLS
from .voice_kernels import ASKED, N_LATENTS
from .voices import voices_stage

SINUSOIDS = "sinusoids"
MODEL = "timbre-synth"
HOP_S = 64 / 48000

_SPECS = [
    ParameterSpec("attack_ms", "ms", 1.0, 5000.0, 1.0,
                  description="rise of a note, beside its timbre's own", curve="log", role="envelope.attack"),
    ParameterSpec("decay_ms", "ms", 1.0, 10000.0, 300.0,
                  description="time to the sustained level", curve="log", role="envelope.decay"),
    ParameterSpec("sustain", "", 0.0, 1.0, 1.0, description="level of a held note", role="envelope.sustain"),
    ParameterSpec("release_ms", "ms", 0.0, 10000.0, 0.0,
                  description="time in which a released note falls by 60 dB; below 5 its instrument's own",
                  curve="exp", role="envelope.release"),
    ParameterSpec("glide_ms", "ms", 0.0, 5000.0, 0.0, description="time to the next note's pitch", role="glide.time"),
    ParameterSpec("bend_semitones", "semitones", 0.0, 96.0, 2.0, description="range of the pitch wheel", setup=True),
    ParameterSpec("mpe_semitones", "semitones", 0.0, 96.0, 48.0, setup=True,
                  description="range of a note's own bend in MPE"),
    ParameterSpec("velocity_db", "dB", 0.0, 60.0, 24.0,
                  description="by which a stroke of 32 is softer than the hardest"),
    ParameterSpec("pressure_db", "dB", 0.0, 24.0, 6.0, description="by which full pressure makes a note louder"),
    ParameterSpec("vibrato_cents", "cents", 0.0, 200.0, 0.0, description="depth of the LFO on pitch"),
    ParameterSpec("wheel_cents", "cents", 0.0, 200.0, 50.0, description="vibrato that the modulation wheel adds"),
    ParameterSpec("lfo_hz", "Hz", 0.05, 20.0, 5.0, description="rate of the LFO", curve="log"),
    ParameterSpec("lfo_depth", "", -2.0, 2.0, 0.0, description="of the LFO on a latent"),
    ParameterSpec("lfo_axis", "", 1.0, N_LATENTS, 1.0, description="which latent the LFO moves"),
    ParameterSpec("envelope_depth", "", -2.0, 2.0, 0.0, description="of the envelope on a latent"),
    ParameterSpec("envelope_axis", "", 1.0, N_LATENTS, 1.0, description="which latent the envelope moves"),
    ParameterSpec("pressure_depth", "", -2.0, 2.0, 0.0, description="of pressure on a latent"),
    ParameterSpec("pressure_axis", "", 1.0, N_LATENTS, 1.0, description="which latent pressure moves"),
    ParameterSpec("slide_depth", "", -2.0, 2.0, 0.5, description="of a finger's slide (controller 74) on a latent"),
    ParameterSpec("slide_axis", "", 1.0, N_LATENTS, 2.0, description="which latent a slide moves"),
    ParameterSpec("onset", "", 0.0, 1.0, 0.0, description="slows a note's beginning beside the instrument's own"),
    ParameterSpec("fade", "", 0.0, 1.0, 0.0, description="lets a held note die away, at 1 by 60 dB a second"),
    ParameterSpec("voices", "", 1.0, MAX_VOICES, MAX_VOICES, description="notes that sound at once", setup=True),
    ParameterSpec("mpe", "", 0.0, 1.0, 0.0, curve="switch", setup=True,
                  description="1: each note on a channel of its own (MPE, lower zone)"),
    ParameterSpec("drums", "", 0.0, 1.0, 0.0, curve="switch", setup=True,
                  description="1: channel 10, General MIDI's drums, plays notes too"),
]  # fmt: skip


class TimbreSynth(Instrument):
    """Play a latent space from a keyboard: each note's partials and noise come from a network, hop by hop.

    Parameters
    ----------
    anchor : str
        Where to begin: a named instrument of the model ("flute", "strings", …; :attr:`anchors` lists them). A channel
        plays it until it is told a program; General MIDI's first is the piano.
    model : str or Path
        A timbre model.
    phase : str
        "sinusoids": oscillators at the known pitch, the fastest and clearest. Or a streaming method of
        :mod:`rtspec.phase`, which rebuilds phases from the magnitudes of all voices together, a window later.
    mix : float
        0 to 1; the rest is what comes in.
    output_db : float
        -60 to 24 dB.
    **parameters
        Starting values: latents `z1` … `z16`, and what :attr:`parameters` lists.

    Notes
    -----
    A channel's volume is 100 until it is told another, as in General MIDI: 4.2 dB below the fullest.
    A message sounds half a hop, 0.7 ms, after its sample, always: in that time the network is asked for the note. A
    note sounds for 10 ms at least, so that those which files give no length are heard.
    Latents `z1` … are principal axes of the training notes, the one that explains most first, -1 to 1 being their
    range. How a note begins, goes on, dies away and ends is its instrument's own, key by key; between instruments the
    nearer counts more, and a channel's program goes as that program does. `onset`, `fade` and the envelope
    (`attack_ms`, `decay_ms`, `sustain`) come on top of that; `release_ms`, where it is not 0, is the release of all.

    Examples
    --------
    >>> synth = TimbreSynth("flute")
    >>> synth([((0x90, 60, 100), 0.0), ((0x80, 60, 0), 0.5)], duration=1.0, sample_rate=44100).shape
    (2, 44100)
    """

    reads = READS

    def __init__(
        self,
        anchor: str = "piano",
        model: str | Path = MODEL,
        *,
        phase: str = SINUSOIDS,
        mix: float = 1.0,
        output_db: float = 0.0,
        **parameters: float,
    ):
        self._model = load(model)
        self._map = read_map(self._model)
        _check_voices(self._model)
        specs = specs_of(self._model.manifest.latents)
        self._choice = None if phase == SINUSOIDS else PhaseChoice(phase)
        if self._choice is not None:
            self._choice.delay_frames(frame_plan(48000, 64))  # a wrong name fails here
        place = dict(zip([spec.name for spec in specs], self._map.at(anchor), strict=True))
        self.factory_presets = anchor_presets(list(place), self._map)
        self._home, self._programs = Home(len(specs)), program_places(self._map.anchors, len(specs))
        self._home.choose(place.values())
        self._courses = self._map.course_arrays(len(specs))
        super().__init__([*specs, *_SPECS], {**place, **parameters, "mix": mix, "output_db": output_db})

    @property
    def phase(self) -> str:
        """Where phases come from; chosen when the instrument is made."""
        return self._choice.method if self._choice else SINUSOIDS

    @property
    def anchors(self) -> tuple[str, ...]:
        """Names of the model's anchors."""
        return tuple(self._map.anchors)

    @property
    def latent_names(self) -> tuple[str, ...]:
        """Names of the latents, in the model's order."""
        return tuple(p.name for p in self._model.manifest.latents)

    @property
    def latent_map(self) -> LatentMap:
        """Where the anchors and the training instruments lie."""
        return self._map

    @property
    def plays_drums(self) -> bool:
        return self.parameters["drums"].value >= 0.5 or self.parameters["mpe"].value >= 0.5

    def go_to(self, anchor: str) -> None:
        """Move the latents to an anchor; notes that sound follow smoothly."""
        for latent, value in zip(self._model.manifest.latents, self._map.at(anchor), strict=True):
            self.parameters[latent.name].value = value
        self.place_chosen()

    def place_chosen(self) -> None:
        """The latents were sent to a place: it is home, and no channel keeps a program."""
        self._home.choose(self.parameters[name].value for name in self.latent_names)

    def imitate(self, audio: np.ndarray, sample_rate: int, key: float, velocity: int = 100) -> None:
        """Move the latents to where a recorded note lies, and take its level from it: how it begins and goes on.

        The level belongs to the place that was found and is forgotten with the next note that is imitated; presets keep
        the place alone. The note is mono float32 of shape (n_samples,).
        """
        times_s, levels, whole_db = moments = note_moments(audio, sample_rate, key)
        start = note_latents(encode_moments(levels, key, velocity)[None], whole_db[None], times_s)[0]
        place = refined(np.clip(start, -1.0, 1.0), self._model, moments, key, velocity)
        for name, value in zip(self.latent_names, place, strict=True):
            self.parameters[name].value = float(value)
        self.place_chosen()
        place = np.array([self.parameters[name].value for name in self.latent_names])
        remember(self._courses, place, *level_course(audio, sample_rate, key))

    def latency(self, sample_rate: float) -> dict[str, int]:
        hop = hop_samples(sample_rate)
        if self._choice is None:
            return {"model": hop // 2}
        plan = frame_plan(sample_rate, hop)
        return {"model": hop // 2, "window": plan.latency_samples, "phase": hop * self._choice.delay_frames(plan)}

    def make_voices(self, sample_rate: float, channels: int, inbox: Inbox) -> list[Stage]:
        hop = hop_samples(sample_rate)
        model, controls = model_stage(self._model), aligned(len(CONTROLS))
        places = {name: address(controls) + 4 * i for i, name in enumerate(CONTROLS)}
        latents = {p.name: model.parameter_address(p.name) for p in self._model.manifest.latents}
        places |= latents
        ramps = ramp_stage(self.parameters, places, sample_rate / hop)
        return voices_stage(
            *(self.parameters, ramps, self._model, model, controls, self._programs, self._home),
            *(min(latents.values()), self._courses),
            hop=hop,
            rate=sample_rate,
            channels=channels,
            inbox=inbox,
            phase=self._choice,
        )


def _check_voices(model: PackagedModel) -> None:
    """A model of another kind, or of an earlier version, would play nothing but silence."""
    _, sizes = model.inputs.tensors.get(model.manifest.input.name, ("", (None,)))
    if sizes[-1] != ASKED:
        raise ModelError(
            f"{model.manifest.name} takes {sizes[-1]} values of a voice and TimbreSynth gives {ASKED}: it is another"
            " kind of timbre model, or of an earlier version; use timbre-synth, or export yours again"
        )


def hop_samples(sample_rate: float) -> int:
    """Samples between two calls of the network: 64 at 44.1 and 48 kHz, a power of two at any rate."""
    return 2 ** max(4, round(np.log2(HOP_S * sample_rate)))
