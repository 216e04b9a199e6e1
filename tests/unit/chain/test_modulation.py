"""The modulation matrix: sources move parameters beside the user's values, and a stream gives what a render gives."""

import time

import mido
import numpy as np
import pytest
from taggers import LoudOrNot

import rtspec
from rtspec.chain.automated import AutomatedPlayback
from rtspec.chain.routes import modulated
from rtspec.chain.wiring import Wiring
from rtspec.control.automation import Automation
from rtspec.control.modulation import Envelope, Lfo, MidiControl, Reading
from rtspec.errors import InvalidValue

RATE = 48000


def noise(seconds, level=0.1, channels=2, seed=0):
    return (level * np.random.default_rng(seed).standard_normal((channels, round(RATE * seconds)))).astype(np.float32)


def test_an_lfo_moves_a_gain_around_the_users_value_for_any_block():
    board, sound = rtspec.Pedalboard([rtspec.Equalizer()]), noise(3)
    plain = board(sound, RATE)
    board.modulation.add("lfo:0.5", "output_db", 0.25)
    moved = board(sound, RATE)
    ratio = 20 * np.log10(moved[0, RATE // 2] / plain[0, RATE // 2])  # at the top of the first half turn
    assert ratio == pytest.approx(0.25 * 84, abs=1.0)
    for block in (1, 100, 441):
        n = RATE // 20 if block == 1 else RATE
        assert np.array_equal(board(sound[:, :n], RATE, block), moved[:, :n])
    assert board[0].output_db == 0.0
    board.modulation.clear()
    assert np.array_equal(board(sound, RATE), plain)


def test_the_inputs_level_moves_a_parameter_with_attack_and_release():
    board = rtspec.Pedalboard([rtspec.Equalizer(output_db=-24)])
    board.modulation.add(Envelope(), "output_db", 1.0, attack_s=0.0, release_s=0.5)
    sound = noise(2, 0.3, 1)
    sound[:, RATE:] *= 0.003
    out = board(sound, RATE)
    assert np.abs(out[0, RATE // 2 : RATE]).mean() > 10 * np.abs(sound[0, RATE // 2 : RATE]).mean() * 10 ** (-24 / 20)
    late, later = (np.abs(out[0, a : a + 2400] / sound[0, a : a + 2400]).mean() for a in (RATE + 9600, 2 * RATE - 2400))
    assert late > 2 * later


def matrix_board():
    eq = rtspec.SceneEqualizer("scene", model=LoudOrNot(), curves={"street": {1000: 6}})
    board = rtspec.Pedalboard([rtspec.TimbreSynth("flute"), eq])
    board.modulation.add(Lfo(2.0, "triangle"), "z1", 0.2)
    board.modulation.add(MidiControl(21), "z2", 0.3, curve="square")
    board.modulation.add(Lfo(2.0, "triangle"), "gain_2000_hz", 0.2)
    board.modulation.add("reading:scene_street", "gain_500_hz", 0.4, attack_s=0.2, release_s=0.5)
    board.modulation.add(Reading(eq, "scene_street"), "z3", -0.2)
    return board


@pytest.mark.timeout(110)
def test_lfo_midi_and_a_scene_move_latents_and_gains_at_once_live_as_rendered():
    silence, heard = np.zeros((2, 2 * RATE), np.float32), np.full((1, 2 * RATE), 0.6, np.float32)
    heard[:, :RATE] = 0.2
    messages = [
        mido.Message("note_on", note=60, velocity=100),
        mido.Message("control_change", control=21, value=100),
    ]
    board = matrix_board()
    playback = AutomatedPlayback(board, RATE, 2, Automation([], [(0.0, m) for m in messages]), sensors=1)
    rendered = playback.piece(silence, heard)
    other = matrix_board()
    words = {"sample_rate": RATE, "buffer_size": 128, "source": silence, "measuring": rtspec.Measuring(tape_seconds=3)}
    with rtspec.AudioStream(
        plugins=other, sensor=heard, devices=rtspec.Devices(virtual=True, worker_samples=8192), **words
    ) as stream:
        delay, total = stream.latency.total_samples, playback.program.latency_samples
        assert stream.wait(60)
        assert stream.statistics.underruns == 0
    quiet = stream.recorded[1][:, delay : delay + 1000]
    assert not quiet.any()  # no key was pressed
    stream = rtspec.AudioStream(
        plugins=matrix_board(), sensor=heard, devices=rtspec.Devices(virtual=True, worker_samples=8192), **words
    )
    for message in messages:
        stream.send(message)
    with stream:
        assert stream.wait(60)
        given = stream.recorded[1][:, delay - total :][:, : 2 * RATE]
    assert stream.statistics.underruns == 0
    assert np.abs(rendered).max() > 0.01
    assert np.array_equal(given[:, total : total + rendered.shape[1]], rendered)
    still = matrix_board()
    still.modulation.clear()
    plain = AutomatedPlayback(still, RATE, 2, Automation([], [(0.0, m) for m in messages]), sensors=1)
    assert not np.array_equal(plain.piece(silence, heard), rendered)


@pytest.mark.timeout(60)
def test_a_route_that_comes_while_it_plays_leaves_all_else_as_it_is():
    board, sound = rtspec.Pedalboard([rtspec.Equalizer()]), noise(2)
    measuring, devices = rtspec.Measuring(tape_seconds=3), rtspec.Devices(virtual=True)
    with rtspec.AudioStream(
        plugins=board, sample_rate=RATE, source=sound, devices=devices, measuring=measuring
    ) as stream:
        assert stream.settle(10)
        route = board.modulation.add("lfo:4", "output_db", 0.2)
        assert stream.settle(10)
        assert stream.wait(20)
        delay = stream.latency.total_samples
        given = stream.recorded[1][:, delay : delay + sound.shape[1]]
    assert not np.array_equal(given, sound)
    board.modulation.remove(route)
    assert np.array_equal(board(sound, RATE), sound)


def test_another_depth_goes_on_from_what_a_slow_route_has_reached():
    board, sound = rtspec.Pedalboard([rtspec.Equalizer()]), np.full((1, 2 * RATE), 0.01, np.float32)
    route = board.modulation.add("lfo:0.001:square", "output_db", 0.25, attack_s=0.5)
    before = board(sound, RATE, reset=False)[0, -1]
    board.modulation.reshape(route, depth=0.26)
    after = board(sound, RATE, reset=False)[0]
    assert before > 0.05  # 21 dB of 84 are nearly reached
    assert after[0] == pytest.approx(before, rel=0.05) and after[-1] > 1.05 * before
    board.modulation.clear()
    assert board(sound, RATE, reset=False)[0, -1] == pytest.approx(0.01, rel=1e-3)


def test_a_route_that_comes_within_a_sound_in_pieces_is_refused():
    board, sound = rtspec.Pedalboard([rtspec.Equalizer()]), noise(0.1)
    board(sound, RATE, reset=False)
    board.modulation.add("lfo:1", "output_db")
    with pytest.raises(InvalidValue, match=r"a route .* came within a sound that comes in pieces.*call flush"):
        board(sound, RATE, reset=False)
    board.flush()
    board(sound, RATE, reset=False)


def test_a_route_that_ends_leaves_its_parameter_to_the_user_however_long_the_last_program_plays_on(monkeypatch):
    chained = Wiring.chained

    def slowly(self, units):
        program = chained(self, units)
        time.sleep(0.05)  # what played before goes on moving the parameter
        return program

    monkeypatch.setattr(Wiring, "chained", slowly)
    board = rtspec.Pedalboard([rtspec.Equalizer(output_db=-20)])
    route = board.modulation.add("lfo:0.001:square", "output_db", 0.5)
    source = rtspec.Loop(np.full((1, RATE), 0.01, np.float32))
    options = {"devices": rtspec.Devices(virtual=True), "measuring": rtspec.Measuring(tape_seconds=2.0)}
    with rtspec.AudioStream(plugins=board, source=source, **options) as playing:
        time.sleep(0.3)
        board.modulation.remove(route)
        assert playing.settle(10)
        time.sleep(0.3)
        heard = np.abs(playing.recorded[1][0])
    assert heard.max() > 0.01 and heard[-1000:].max() == pytest.approx(0.001, rel=0.01)


def test_what_is_no_source_is_refused_in_a_line():
    board = rtspec.Pedalboard([rtspec.Equalizer()])
    for source, text in (("lfo", "write lfo:HZ"), ("lfo:900", "rate_hz=900"), ("reading:x", "no plugin of this board")):
        with pytest.raises(InvalidValue, match=text):
            board.modulation.add(source, "mix")
    with pytest.raises(InvalidValue, match=r"depth=2 must be a number from -1 to 1"):
        board.modulation.add("envelope", "mix", 2)


def test_the_command_line_modulates_one_file_and_many(tmp_path):
    import soundfile

    from rtspec.cli import main

    sound = noise(1, 0.05)
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "in" / f"{name}.wav", sound.T, RATE, "FLOAT")
    board = rtspec.Pedalboard([rtspec.Equalizer()])
    board.modulation.add("lfo:2", "output_db", 0.1, curve="cube", attack_s=0.1)
    expected = board(sound, RATE)
    words = ["--processor", "equalizer", "--modulate", "lfo:2,output_db,0.1,cube,0.1", "--bit-depth", "32f"]
    main(["render", str(tmp_path / "in" / "a.wav"), str(tmp_path / "one.wav"), *words])
    main(["render", str(tmp_path / "in"), str(tmp_path / "out"), *words])
    for path in (tmp_path / "one.wav", tmp_path / "out" / "b.wav"):
        assert np.array_equal(soundfile.read(path, dtype="float32")[0].T, expected)
    assert main(["render", str(tmp_path / "in" / "a.wav"), str(tmp_path / "two.wav"), "--modulate", "lfo"]) != 0


def test_routes_are_kept_in_a_file_and_refused_as_a_whole(tmp_path):
    board, sound = rtspec.Pedalboard([rtspec.Equalizer(), rtspec.TimbreSynth()]), noise(0.2)
    board.modulation.add("lfo:0.5:triangle:0.25", "1-equalizer/output_db", -0.25, curve="cube", release_s=0.5)
    board.modulation.add(MidiControl(21, 10), "z1", 0.5)
    board.modulation.add(Envelope(), "gain_1000_hz", 0.1, attack_s=1.5)
    path = tmp_path / "routes.json"
    board.modulation.save(path)
    again = rtspec.Pedalboard([rtspec.Equalizer(), rtspec.TimbreSynth()])
    again.modulation.load(path)
    for one, other in zip(board.modulation.routes, again.modulation.routes, strict=True):
        assert one.source == other.source and one.parameter.name == other.parameter.name
        assert (one.depth, one.curve, one.attack_s, one.release_s) == (
            other.depth,
            other.curve,
            other.attack_s,
            other.release_s,
        )
    with pytest.raises(InvalidValue, match="route 2: '2-timbre-synth/z1' is no parameter of this chain"):
        rtspec.Pedalboard([rtspec.Equalizer()]).modulation.load(path)
    loaded = modulated([rtspec.Equalizer()], ["lfo:2,output_db,0.1"])
    assert isinstance(loaded, rtspec.Pedalboard)
    with pytest.raises(InvalidValue):
        loaded.modulation.load(path)
    assert len(loaded.modulation) == 1 and np.isfinite(loaded(sound, RATE)).all()


@pytest.mark.parametrize("bad", ["lfo", "lfo:a", "lfo:1:sine:0:3", "cc", "cc:200", "cc:1:17", "cc:1:2:3", "envelope:1"])
def test_sources_in_words_are_checked(bad):
    with pytest.raises(InvalidValue):
        rtspec.Pedalboard([rtspec.Equalizer()]).modulation.add(bad, "output_db")


def test_a_reading_is_kept_with_the_plugin_that_gives_it(tmp_path):
    """Of two equalizers that hear, the second's; by its name alone it is the first's."""
    board = rtspec.Pedalboard([rtspec.SceneEqualizer(), rtspec.SceneEqualizer(), rtspec.TimbreSynth()])
    board.modulation.add(Reading(board[1], "share"), "z1", 0.5)
    board.modulation.add("reading:share", "z2", 0.5)
    board.modulation.save(tmp_path / "routes.json")
    again = rtspec.Pedalboard([rtspec.SceneEqualizer(), rtspec.SceneEqualizer(), rtspec.TimbreSynth()])
    again.modulation.load(tmp_path / "routes.json")
    assert [route.source for route in again.modulation.routes] == [
        Reading(again[1], "share"),
        Reading(again[0], "share"),
    ]
    gone = board.modulation.routes[0].source.plugin
    del board[1]
    assert gone is not board[0]
    with pytest.raises(InvalidValue, match="'share': its plugin is not in this board any more"):
        board.modulation.save(tmp_path / "routes.json")
