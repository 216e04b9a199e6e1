"""Many threads use the same processors, boards, instruments, streams and files at random: whole sounds and pieces,
resets, edits (in boards, in mixes, of routes and parameters), copies and pickles, asyncio, live streams.

Every sound must be what one thread alone gets (an edit puts in or takes out what changes nothing). Run it by
``MALLOC_CHECK_=3 python bench/stress_threads.py --threads 8 --calls 10000``; it prints a JSON object.
Its exit status is 1 where a sample was wrong or something was raised; where it hangs, stacks are printed.
"""

import argparse
import asyncio
import copy
import faulthandler
import json
import pickle
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pedalboard

import rtspec

RATE, LENGTHS = 44100, (1, 3, 441, 5000)
SHARES = {
    "call": 57,
    "call board": 14,
    "asyncio": 3,
    "native": 4,
    "pieces": 5,
    "reset": 5,
    "edit": 4,
    "edit mix": 3,
    "parameter": 3,
    "route": 1,
    "copy": 1,
    "pickle": 1,
    "notes": 0.3,
    "sensor": 0.3,
    "phase": 1,
    "file": 0.2,
    "live": 0.3,
    "shared stream": 1,
}
NEAR = 1e-6
NOTES = [mido.Message("note_on", note=60, time=0.0), mido.Message("note_off", note=60, time=0.02)]
VIRTUAL = rtspec.Devices(virtual=True)


def chain(native=None) -> rtspec.Pedalboard:
    mix = rtspec.Mix([pedalboard.Chorus(), [rtspec.OnnxProcessor("identity", n_fft=256), pedalboard.Gain(-6)]])
    return rtspec.Pedalboard(
        [native or pedalboard.Reverb(), rtspec.OnnxProcessor("tilt-gate", n_fft=512), mix, [pedalboard.Gain(3)]]
    )


class Shared:
    """What all threads use, and what one thread alone gets of it."""

    def __init__(self):
        self.processor, self.board = rtspec.OnnxProcessor("tilt-gate", n_fft=512), chain()
        self.pieced, self.piecing = chain(), threading.Lock()
        self.steered = self.board[1]  # where it stands changes while others edit
        self.edited = [self.board, self.pieced, self.board[-1], self.pieced[-1]]
        self.mixes = [self.board[2], self.board[2][1], self.pieced[2], self.pieced[2][1]]
        self.reverb = pedalboard.Reverb()
        self.twins = chain(self.reverb), chain(self.reverb)  # one native object in two boards
        self.moved, self.synth = rtspec.OnnxProcessor("tilt-gate", n_fft=512), rtspec.TimbreSynth("flute")
        self.routed, self.listening = rtspec.Pedalboard([self.moved]), rtspec.Pedalboard([rtspec.SceneEqualizer()])
        noise = np.random.default_rng(0).standard_normal((2, max(LENGTHS)))
        self.sounds = [(0.1 * noise[:, :n]).astype(np.float32).reshape(2, n) for n in LENGTHS if n > 2]
        self.wanted = [rtspec.OnnxProcessor("tilt-gate", n_fft=512)(s, RATE) for s in self.sounds]
        self.wanted_board = [chain()(s, RATE) for s in self.sounds]
        self.wanted_note = rtspec.TimbreSynth("flute")(NOTES, 0.05, RATE)
        self.heard = [rtspec.Pedalboard([rtspec.SceneEqualizer()])(s, RATE, sensor=s[0]) for s in self.sounds]
        self.plan = rtspec.FramePlan(sample_rate=RATE, n_fft=256, hop=64)
        self.spectrum = rtspec.frames.stft(self.sounds[-1][0], self.plan)
        self.wanted_phase = rtspec.phase.reconstruct(abs(self.spectrum), self.plan)
        self.stream = rtspec.AudioStream(plugins=chain(), source=rtspec.Loop(self.sounds[-1]), devices=VIRTUAL)
        self.stream.ignore_dropped_input = True  # threads take what comes whenever they happen to
        self.folder = Path(tempfile.mkdtemp())
        with pedalboard.io.AudioFile(str(self.folder / "in.wav"), "w", RATE, 2, bit_depth=32) as file:
            file.write(self.sounds[-1])


