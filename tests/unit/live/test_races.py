"""What two threads do to a stream at once: each case lets one come in where the other has looked and not yet acted."""

import threading
import time
from types import SimpleNamespace

import mido
import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.audio import streams
from rtspec.audio.exchange import DISK
from rtspec.audio.recording import TakeWriter
from rtspec.chain.edits import Edits
from rtspec.chain.native import check_unowned
from rtspec.chain.player import Player
from rtspec.control.modulation import MidiControl
from rtspec.errors import InvalidValue, SharedPlugin, existing
from rtspec.live import engine as engines
from rtspec.live import performance as performances
from rtspec.live import session
from rtspec.live.options import Recording
from rtspec.live.precompile import compile_driver
from rtspec.live.takes import Takes

pytestmark = pytest.mark.timeout(300)
RATE = 48000
SILENCE = np.zeros((1, RATE), np.float32)
VIRTUAL = rtspec.Devices(virtual=True)


class Own(pedalboard.Gain):
    """A plugin of which no equal can be made: one stream has it for itself."""


def stream(plugins=(), **words):
    return rtspec.AudioStream(plugins=list(plugins), source=rtspec.Loop(SILENCE), devices=VIRTUAL, **words)


def started(target):
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


# Edits and programs ---------------------------------------------------------------------------------------------------


def test_nobody_waits_for_an_edit_of_a_chain_that_plays_no_longer():
    edits = Edits(print)
    edits.ask(lambda: None, lambda: False)
    assert edits.settle(5.0)


def test_an_edit_that_comes_as_the_thread_ends_is_not_lost():
    edits, made, plays = Edits(print), [], [True]
    edits.ask(lambda: made.append(1), lambda: plays[0])
    assert edits.settle(5.0)
    plays[0] = False
    edits.ask(lambda: made.append(2), lambda: plays[0])
    assert edits.settle(5.0)
    plays[0] = True
    edits.ask(lambda: made.append(3), lambda: plays[0])
    assert edits.settle(5.0) and made[-1] == 3
    plays[0] = False


def test_an_edit_does_not_wait_for_itself():
    edits, found, plays = Edits(print), [], [True]
    edits.ask(lambda: found.append(edits.settle()), lambda: plays[0])
    assert edits.settle(5.0) and found == [False]
    plays[0] = False


def test_a_program_that_the_engine_may_still_play_is_kept_after_the_stop():
    """The last block may take a while: an edit that was under way releases its program meanwhile."""
    lasting = threading.Event()
    with stream([rtspec.Equalizer()]) as playing:
        engine, player = playing._session.engine, playing._session.player
    before, current = list(engine._kept), int(engine._record["current"][0])
    engine._thread = started(lasting.wait)
    engine.play(player.program)
    assert all(any(kept is one for kept in engine._kept) for one in before)
    assert int(engine._record["current"][0]) == current
    lasting.set()
    engine._thread.join()


def edits_last(monkeypatch, going, seconds):
    """An event that is set as an edit has made its units, which then waits until `going` is, or so long."""
    making, fresh = threading.Event(), Player._fresh

    def slow(player, plugins):
        made = fresh(player, plugins)
        making.set()
        going.wait(seconds)
        return made

    monkeypatch.setattr(Player, "_fresh", slow)
    return making


def test_a_plugin_that_an_edit_takes_up_as_the_stream_stops_may_play_elsewhere(monkeypatch):
    plugin = Own()
    with stream() as playing:
        making = edits_last(monkeypatch, threading.Event(), 0.3)
        playing.plugins.append(plugin)
        assert making.wait(20)
    check_unowned(plugin)


def test_a_plugin_that_an_edit_takes_up_after_the_stop_is_given_back(monkeypatch):
    """The stop has waited long enough for the edit."""
    plugin, going = Own(), threading.Event()
    monkeypatch.setattr(session, "EDIT_S", 0.01)
    with stream() as playing:
        making = edits_last(monkeypatch, going, 20)
        playing.plugins.append(plugin)
        assert making.wait(20)
    going.set()
    assert playing._session.player.settle(20)
    check_unowned(plugin)


def test_two_threads_that_edit_what_does_not_play_yet_leave_the_chain_as_it_is(monkeypatch):
    fresh, second = Player._fresh, []

    def slow(player, plugins):
        made = fresh(player, plugins)
        if not second:
            second.append(started(lambda: board.append(rtspec.Equalizer())))
            second[0].join(0.5)
        return made

    playing = stream()
    board = playing.plugins
    monkeypatch.setattr(Player, "_fresh", slow)
    board.append(rtspec.Equalizer())
    second[0].join(20)
    playing_now = [unit.plugin for unit in playing._session.player._units if unit.plugin is not None]
    assert playing_now == list(board) and len(board) == 2


def test_a_message_that_comes_as_a_route_is_added_is_heard():
    """The thread of MIDI walks over the controllers that the edit's thread adds one to."""
    playing = stream([rtspec.Equalizer()])
    modulating = existing(playing._session.player._wiring._modulating)
    heard = []

    class Looking(MidiControl):
        def hears(self, message):
            modulating._controls.setdefault(MidiControl(len(modulating._controls)), np.zeros(1))
            heard.append(message)
            return False

    modulating._controls[Looking(21)] = np.zeros(1)
    playing._session.control(mido.Message("control_change", control=21, value=64), None)
    assert len(heard) == 1


def test_a_plugin_is_given_back_when_the_engine_has_ended(monkeypatch):
    plugin, found, stop = Own(), [], engines.Engine.stop

    def looked(engine, *arguments):
        try:
            check_unowned(plugin)
        except SharedPlugin:
            found.append("owned")
        return stop(engine, *arguments)

    monkeypatch.setattr(engines.Engine, "stop", looked)
    with stream([plugin]):
        pass
    assert found == ["owned"]
    check_unowned(plugin)


