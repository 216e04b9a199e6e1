"""Automation is heard at its sample, for every block and chunk."""

import mido
import numpy as np
import pytest

import rtspec
from rtspec.benchmarks.midi import Gate
from rtspec.chain.automated import AutomatedPlayback
from rtspec.control.automation import Automation, Change

RATE = 48000


def rendered(board, source, automation, chunk):
    playback = AutomatedPlayback(board, RATE, len(source), automation)
    padded = np.pad(source, ((0, 0), (0, 3 * 8192)))
    pieces = [playback.piece(padded[:, at : at + chunk]) for at in range(0, padded.shape[1], chunk)]
    return np.concatenate(pieces, axis=1)[:, : source.shape[1]]


def chain():
    return rtspec.Pedalboard(
        [rtspec.OnnxProcessor("identity", n_fft=512), rtspec.OnnxProcessor("tilt-gate", n_fft=1024)]
    )


@pytest.mark.parametrize("place", [0, 1])
def test_a_level_changes_at_its_sample_of_the_rendered_sound_and_not_before(place):
    source = np.full((1, RATE // 2), 0.1, np.float32)
    board, still = (rtspec.Pedalboard([rtspec.OnnxProcessor("identity", n_fft=n) for n in (512, 1024)]) for _ in "ab")
    changes = [Change(0.25, board[place].parameters["output_db"], -60.0)]
    moved = rendered(board, source, Automation(changes, []), 4096)[0]
    steady = rendered(still, source, Automation([], []), 4096)[0]
    at = RATE // 4
    first = int(np.flatnonzero(np.abs(moved - steady) > 1e-6)[0])
    assert at <= first < at + 40  # a ramp of four poles takes some samples to be seen
    np.testing.assert_allclose(moved[at + RATE // 10 : -RATE // 20], 1e-4, rtol=0.02)


def random_changes(board, n, seed=0):
    rng = np.random.default_rng(seed)
    moved = [board[0].parameters["output_db"], *(board[1].parameters[name] for name in ("tilt_db_per_octave", "mix"))]
    found = []
    for time_s in np.sort(rng.uniform(0, n / RATE, 40)):
        parameter = moved[rng.integers(3)]
        found.append(Change(time_s, parameter, rng.uniform(*parameter.range[:2])))
    return Automation(found, [])


@pytest.mark.parametrize("chunk", [1, 64, 441, 8193])
def test_chunks_change_no_sample(chunk):
    n = 3000 if chunk == 1 else 20000
    source = (0.1 * np.random.default_rng(0).standard_normal((2, n))).astype(np.float32)
    boards = chain(), chain()
    first, second = (
        rendered(b, source, random_changes(b, n), size) for b, size in zip(boards, (chunk, 4096), strict=True)
    )
    np.testing.assert_array_equal(first, second)


def test_a_change_at_time_0_is_there_from_the_first_sample():
    source = np.full((1, 8000), 0.1, np.float32)
    board = rtspec.Pedalboard([rtspec.OnnxProcessor("identity", n_fft=512)])
    heard = rendered(board, source, Automation([Change(0.0, board[0].parameters["output_db"], -20.0)], []), 1000)
    reference = rtspec.OnnxProcessor("identity", n_fft=512, output_db=-20.0)(source, RATE)
    np.testing.assert_array_equal(heard, reference)


@pytest.mark.parametrize("before", [0, 1])
def test_a_note_sounds_at_its_sample_whatever_plays_before_the_instrument(before):
    effects = [rtspec.OnnxProcessor("identity", n_fft=512)] * before
    board = rtspec.Pedalboard([*effects, Gate()])
    note = mido.Message("note_on", note=60, velocity=100)
    played = [(0.1, note), (0.2, mido.Message("note_off", note=60))]
    heard = rendered(board, np.zeros((2, RATE // 4), np.float32), Automation([], played), 1000)
    sounding = np.flatnonzero(heard[0])
    assert (sounding[0], sounding[-1]) == (RATE // 10, RATE // 5 - 1) and np.all(np.diff(sounding) == 1)
