"""What moves a live stream's parameters from outside: a MIDI port through a map, and an OSC server."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..control import MidiInput, MidiMap, OscServer


class Controllers:
    """The controllers of one stream.

    Parameters
    ----------
    target : Pedalboard
        Whose parameters they move.
    midi : str, int or None
        MIDI input port: name, part of it, index, or "auto" for the first there is.
    midi_map : str, Path, MidiMap or None
        A map, or the file of one; the usual controls where None.
    osc_port : int or None
        UDP port for OSC on loop-back; 0 takes a free one.

    Attributes
    ----------
    midi : MidiInput or None
    midi_map : MidiMap or None
    osc : OscServer or None
        None until :meth:`open`, and where not asked for.
    """

    def __init__(self, target: Any, midi: str | int | None, midi_map: Any, osc_port: int | None):
        self._target, self._port, self._map, self._osc_port = target, midi, midi_map, osc_port
        self.midi: MidiInput | None = None
        self.midi_map: MidiMap | None = None
        self.osc: OscServer | None = None

    def open(self) -> None:
        """Open the ports; raises where one is missing or taken, and then leaves none open."""
        try:
            if self._port is not None:
                self._open_midi()
            if self._osc_port is not None:
                from ..control import OscServer

                self.osc = OscServer(self._target, self._osc_port)
        except Exception:
            self.close()
            raise

    def _open_midi(self) -> None:
        from ..control import MidiInput, MidiMap
        from ..control.mapping import read_assignments

        listed = read_assignments(self._map) if isinstance(self._map, str | Path) else None
        self.midi_map = self._map if isinstance(self._map, MidiMap) else MidiMap(self._target, listed)
        self.midi = MidiInput(self._port or 0, listener=self.midi_map.feed)

    def close(self) -> None:
        """Close what is open; safe to call twice."""
        for controller in (self.midi, self.osc):
            if controller is not None:
                controller.close()

    def device_lost(self) -> None:
        """The audio server has died: MIDI ports that it carried have gone with it."""
        if self.midi is not None:
            self.midi.server_lost()