class Stress(Shared):
    """What the threads do with it, and what they found. A method each kind; it says whether all came out right."""

    def __init__(self):
        super().__init__()
        self.counts, self.wrong, self.errors = Counter(), Counter(), []
        self.lock, self.streaming = threading.Lock(), threading.Semaphore(2)

    def act(self, kind: str, dice: random.Random) -> bool:
        """Do one thing; whether it came out right."""
        return getattr(self, kind.replace(" ", "_"))(dice.randrange(len(self.sounds)), dice) is not False

    def call(self, i: int, _) -> bool:
        return np.array_equal(self.processor(self.sounds[i], RATE), self.wanted[i])

    def asyncio(self, i: int, _) -> bool:
        return np.array_equal(asyncio.run(asyncio.to_thread(self.processor, self.sounds[i], RATE)), self.wanted[i])

    def call_board(self, i: int, _) -> bool:
        return np.allclose(self.board(self.sounds[i], RATE), self.wanted_board[i], atol=NEAR)

    def native(self, i: int, dice: random.Random) -> bool:
        return np.allclose(self.twins[1](self.sounds[i], RATE), self.wanted_board[i], atol=NEAR)

    def copy(self, i: int, _) -> bool:
        return np.allclose(copy.deepcopy(self.board)(self.sounds[i], RATE), self.wanted_board[i], atol=NEAR)

    def pickle(self, i: int, _) -> bool:
        return np.allclose(
            pickle.loads(pickle.dumps(self.board))(self.sounds[i], RATE), self.wanted_board[i], atol=NEAR
        )

    def notes(self, *_) -> bool:
        return np.array_equal(self.synth(NOTES, 0.05, RATE), self.wanted_note)

    def sensor(self, i: int, _) -> bool:
        return np.array_equal(self.listening(self.sounds[i], RATE, sensor=self.sounds[i][0]), self.heard[i])

    def phase(self, *_) -> bool:
        return np.array_equal(rtspec.phase.reconstruct(abs(self.spectrum), self.plan), self.wanted_phase)

    def reset(self, _, dice: random.Random) -> None:
        dice.choice([self.processor, self.board, self.synth, self.listening]).reset()

    def edit(self, _, dice: random.Random) -> None:
        gain, board = pedalboard.Gain(0), dice.choice(self.edited)
        board.insert(dice.randrange(5), gain)
        board.remove(gain)

    def edit_mix(self, _, dice: random.Random) -> None:
        k = dice.randrange(len(self.mixes))  # a chain too soft to be heard beside others; a wire within one
        side, mix = pedalboard.Gain(0) if k % 2 else [pedalboard.Gain(-200)], self.mixes[k]
        mix.insert(dice.randrange(3) if k % 2 else len(mix), side)
        side = side if k % 2 else next(one for one in reversed(list(mix)) if len(one) == 1)
        mix.remove(side)

    def parameter(self, i: int, dice: random.Random) -> bool:
        self.processor.mix = self.moved.mix = 1.0
        return self.steered.parameters["mix"].value == 1.0

    def route(self, i: int, dice: random.Random) -> bool:
        route = self.routed.modulation.add("lfo:1", self.moved.parameters["mix"], 0.0)
        there = any(one is route for one in self.routed.modulation.routes)
        heard = self.routed(self.sounds[i], RATE)
        self.routed.modulation.remove(route)
        gone = all(one is not route for one in self.routed.modulation.routes)
        return there and gone and np.allclose(heard, self.wanted[i], atol=NEAR)

    def file(self, i: int, dice: random.Random) -> bool:
        target = self.folder / f"{threading.get_ident()}.wav"
        rtspec.render(self.board, self.folder / "in.wav", target, bit_depth="32f")
        with pedalboard.io.AudioFile(str(target)) as file:
            return np.allclose(file.read(file.frames), self.wanted_board[-1], atol=NEAR)

    def pieces(self, i: int, dice: random.Random) -> bool:
        """A sound in pieces, by one thread at a time, while others edit the board and play it."""
        sound, board = self.sounds[i], dice.choice([self.pieced, self.twins[0]])
        cuts = sorted({0, sound.shape[1], *(dice.randrange(3, sound.shape[1] + 1) for _ in range(5))})
        with self.piecing:
            parts = [board.process(sound[:, a:b], RATE, reset=False) for a, b in pairwise(cuts)]
            heard = np.concatenate([*parts, board.flush()], axis=1)
        return np.allclose(heard, self.wanted_board[i], atol=NEAR)

    def live(self, _, dice: random.Random) -> None:
        """A live stream of a shared board for a moment, twice."""
        board, source = dice.choice([self.board, self.pieced, *self.twins]), rtspec.Loop(self.sounds[-1])
        with self.streaming:
            stream = rtspec.AudioStream(plugins=board, source=source, devices=VIRTUAL)
            for _ in range(2):
                with stream:
                    time.sleep(0.05)

    def shared_stream(self, i: int, dice: random.Random) -> None:
        """Anything with one stream that all threads use."""
        stream, gain = self.stream, pedalboard.Gain(0)
        does = {
            "start": stream.start,
            "stop": stream.stop,
            "tell": lambda: (stream.statistics, stream.latency, repr(stream), stream.reports, stream.running),
            "wait": lambda: stream.wait(0.01),
            "settle": lambda: stream.settle(0.05),
            "set": lambda: stream.set(stream.plugins[1].parameters["mix"], 1.0),
            "send": lambda: stream.send(mido.Message("control_change", control=1, value=1)),
            "edit": lambda: (stream.plugins.append(gain), stream.plugins.remove(gain)),
            "read": lambda: stream.running and stream.read(0),
            "record": lambda: self.take(),
        }
        does[dice.choice(list(does))]()

    def take(self) -> None:
        """Begin a recording, or end one: another thread may have done so, or stopped the stream, at any moment."""
        with suppress(rtspec.errors.RtspecError):
            self.stream.record(self.folder / "take.wav")
        self.stream.stop_recording()

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
                self.wrong[kind] += not right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=10000, help="of each thread")
    options = parser.parse_args()
    faulthandler.enable()
    faulthandler.dump_traceback_later(1200, repeat=True)  # busy machines take 740 s
    stress, begin = Stress(), time.monotonic()
    threads = [threading.Thread(target=stress.work, args=(i, options.calls)) for i in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stress.stream.stop()
    found = {"threads": options.threads, "calls": dict(stress.counts), "wrong": stress.wrong.total()}
    print(
        json.dumps(
            {
                **found,
                "wrong_by_kind": +stress.wrong,
                "errors": stress.errors[:10],
                "seconds": round(time.monotonic() - begin, 1),
            }
        )
    )
    return int(stress.wrong.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
