"""General MIDI's programs as timbres: each channel plays a place of its own in the latent space.

A program is an anchor by the families of General MIDI. What a player moves by hand, the latents of the instrument,
counts from the instrument's home, the place that was chosen last, and moves the programs too. Choosing a place anew
(an anchor, a preset, a pad) ends all programs: the whole instrument is there then.
"""

import numpy as np
from numba import njit

from ...buffers.atomics import load_double, publish_double
from ...buffers.memory import aligned
from ...buffers.views import part, place_of
from .keyboard import MAX_VOICES

PROGRAM_FIELDS = {
    "counts": "n_latents chosen=0",
    "constants": "programs:f4[:,n_latents]",
    "arrays": f"shifts:f4[{MAX_VOICES},n_latents]",
    "shared": "home:f8[n_latents+1]",
}
FOLLOW_S = 0.01
"""Time constant by which a sounding note follows its channel to another place."""

_FAMILIES = (
    ("piano", 4), ("electric piano", 2), ("harpsichord", 2),
    ("vibraphone", 4), ("marimba", 2), ("vibraphone", 1), ("harp", 1),
    ("organ", 5), ("accordion", 3), ("guitar", 8), ("bass", 8),
    ("violin", 2), ("cello", 2), ("strings", 1), ("harp", 2), ("marimba", 1),
    ("strings", 4), ("choir", 3), ("brass", 1), ("trumpet", 1), ("brass", 2), ("trumpet", 1), ("brass", 4),
    ("saxophone", 4), ("oboe", 3), ("clarinet", 1), ("flute", 3), ("pan flute", 3), ("flute", 2),
    ("square", 1), ("saw", 1), ("pan flute", 2), ("saw", 1), ("choir", 1), ("saw", 2),
    ("pad", 3), ("choir", 1), ("pad", 12),
    ("sitar", 1), ("guitar", 1), ("sitar", 1), ("harp", 1), ("marimba", 1), ("accordion", 1),
    ("violin", 1), ("oboe", 1),
    ("vibraphone", 1), ("marimba", 1), ("vibraphone", 1), ("marimba", 4), ("pad", 9),
)  # fmt: skip
PROGRAMS = tuple(anchor for anchor, n in _FAMILIES for _ in range(n))
"""The anchor of each of the 128 programs."""


class Home:
    """The place that an instrument was last sent to, where compiled code finds it.

    Parameters
    ----------
    n_latents : int
    """

    def __init__(self, n_latents: int):
        self.place, self._n, self._n_chosen = aligned(n_latents + 1, np.float64), n_latents, 0

    def choose(self, place) -> None:
        """The instrument goes there: no channel keeps a program."""
        self._n_chosen += 1
        for k, value in enumerate(place):
            publish_double(self.place, k, float(value))
        publish_double(self.place, self._n, float(self._n_chosen))


def program_places(anchors: dict[str, list[float]], n_latents: int) -> np.ndarray:
    """Latents of all programs, float32 (128, n_latents); the first anchor's where a model lacks one."""
    first = next(iter(anchors.values()))
    places = aligned((len(PROGRAMS), n_latents))
    places[:] = [anchors.get(name, first)[:n_latents] for name in PROGRAMS]
    places.flags.writeable = False
    return places


def program_fields(places: np.ndarray, home: Home) -> dict:
    """What the voices' record holds of programs. `places` are latents, float32 of shape (n_programs, n_latents)."""
    n_latents = places.shape[1]
    return {
        "programs": places,
        "shifts": aligned((MAX_VOICES, n_latents)),
        "home": home.place,
        "n_latents": n_latents,
    }


@njit
def forget_programs(s, all_voices, all_hands):
    """Where the instrument was sent to a place since the last look, no channel keeps its program."""
    chosen = int(load_double(place_of(part(s.home, s.n_latents, 1))))
    if chosen == s.chosen:
        return
    s.chosen = chosen
    for c in range(len(all_hands)):
        all_hands[c].program = -1
    for i in range(len(all_voices)):
        all_voices[i].program = all_voices[i].next_program = -1


@njit
def lay_place(s, voice, i, asked):
    """Shifts of voice `i` from the instrument's latents to its program's place, `n_latents` float32 to `asked`; a note
    that waits is there at once, one that sounds follows."""
    n, waits = s.n_latents, voice.wait > 0
    shifts, home = s.shifts[i], s.home
    program = voice.next_program if waits else voice.program
    places = s.programs[max(0, program)]
    share = np.float32(1.0 if waits else 1.0 - np.exp(-s.hop / (FOLLOW_S * s.sample_rate)))
    for k in range(n):
        goal = places[k] - np.float32(home[k]) if program >= 0 else np.float32(0.0)
        shifts[k] = goal if waits else shifts[k] + share * (goal - shifts[k])
        asked[k] = shifts[k]
