"""Which parameters of a card are heard, each moved by a hand on the page.

No parameter is known by its name here. One is heard if a phrase sounds otherwise at one of its ends than where it is.
What hides it (a ratio of 1, a depth of 0, no gain in a band) is another parameter, so what is silent as the card comes
is tried again with all others somewhere else, in settings drawn by a seed; but for what :data:`SLOW` names.
"""

import numpy as np
from panel_hands import Mouse, dial, moved, until

from rtspec.control.curves import to_value

MOST_SETTINGS, MOST_LONG = 16, 4
CLEAR_DB, TIMES, BEATING = 0.3, 2.0, 3.0
"""What differs by this and so many times as much as a phrase from itself is heard, by any of :func:`distances`: in the
octaves that differ most, or in one that hardly differs by itself while two tones beat in another."""

CERTAIN_DB = 2.0
"""By which no chance differs from a phrase, in the octave that differs most, if none differs much from itself."""

FLOORS_DB = (-75.0, -55.0)
"""What lies below is not compared: once hardly anything, and once noise that is another each time it is heard."""

LEAST_DB = -45.0
"""Of the loudest octave, for a setting that is worth listening to."""

SLOW = {
    "style/pad_channel": "whose pads choose a style: one is struck, which moves what phrases are compared by",
    **dict.fromkeys(
        [f"scene-eq/{name}" for name in ("amount", "max_boost_db", "max_cut_db", "max_rise_db")]
        + [f"scene-eq/{name}" for name in ("reaction_s", "release_s", "confidence", "freeze")],
        "of a curve that takes longer than a phrase to rise, and to go back while the room is still",
    ),
    **dict.fromkeys(
        ["timbre-synth/lfo_hz", "timbre-synth/lfo_axis"],
        "of a sway that is somewhere else in its course whenever a phrase begins",
    ),
}
"""What no phrase tells, by "card/parameter", and why: heard in the long run."""

BESIDE = {"timbre-synth": {"lfo_depth": 1.5}}
"""What is put there for it beside a card's own values."""


class Ear:
    """Listens to a card's parameters.

    Parameters
    ----------
    stage : panel_stage.Stage
    card : str
        What it is called, which also decides its settings.
    """

    def __init__(self, stage, card):
        self.page, self.engine = stage.page, stage.engine
        self.hand = Mouse(stage.page)
        self.page.evaluate("document.getElementById('sound').hidden = true")  # to draw it takes most of the time
        told = "rtspec.panel.store.state.chain.flatMap((card) => card.parameters)"
        self.listed = [p for p in stage.page.evaluate(told) if p["name"] != "bypass"]
        self.slow = [p for p in self.listed if f"{card}/{p['name']}" in SLOW]
        self.beside = BESIDE.get(card, {})
        self.word = "phrase"
        self.random = np.random.default_rng(list(card.encode()))

    def silent(self, settings):
        """Names of what is not heard in so many settings of the others."""
        left = [parameter for parameter in self.listed if parameter not in self.slow]
        for number in range(settings):
            if left and self._stand(self._setting(number)):
                left = [parameter for parameter in left if not self._is_heard(parameter)]
        self.word = "long"
        waiting = self.slow
        for number in range(min(settings, MOST_LONG)):
            if waiting and self._stand(self._setting(number, self.beside)):
                waiting = [parameter for parameter in waiting if not self._is_heard(parameter)]
        return [parameter["name"] for parameter in left + waiting]

    def _setting(self, number, beside=None):
        """As the card comes but for what stands `beside`, then everything that is played with somewhere in the middle
        of its travel; in each second of these how an instrument is set up, too."""
        kept = {p["name"] for p in self.listed if number == 0 or (p["setup"] and number % 2)}
        usual = {p["name"]: p["default"] for p in self.listed} | (beside or {})
        return {p["address"]: usual[p["name"]] if p["name"] in kept else self._drawn(p) for p in self.listed}

    def _drawn(self, p):
        low, high = p["minimum"], p["maximum"]
        if p["choices"]:
            return low + int(self.random.integers(len(p["choices"])))
        return to_value(p["curve"], float(self.random.uniform(0.2, 0.85)), low, high)

    def _stand(self, setting):
        """Put all parameters there; whether anything sounds then."""
        self.setting = setting
        self._put(setting)
        self.before = [self._phrase() for _ in range(2)]
        if restlessness(self.before).max() > CLEAR_DB:  # two may be alike by chance
            self.before.append(self._phrase())
        return max(one.max() for one in self.before) > LEAST_DB

    def _put(self, values):
        self.page.evaluate("document.activeElement?.blur()")
        self.page.evaluate("(values) => rtspec.panel.place(values)", values)
        until(lambda: self.page.evaluate("rtspec.panel.store.own.size") == 0)

    def _phrase(self, moved=None):
        if self.word == "long":  # a pad that was struck has moved others
            self._put({address: value for address, value in self.setting.items() if address != moved})
        return np.array(self.engine.ask(self.word))

    def _is_heard(self, parameter):
        at = self.setting[parameter["address"]]
        plain = parameter["curve"] != "switch" and not parameter["choices"]
        ends = (
            [key for key, end in (("Home", "minimum"), ("End", "maximum")) if parameter[end] != at] if plain else [""]
        )
        try:
            return any(self._differs(parameter, key) for key in ends)
        finally:
            self._put({parameter["address"]: at})

    def _differs(self, parameter, key):
        """Whether it is heard at this end; again and again where it seems so, since chance is heard only once."""
        if key:
            dial(self.page, parameter).focus()
            self.page.keyboard.press(key)
        else:
            moved(self.page, self.hand, parameter, self.setting[parameter["address"]])
        until(lambda: self.page.evaluate("rtspec.panel.store.own.size") == 0)
        after = []
        for _ in self.before:
            after.append(self._phrase(parameter["address"]))
            own = np.maximum(restlessness(self.before), restlessness(after))
            between = np.array([distances(one, other) for one in self.before for other in after])
            certain = np.max(between.max(axis=-1).min(axis=0) - TIMES * own.max(axis=-1)) > CERTAIN_DB
            if certain and len(self.before) == 2:
                return True
            if np.max(between.min(axis=0) - BEATING * own) <= CLEAR_DB:
                return False
        return True


def restlessness(phrases):
    """By how much phrases of one setting differ, in each of :func:`distances`: two tones that beat, or noise."""
    return np.max([distances(one, other) for one in phrases for other in phrases], axis=0)


def distances(one, other):
    """Of two phrases, dB, (2 x 3, 20): above each floor each octave over its time, its mean and how much it sways. What
    sways at its own pace is another each time it is heard, but as loud and as restless."""
    return np.concatenate([_distances(np.maximum(one, floor), np.maximum(other, floor)) for floor in FLOORS_DB])


def _distances(one, other):
    over_time = np.sqrt(np.mean((one - other) ** 2, axis=-1))
    mean = np.abs(one.mean(axis=-1) - other.mean(axis=-1))
    sway = np.abs(one.std(axis=-1) - other.std(axis=-1))
    return np.array([over_time.ravel(), mean.ravel(), sway.ravel()])
