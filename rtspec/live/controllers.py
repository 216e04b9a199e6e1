"""What moves a live stream from outside: a MIDI port through a map, an OSC server, presets and a pad.

MIDI: controllers move parameters through the map, at their sample; notes play the instruments of the chain; a program
change loads the saved preset of that program, or else the channel plays General MIDI's. OSC: what
:mod:`rtspec.control.osc.server` and :mod:`rtspec.live.osc_verbs` list.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from ..audio.exchange import EVENT_DELAY_S
from ..control.controlled import instruments, listeners
from ..control.midi.messages import MidiEvent
from ..control.midi.mpe import MpeZones
from ..control.parameters import Parameter
from ..control.presets import without_setup
from ..errors import InvalidValue, RtspecError
from .options import Control
from .osc_verbs import osc_verbs

if TYPE_CHECKING:
    from ..control import MidiInput, MidiMap, OscServer

_PEDALS, _ALL_NOTES_OFF = (64, 66), 123
_TEMPO = "tempo_bpm"
_CLOSE_S = 2.0
SWITCH_S = 5e-4
"""How long one Python thread may keep others from running while controllers are open: MIDI comes in through Python, and
with the usual 5 ms a busy program would make timed events too late for their sample."""


class _Turns:
    """Lets Python's threads take turns fast as long as anyone wants it, and then as before."""

    def __init__(self) -> None:
        self._lock, self._n_users, self._usual_s = threading.Lock(), 0, 0.0

    def hasten(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._usual_s = sys.getswitchinterval()
                sys.setswitchinterval(min(SWITCH_S, self._usual_s))
            self._n_users += 1

    def slow_down(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                sys.setswitchinterval(self._usual_s)


_turns = _Turns()


SHORT_WAIT_S = 0.0003
"""What is left of :data:`EVENT_DELAY_S` where the back end wakes the thread for a message: it says when the period
began, and has until the next one."""

MOST_LATE, LEAST_LATE, LATE_OVER = 0.03, 0.003, 100
"""Share of the last so many messages, about, that may come too late for the short wait; and under which it is taken
again."""


class Player(Protocol):
    """What controllers need of a stream."""

    @property
    def clock(self) -> tuple[int, float]: ...

    def send(self, message: Any, time_s: float | None = None, processor: Any = None) -> bool: ...

    def set(self, parameter: Parameter, value: float, time_s: float | None = None) -> bool: ...

    def control(self, message: Any, time_s: float | None = None) -> None: ...


class Controllers:
    """The controllers of one stream.

    Parameters
    ----------
    target : Pedalboard
        Whose parameters they move.
    player : Player
        The stream: what is timed goes through it.
    wanted : Control
        Ports, map, presets, pad. A panel moves parameters too: with one, map, presets, history and pad are there,
        whatever ports are open.
    report : callable, optional
        Gets lines of text: ports that come and go, and what could not be done.

    Attributes
    ----------
    directory : Directory
        Every parameter that can be moved.
    bank, history, pad
        Presets, undo, and the pad.
    zones, clock : MpeZones, MidiClock
        What the MIDI input has said of itself.
    midi : MidiInput or None
    midi_map : MidiMap or None
    osc : OscServer or None
        None until :meth:`open`, and where not asked for.
    """

    def __init__(self, target: Any, player: Player, wanted: Control, report: Callable[[str], None] | None = None):
        self._player, self._timed, self._report = player, wanted.midi_timed, report or (lambda line: None)
        self._port, self._map = wanted.midi, wanted.midi_map
        self._osc_port, self._osc_host = wanted.osc_port, wanted.osc_host
        self._target, self._presets, self._corners = target, wanted.presets, wanted.pad
        self._panel = bool(wanted.panel)
        self.midi: MidiInput | None = None
        self.midi_map: MidiMap | None = None
        self.osc: OscServer | None = None
        self._errands: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._in_turns = False
        self._late, self._waits_long = 0.0, False

    # Ports --------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the ports; raises where one is missing or taken, and then leaves none open."""
        if self._port is None and self._osc_port is None and not self._panel:
            if self._corners:
                raise InvalidValue("pad needs what moves it; open a MIDI port, OSC or the panel too")
            return
        self._in_turns = True
        _turns.hasten()
        try:
            self._prepare()
            if self._port is not None or self._panel:
                self._make_map()
            if self._port is not None:
                self.listen_to(self._port)
            if self._osc_port is not None:
                self._open_osc()
        except Exception:
            self.close()
            raise

    def _prepare(self) -> None:
        from ..control import Bank, Directory, History
        from ..control.midi.messages import MidiClock
        from ..control.midi.unplayed import Unplayed
        from ..control.pad import PLACE, Pad

        self.pad = Pad(self._target)
        self.directory = Directory(self._target, {PLACE: self.pad})
        self.bank = Bank(self._target, Path(self._presets)) if self._presets else Bank(self._target)
        self.history = History(self._target)
        self.zones = MpeZones()
        self.clock = MidiClock()
        played = instruments(self.directory.processors())
        self._unplayed = Unplayed(played, lambda *control: self.midi_map is not None and self.midi_map.moves(*control))
        if self._corners:
            self.pad.set_corners([self.bank.get(name) for name in self._corners])
        self._thread = threading.Thread(target=self._run_errands, name="rtspec presets", daemon=True)
        self._thread.start()

    def _make_map(self) -> None:
        from ..control import MidiMap
        from ..control.mapping import read_assignments

        listed = read_assignments(self._map) if isinstance(self._map, str | Path) else None
        self.midi_map = self._map if isinstance(self._map, MidiMap) else MidiMap(self.directory, listed)
        self.midi_map.write = self._write
        self._preload()

    def listen_to(self, port: str | int | None) -> None:
        """Listen to this MIDI port in place of the present one; to none where None."""
        from ..control import MidiInput

        midi, self.midi = self.midi, None
        if midi is not None:
            midi.close()
            self.silence()
        if port is not None:
            self.midi = MidiInput(port, self.feed, self._report, self.silence)

    def _preload(self) -> None:
        """Let what a first message would wait for be loaded and looked up now."""
        from mido import Message

        still = Message("program_change")
        self._unplayed.feed(still)
        self.zones.feed(still)
        if self.midi_map is not None:
            self.midi_map.feed(still)

    def _open_osc(self) -> None:
        from ..control import OscServer
        from ..control.osc.datagrams import LOOPBACK

        host = self._osc_host or LOOPBACK
        verbs = osc_verbs(self.load, self.bank, self.history, self.pad, self._target.modulation)
        self.osc = OscServer(self.directory, self._osc_port or 0, host, self._report, verbs)

    def close(self) -> None:
        """Close what is open; safe to call twice."""
        for controller in (self.midi, self.osc):
            if controller is not None:
                controller.close()
        if self._in_turns:
            self._in_turns = False
            _turns.slow_down()
        self._errands.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_S)

    def device_lost(self) -> None:
        """The audio server has died: MIDI ports that it carried have gone with it."""
        midi = self.midi  # another thread may choose another port now
        if midi is not None:
            midi.server_lost()

    # MIDI ---------------------------------------------------------------------------------------------------------

    def feed(self, event: "MidiEvent") -> None:
        """Take a MIDI event into account: this is the input's listener."""
        message = event.message
        self.clock.feed(event)
        if message.type == "clock":
            self._follow_tempo()
        elif message.type == "program_change":
            self._errands.put(lambda: self._select(message.program))
        if (line := self._unplayed.feed(message)) is not None:
            self._report(line)
        time_s = event.time_s - self._early_s(event.time_s)
        if self.midi_map is not None:
            self.midi_map.feed(MidiEvent(time_s, message))
        self._player.control(message, time_s)
        self._play(message, time_s)

    def _early_s(self, time_s: float) -> float:
        """By how much an event may act sooner than a stream puts it off: where it is in time with the short wait too,
        and nearly all of those before it were."""
        if self.midi is None or not self.midi.is_woken:
            return 0.0
        is_late = time_s + SHORT_WAIT_S < self._player.clock[1]  # it would belong to a block that is played already
        self._late += (is_late - self._late) / LATE_OVER
        self._waits_long = self._late > (LEAST_LATE if self._waits_long else MOST_LATE)
        return 0.0 if self._waits_long else EVENT_DELAY_S - SHORT_WAIT_S

    def _write(self, parameter: Parameter, value: float, time_s: float | None) -> None:
        """Move a parameter for the map; at once where it cannot be timed."""
        timed = self._timed and time_s is not None and parameter.is_timed
        if not (timed and self._player.set(parameter, value, time_s)):
            parameter.value = value

    def _play(self, message: Any, time_s: float) -> None:
        """Give a message to the instruments: as it is to those that read it by the standard, MPE too; else plain."""
        plain = [m for m in self.zones.feed(message) if hasattr(m, "channel")]
        own = [message] if hasattr(message, "channel") else []
        for plugin in listeners(self.directory.processors()):
            for found in own if plugin.reads_zones else plain:
                self._player.send(found, time_s if self._timed else None, plugin)

    def silence(self) -> None:
        """Let go of all that is held: whoever held it is gone."""
        from mido import Message

        for channel in range(16):
            for control in (*_PEDALS, _ALL_NOTES_OFF):
                self._player.send(Message("control_change", channel=channel, control=control, value=0))

    def _follow_tempo(self) -> None:
        """Once a beat, give the sequencer's tempo to a parameter of that name, where the chain has one."""
        tempo, address = self.clock.tempo_bpm, None
        if tempo is not None and self.clock.ticks % 24 == 0:
            address = self.directory.find(_TEMPO)
        parameter = None if address is None else self.directory.get(address)  # an edit may have come in between
        if parameter is not None and tempo is not None:
            with suppress(InvalidValue):  # a tempo outside the parameter's range
                parameter.value = tempo

    # Presets ------------------------------------------------------------------------------------------------------

    def load(self, name: str) -> None:
        """Load a preset by name; :class:`InvalidValue` where it cannot be."""
        self._say_missing(name, self.history.apply(self.bank.get(name)))

    def _select(self, program: int) -> None:
        preset = self.bank.of_program(program, only_saved=self._has_programs())
        if preset is None and self._has_programs():
            return  # the instruments play General MIDI's
        if preset is None:
            self._report(f"no preset has MIDI program {program}; save one with it")
            return
        self._say_missing(preset.name, self.history.apply(without_setup(self._target, preset)))

    def _has_programs(self) -> bool:
        return any(p.reads for p in instruments(self.directory.processors()))

    def _say_missing(self, name: str, missing: list[str]) -> None:
        unused = f", without {len(missing)} values that this chain has no place for" if missing else ""
        self._report(f"preset {name!r}{unused}")

    def _run_errands(self) -> None:
        """Files are read here, so that no later message waits for a disk."""
        while (errand := self._errands.get()) is not None:
            try:
                errand()
            except RtspecError as error:
                self._report(str(error))
            except Exception as error:  # the next program change must find somebody here
                self._report(f"a program change failed: {type(error).__name__}: {error}")
