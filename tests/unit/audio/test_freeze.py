"""Spectral freeze: whenever the callback is held up while it takes a sound, the engine never writes to that sound."""

from itertools import count, product

import pytest

from rtspec.audio import freeze

HALF = -1
"""A sound that is half written."""

STEPS = 3
"""Of the engine for one sound: half of it is written, all of it is, it is offered."""


class Record:
    """The words that both threads share, an engine that goes on step by step, and a callback that is held up."""

    def __init__(self, monkeypatch, steps):
        between, front, self.back = freeze._FIRST.values()
        self.words, self.sounds, self.offered = {0: between, freeze._FRONT: front}, [0] * freeze.SOUNDS, 0
        self._steps, self._engine = iter(steps), self._refreshes()
        for name, access in {
            "load_acquire": self.words.__getitem__,
            "store_release": self.words.__setitem__,
            "exchange": self._exchange,
        }.items():
            monkeypatch.setattr(freeze, name, self._held_up(access))

    def _exchange(self, place, value):
        was, self.words[place] = self.words[place], value
        return was

    def _held_up(self, access):
        """An access of the callback, before which the engine takes its next number of steps."""

        def accessed(*words):
            self.go_on(next(self._steps, 0))
            return access(*words)

        return accessed

    def go_on(self, n):
        for _ in range(n):
            next(self._engine)

    def _refreshes(self):
        for number in count(1):
            for content in (HALF, number):
                self.sounds[self.back] = content
                yield
            steps, self._steps = self._steps, iter(())  # an exchange is one step: nobody comes between
            self.back = freeze.offer.py_func(0, self.back)
            self._steps, self.offered = steps, number
            yield


@pytest.mark.parametrize("before", range(3 * STEPS))
def test_a_callback_held_up_anywhere_takes_a_whole_sound_that_stays_as_it_is(before, monkeypatch):
    for place, n in product(range(4), range(4 * STEPS)):
        record, held_up = Record(monkeypatch, [0] * place + [n]), (place, n)
        record.go_on(before)
        for newest in (before // STEPS, None):  # a second grab, while the engine goes on undisturbed
            least = record.offered if newest is None else newest
            front = freeze.grab.py_func(0)
            taken = record.sounds[front] if front >= 0 else 0
            assert taken != HALF and taken >= least, (held_up, record.sounds)
            for _ in range(2 * STEPS * freeze.SOUNDS):
                record.go_on(1)
                assert record.back != max(front, 0)
                assert front < 0 or record.sounds[front] == taken, held_up


def test_there_is_none_before_the_first_and_the_last_one_stays_until_the_next(monkeypatch):
    record = Record(monkeypatch, ())
    assert freeze.grab.py_func(0) == -1
    record.go_on(STEPS)
    first = freeze.grab.py_func(0)
    assert record.sounds[first] == 1 and freeze.grab.py_func(0) == first
