"""Many threads use the same processors and boards at random: whole sounds and pieces, resets, edits, copies, live
streams.

Every sound must be what one thread alone gets (an edit puts in or takes out a Gain of 0 dB). Run it by
``MALLOC_CHECK_=3 python bench/stress_threads.py --threads 8 --calls 10000``; it prints a JSON object.
Its exit status is 1 where a sample was wrong or something was raised; where it hangs, stacks are printed.
"""

import argparse
import copy
import faulthandler
import json
import random
import sys
import threading
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pedalboard

import rtspec

RATE, LENGTHS = 44100, (1, 3, 441, 5000)
SHARES = {"call": 65, "call board": 15, "pieces": 5, "reset": 5, "edit": 6, "copy": 2, "live": 0.3}


def chain() -> rtspec.Pedalboard:
    mix = rtspec.Mix([pedalboard.Chorus(), [rtspec.OnnxProcessor("identity", n_fft=256), pedalboard.Gain(-6)]])
    return rtspec.Pedalboard(
        [pedalboard.Reverb(), rtspec.OnnxProcessor("tilt-gate", n_fft=512), mix, [pedalboard.Gain(3)]]
    )


class Stress:
    """What the threads share, and what they found."""

    def __init__(self):
        self.processor, self.board = rtspec.OnnxProcessor("tilt-gate", n_fft=512), chain()
        self.pieced, self.piecing = chain(), threading.Lock()
        self.edited = [self.board, self.pieced, self.board[-1], self.pieced[-1]]
        noise = np.random.default_rng(0).standard_normal((2, max(LENGTHS)))
        self.sounds = [(0.1 * noise[:, :n]).astype(np.float32).reshape(2, n) for n in LENGTHS if n > 2]
        self.wanted = [rtspec.OnnxProcessor("tilt-gate", n_fft=512)(s, RATE) for s in self.sounds]
        self.wanted_board = [chain()(s, RATE) for s in self.sounds]
        self.counts, self.wrong, self.errors = Counter(), 0, []
        self.lock, self.streaming = threading.Lock(), threading.Semaphore(2)

    def act(self, kind: str, dice: random.Random) -> bool:
        """Do one thing; whether it came out right."""
        i = dice.randrange(len(self.sounds))
        if kind == "call":
            return np.array_equal(self.processor(self.sounds[i], RATE), self.wanted[i])
        if kind == "call board":
            return np.allclose(self.board(self.sounds[i], RATE), self.wanted_board[i], atol=1e-6)
        if kind == "copy":
            return np.allclose(copy.deepcopy(self.board)(self.sounds[i], RATE), self.wanted_board[i], atol=1e-6)
        if kind == "pieces":
            return np.allclose(self.pieces(self.sounds[i], dice), self.wanted_board[i], atol=1e-6)
        if kind == "reset":
            dice.choice([self.processor, self.board]).reset()
        elif kind == "edit":
            gain, board = pedalboard.Gain(0), dice.choice(self.edited)
            board.insert(dice.randrange(5), gain)
            board.remove(gain)
        else:
            self.play(dice)
        return True

    def pieces(self, sound: np.ndarray, dice: random.Random) -> np.ndarray:
        """A sound in pieces, by one thread at a time, while others edit the board and play it."""
        cuts = sorted({0, sound.shape[1], *(dice.randrange(3, sound.shape[1] + 1) for _ in range(5))})
        with self.piecing:
            parts = [self.pieced.process(sound[:, a:b], RATE, reset=False) for a, b in pairwise(cuts)]
            return np.concatenate([*parts, self.pieced.flush()], axis=1)

    def play(self, dice: random.Random) -> None:
        """A live stream of a shared board for a moment, twice."""
        board, source = dice.choice([self.board, self.pieced]), self.sounds[-1]
        with self.streaming:
            stream = rtspec.AudioStream(plugins=board, source=rtspec.Loop(source), devices=rtspec.Devices(virtual=True))
            for _ in range(2):
                with stream:
                    time.sleep(0.05)

    def work(self, seed: int, calls: int) -> None:
        """What one thread does."""
        dice = random.Random(seed)
        for kind in dice.choices(list(SHARES), list(SHARES.values()), k=calls):
            try:
                right = self.act(kind, dice)
            except Exception as error:
                right = False
                self.errors.append(f"{kind}: {type(error).__name__}: {error}"[:200])
            with self.lock:
                self.counts[kind] += 1
                self.wrong += not right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=10000, help="of each thread")
    options = parser.parse_args()
    faulthandler.enable()
    faulthandler.dump_traceback_later(600, repeat=True)
    stress, begin = Stress(), time.monotonic()
    threads = [threading.Thread(target=stress.work, args=(i, options.calls)) for i in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {"threads": options.threads, "calls": dict(stress.counts), "wrong": stress.wrong}
    print(json.dumps({**found, "errors": stress.errors[:10], "seconds": round(time.monotonic() - begin, 1)}))
    return int(stress.wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
