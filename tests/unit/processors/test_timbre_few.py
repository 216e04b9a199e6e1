"""The network is asked for the voices that sound, and tells them what it would tell all sixteen, to the bit."""

import mido
import numpy as np
import pytest

import rtspec
from rtspec.buffers.inbox import Inbox
from rtspec.buffers.memory import aligned
from rtspec.buffers.step import Stage
from rtspec.chain.program import STRIDE
from rtspec.models.one_call.making import CLOSE_HALVES_DB
from rtspec.models.packages import load
from rtspec.models.session import ModelStage, model_stage
from rtspec.processors.timbre.few import SIZES, asking_stages
from rtspec.processors.timbre.oscillators import SHEET, meet_half_way
from rtspec.processors.timbre.voice_kernels import ASKED, YOUNG_S
from rtspec.processors.timbre.voices import MAX_VOICES, N_LEVELS


def asked_rows() -> np.ndarray:
    rows = np.random.default_rng(3).random((MAX_VOICES, ASKED), np.float32)
    x = aligned(rows.shape)
    x[...] = rows
    return x


@pytest.mark.parametrize("voices", [[], [0], [15], [3, 9], [1, 2, 5, 8, 13], list(range(MAX_VOICES))], ids=len)
def test_wanted_voices_get_what_all_would_get_and_the_others_are_left_alone(voices):
    model = load("timbre-synth")
    full, wanted = model_stage(model, as_it_is=True), aligned(MAX_VOICES, np.int64)
    full.parameter("z1")[0] = 0.4
    wanted[voices] = 1
    asking = asking_stages(model, full, wanted)
    x, (told, together, by_file) = asked_rows(), (aligned((MAX_VOICES, N_LEVELS)) for _ in range(3))
    told[...] = 7
    asking[0].run(x, 1, told)
    assert (np.delete(told, voices, axis=0) == 7).all()
    runs = [stage.counters["runs"] for stage in asking if isinstance(stage, ModelStage)]
    assert sum(runs) == bool(voices)
    if voices:
        assert runs[next(i for i, size in enumerate(SIZES) if size >= len(voices))] == 1
    wanted[:] = 1
    asking[0].run(x, 1, together)
    full.run(x, 1, by_file)
    assert np.array_equal(told[voices], together[voices])
    noise, signal = (np.square(each, dtype=np.float64).sum() for each in (together - by_file, by_file))
    assert noise * 10 ** (CLOSE_HALVES_DB / 10) <= signal


def test_notes_that_come_and_go_sound_the_same_at_any_block():
    notes = [mido.Message("note_on", note=40 + 3 * i, velocity=80, time=0.03 * i) for i in range(11)]
    notes += [mido.Message("note_off", note=40 + 3 * i, time=0.5 + 0.02 * i) for i in range(11)]
    made = [rtspec.TimbreSynth()(notes, duration=1.0, sample_rate=48000, buffer_size=n) for n in (64, 441, 8192)]
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


def voices_of(synth: rtspec.TimbreSynth) -> tuple[Stage, list[ModelStage], Inbox]:
    inbox = Inbox()
    stages = synth.make_voices(48000, 1, inbox)
    return stages[0], [stage for stage in stages if isinstance(stage, ModelStage)], inbox


def test_a_note_is_asked_for_at_each_hop_while_it_begins_and_then_at_every_second():
    synth = rtspec.TimbreSynth("flute")
    voices, networks, inbox = voices_of(synth)
    inbox.push([0x90, 60, 100])
    silence, sound, calls = aligned((1, STRIDE)), aligned((1, STRIDE)), []
    for _ in range(round(0.3 * 48000 / 64)):
        voices.run(silence, 64, sound)
        calls.append(sum(stage.counters["runs"] for stage in networks))
    each = np.diff(calls)
    young = round(YOUNG_S * 48000 / 64)
    assert (each[1 : young - 2] == 1).all()
    assert (each[young + 2 :][:40].reshape(-1, 2).sum(1) == 1).all()


def test_what_is_told_for_two_hops_goes_evenly_through_both():
    first, second = np.random.default_rng(5).random((2, SHEET), np.float32)
    first[-1], second[-1] = 40, 31
    told = second.copy()
    meet_half_way(first, second)
    assert second[:-1] == pytest.approx((first[:-1] + told[:-1]) / 2, rel=1e-6)
    assert second[-1] == 40