# Moving and stopping --------------------------------------------------------------------------------------------------


def test_a_stream_that_moves_has_not_lost_its_device(monkeypatch):
    """The watch has found that nobody moves it, and looks at the device as the move stops that."""
    with stream() as playing:
        performance = playing._performance
        performance._watch.end()
        performance._watch.join()
        monkeypatch.setattr(performance.session, "devices", (None, SimpleNamespace(name="a device")))
        stopped, movers, stop = threading.Event(), [], performance.session.stop

        def stop_and_tell():
            stop()
            stopped.set()

        def felt(session):
            movers.append(started(lambda: performance.move_to((None, None), 256)))
            stopped.wait(0.5)
            return session.device_stream.active

        monkeypatch.setattr(performance.session, "stop", stop_and_tell)
        monkeypatch.setattr(performance._pulse, "is_felt", felt)
        assert performance._look() and not performance.lost
        movers[0].join(20)
        assert playing.buffer_size == 256 and playing.active


def test_what_another_device_needs_is_compiled_while_the_present_one_plays(monkeypatch):
    """At its first use that takes seconds, which nobody is to hear as silence."""
    compiled = []

    def watched(virtual):
        compile_driver(virtual)
        compiled.append((virtual, playing.active, len(streams._pace.signatures)))

    with stream() as playing:
        monkeypatch.setattr(performances, "compile_driver", watched)
        playing._performance.move_to((None, None), 256)
        assert playing.buffer_size == 256
        assert compiled == [(True, True, len(streams._pace.signatures))] and streams._pace.signatures


def test_who_wants_to_move_a_stream_that_stops_does_not_wait_for_that():
    """The panel's stop waits for the errand that asks."""
    refused = []

    def move():
        try:
            performance.move_to((None, None), 256)
        except InvalidValue as error:
            refused.append(str(error))

    with stream() as playing:
        performance = playing._performance
        with performance._turning:
            performance._watch.end()
            started(move).join(10)
            assert refused == ["only a stream that plays can move to another device; start it first"]


def test_a_line_said_in_a_threads_of_its_own_may_stop_the_stream(tmp_path, monkeypatch):
    """Whoever is told that a recording broke off stops: in the thread that wrote it."""
    failed, stopped = [], threading.Event()

    def report(line):
        if line.startswith("recording ended"):
            playing.stop()
            stopped.set()

    def full(file, frames):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(threading, "excepthook", failed.append)
    monkeypatch.setattr("rtspec.audio.recording.GrowingWav.write", full)
    playing = stream(recording=Recording(tmp_path / "take.wav"), report=report)
    playing.start()
    assert stopped.wait(20)
    assert not playing.running and not failed


# Sound that goes from hand to hand ------------------------------------------------------------------------------------


def another(one):
    return stream()._session


def test_a_device_that_comes_back_as_the_first_sound_is_written_gets_it():
    playing = stream()
    handing, after = playing._performance.handing, another(playing)
    handing.go_on(after.exchange, RATE)
    handing.give(np.zeros((480, 1), np.float32), RATE)
    assert after.exchange._source_ring is handing._input


def test_the_end_of_what_was_written_is_counted_anew_on_another_device(monkeypatch):
    playing = stream()
    handing, after = playing._performance.handing, another(playing)
    handing.give(np.zeros((480, 1), np.float32), RATE)
    existing(handing._input).read(480)
    monkeypatch.setattr(playing._session.exchange, "clock", lambda: (10 * RATE, 0.0))
    assert not handing.is_heard(playing.latency)
    handing.go_on(after.exchange, RATE)
    clock = [0]
    monkeypatch.setattr(after.exchange, "clock", lambda: (clock[0], 0.0))
    assert not handing.is_heard(playing.latency)
    clock[0] = RATE
    assert handing.is_heard(playing.latency)


def test_a_take_that_ends_as_the_device_comes_back_is_not_gone_on_with(tmp_path, monkeypatch):
    session = stream()._session
    takes = Takes(Recording(), print)
    takes.record(tmp_path / "take.wav", session)
    close = TakeWriter.close

    def came_back(writer):
        takes.go_on(session, RATE)
        close(writer)

    monkeypatch.setattr(TakeWriter, "close", came_back)
    takes.stop(session.exchange)
    assert session.exchange._handed[DISK][-1] == (None, None)


def test_of_two_takes_that_are_begun_at_once_one_is_refused(tmp_path, monkeypatch):
    session, begun, refused = stream()._session, [], []
    takes = Takes(Recording(), print)
    make = Takes._start

    def slow(self, *arguments, **options):
        time.sleep(0.2)
        make(self, *arguments, **options)
        begun.append(self.recording)

    def record():
        try:
            takes.record(tmp_path / "take.wav", session)
        except InvalidValue as error:
            refused.append(error)

    monkeypatch.setattr(Takes, "_start", slow)
    for thread in [started(record) for _ in range(2)]:
        thread.join(20)
    assert (len(begun), len(refused)) == (1, 1)
    takes.stop(session.exchange)


@pytest.mark.parametrize("fault", [KeyError("1-equalizer/mix"), InvalidValue("no such preset")])
def test_a_program_change_that_fails_does_not_keep_the_next_from_being_heard(fault):
    said, done = [], threading.Event()
    with stream(control=rtspec.Control(osc_port=0), report=said.append) as playing:
        errands = playing._performance.controllers._errands

        def fail():
            raise fault

        errands.put(fail)
        errands.put(done.set)
        assert done.wait(10)
    assert any(fault.args[0] in line for line in said)
