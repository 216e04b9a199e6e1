"""A board on a real engine that plays only when a test says so."""

import time

import numpy as np

import rtspec
from rtspec.audio.exchange import Exchange
from rtspec.chain.player import Player
from rtspec.live.engine import Engine

RATE, BLOCK = 48000, 128
TONE_HZ, LEVEL = 440.0, 0.5


def tone(n, first=0):
    return (LEVEL * np.sin(2 * np.pi * TONE_HZ * np.arange(first, first + n) / RATE)).astype(np.float32)


class Bench:
    """A board on a real engine whose blocks a test gives by hand, so that every sample is known."""

    def __init__(self, plugins, reserve=0):
        self.board = rtspec.Pedalboard(plugins)
        self.reports: list[str] = []
        self.player = Player(self.board.flat, RATE, 1, reserve, self.reports.append)
        self._exchange = Exchange(
            channels=1, device_inputs=1, device_outputs=1, block=BLOCK, prefill=0, sample_rate=RATE
        )
        self.engine = Engine(self._exchange, 1, BLOCK, self.player.program)
        self.board.play_on(self.engine, self.player)
        self.heard, self._now = [], 0

    def __enter__(self):
        self.engine.start()
        return self

    def __exit__(self, *_):
        assert self.engine.stop()

    def play(self, blocks):
        """Give so many blocks of the tone to the engine, and keep what it makes of them."""
        for _ in range(blocks):
            self._exchange.to_engine.write(tone(BLOCK, self._now))
            self._exchange.wake.post()
            self._now += BLOCK
            end = time.monotonic() + 10
            while len(self._exchange.from_engine) < BLOCK and time.monotonic() < end:
                time.sleep(1e-5)
            self.heard.append(self._exchange.from_engine.read(BLOCK)[:, 0])

    def play_until_settled(self):
        """Play until the last edit is heard."""
        end = time.monotonic() + 30
        while not self.player.settle(0.001):
            assert time.monotonic() < end
            self.play(1)
        self.play(20)

    @property
    def sound(self):
        return np.concatenate(self.heard)
