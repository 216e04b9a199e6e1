"""What clients are told: parts of the state, each made anew when its key says that it is another."""

from collections.abc import Callable, Hashable
from typing import Any

from ..audio.feeding import FileSource
from ..chain.plugin import version_of
from ..control.curves import CURVES
from ..live import transport
from .describing import described, readings_of
from .desk import Desk
from .moving import saved_maps
from .playing import BLOCKS

STATISTICS_EVERY = 15
"""Turns between two looks at what is counted, which is always another: about twice a second."""

PARTS_EVERY, PRESETS_EVERY, READINGS_EVERY = 3, 150, 3
_LAST_LINES = 30


class State:
    """The state of a stream in parts, and which of them have changed.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk):
        self._desk, self._turns = desk, 0
        self._keys: dict[str, Hashable] = {}
        self._parts: dict[str, Any] = {}
        self._values: dict[str, float] = {}
        self._away: dict[str, float] = {}
        self._said = max(0, desk.stream.n_said - _LAST_LINES)

    def full(self) -> tuple[dict[str, Any], dict[str, float]]:
        """All parts and all values as they are now, for a client that has just come.

        What has changed since the last turn is made for it alone, since the others are told at the next; and it too,
        where a value has gone back by then.
        """
        makers = self._makers() if self._keys else {}
        fresh = {name: make() for name, (key, make) in makers.items() if key() != self._keys.get(name)}
        values = {address: parameter.value for address, parameter in self._desk.parameters.items()}
        self._values = {address: value for address, value in self._values.items() if values.get(address) == value}
        return {**self._parts, **fresh}, {**values, **{f"{a}~": share for a, share in self._away.items()}}

    def changes(self) -> tuple[dict[str, Any] | None, dict[str, float], list[tuple[int, str]]]:
        """Parts and values that are others than at the last call, and lines that were said since, with their numbers.

        Nobody looks at the parts at each turn: None where nobody did.
        """
        changed: dict[str, Any] = {}
        self._turns += 1
        if self._turns % PARTS_EVERY != 1:
            return None, self._moved(), self._lines()
        for name, (key, make) in self._makers().items():
            now = key()
            if name not in self._keys or self._keys[name] != now:
                part = make()
                self._keys[name] = now  # what could not be made is made at the next look
                if name not in self._parts or self._parts[name] != part:
                    changed[name] = self._parts[name] = part
        return changed, self._moved(), self._lines()

    def _makers(self) -> dict[str, tuple[Callable[[], Hashable], Callable[[], Any]]]:
        desk = self._desk
        return {
            "chain": (self._chain_key, self._chain),
            "map": (lambda: (self._keys["chain"], tuple(desk.controllers.midi_map)), self._map),
            "learn": (self._learn_key, lambda: self._learn_key()[0]),
            "presets": (self._presets_key, self._presets),
            "devices": (lambda: str(desk.devices), lambda: desk.devices),
            "loops": (lambda: tuple(desk.loops.playing), lambda: desk.loops.playing),
            "catalogue": (lambda: 0, _catalogue),
            "stream": (lambda: (self._turns // STATISTICS_EVERY, *self._chosen()), self._stream),
            "readings": (self._readings_key, self._readings),
        }

    # Parts --------------------------------------------------------------------------------------------------------

    def _chain_key(self) -> Hashable:
        rack = self._desk.rack
        if not rack.lock.acquire(blocking=False):
            return self._keys.get("chain")  # somebody edits it: told when that is done
        try:
            cards = rack.cards()
        finally:
            rack.lock.release()
        inner = [tuple((place, version_of(plugin)) for place, plugin in card.inner) for card in cards]
        return tuple((card.name, card.is_bypassed, within) for card, within in zip(cards, inner, strict=True))

    def _chain(self) -> list[dict]:
        self._desk.refresh()
        return [described(card) for card in self._desk.rack.cards()]

    def _map(self) -> dict[str, Any]:
        directory = self._desk.controllers.directory.still()
        ours = {id(parameter): address for address, parameter in self._desk.parameters.items()}
        rows = []
        for assignment in self._desk.controllers.midi_map:
            full = directory.find(assignment.parameter)
            known = None if full is None else ours.get(id(directory[full]))
            rows.append({**assignment.as_dict(), "address": known})
        return {"rows": rows, "curves": list(CURVES)}

    def _learn_key(self) -> tuple[str | None, bool]:
        desk = self._desk
        if desk.learning is None:
            return None, False
        address, learning = desk.learning
        if learning.assignment is not None:
            desk.stream.say(f"{learning.assignment.control} moves {learning.assignment.parameter}")
            desk.learning = None
        elif desk.controllers.midi_map.learning is not learning:
            desk.learning = None
        return (address, True) if desk.learning else (None, False)

    def _presets_key(self) -> Hashable:
        """With another chain its presets are there at once, those of a folder a little later."""
        return self._turns // PRESETS_EVERY, self._desk.controllers.pad.corners, self._keys["chain"]

    def _presets(self) -> dict[str, Any]:
        bank, pad = self._desk.controllers.bank, self._desk.controllers.pad
        return {
            "names": bank.names(),
            "saved": bank.saved(),
            "corners": list(pad.corners),
            "maps": saved_maps(),
        }

    def _chosen(self) -> tuple[Hashable, ...]:
        """What hands have chosen of the stream: told at once when it is another."""
        stream, session = self._desk.stream, self._desk.session
        rests = bool(transport.source_frames(session)) and transport.is_paused(session)
        return session.devices, session.buffer_size, stream.takes.active, rests, stream.controllers.midi, stream.moving

    def _stream(self) -> dict[str, Any]:
        stream, session = self._desk.stream, self._desk.session
        midi, recording = stream.controllers.midi, stream.takes
        port = None if midi is None else midi.port  # asked once: it may vanish meanwhile
        reader, writer = session.devices
        source = session.settings.source
        rate = session.settings.sample_rate
        return {
            "statistics": stream.statistics.as_dict(),
            "latency": session.latency.as_dict(),
            "active": stream.active,
            "moving": stream.moving,
            "sample_rate": rate,
            "block": session.buffer_size,
            "blocks": list(BLOCKS),
            "channels": session.settings.channels,
            "guard": session.settings.guard,
            "output": writer.name if writer else "virtual",
            "input": reader.name if reader else None,
            "midi": None if port is None else port.name,
            "recording": str(recording.recording.paths[1]) if recording.active else None,
            "recorded_s": round(recording.recording.seconds, 1) if recording.active else 0.0,
            "source": None
            if not transport.source_frames(session)
            else {
                "name": source.path.name if isinstance(source, FileSource) else "a sound of the program",
                "seconds": transport.source_frames(session) / rate,
                "paused": transport.is_paused(session),
                "loop": session.settings.loop,
            },
        }

    def _readings_key(self) -> Hashable:
        """Another one ten times a second where any plugin tells what it hears."""
        parts = [part["kind"] for card in self._parts["chain"] for part in card["parts"]]
        return self._turns // READINGS_EVERY if "readings" in parts else 0

    def _readings(self) -> dict[str, dict[str, float | str]]:
        found = {place: readings_of(plugin) for place, plugin in self._desk.rack.plugins()}
        return {place: told for place, told in found.items() if told}

    # Values and lines ---------------------------------------------------------------------------------------------

    def _moved(self) -> dict[str, float]:
        """Values that are others than they were."""
        known = self._desk.parameters
        moved = {a: v for a, p in known.items() if self._values.get(a) != (v := p.value)}
        if len(self._values) + len(moved) > len(known):
            self._values = {address: value for address, value in self._values.items() if address in known}
        self._values.update(moved)
        return {**moved, **self._modulated()}

    def _modulated(self) -> dict[str, float]:
        """By what share of its travel modulation moves a parameter, at its address and "~", where that is another."""
        moved = self._desk.session.player.moved()
        if not moved and not self._away:
            return {}
        now = {f"{a}~": round(moved[p], 4) for a, p in self._desk.parameters.items() if p in moved}
        changed = {a: now.get(a, 0.0) for a in {**self._away, **now} if self._away.get(a) != now.get(a)}
        self._away = now
        return changed

    def skip_lines(self) -> None:
        """What was said so far is no news."""
        self._said = self._desk.stream.n_said

    def _lines(self) -> list[tuple[int, str]]:
        said, before, self._said = list(self._desk.stream.said), self._said, self._desk.stream.n_said
        new = min(self._said - before, _LAST_LINES)
        return list(enumerate(said, self._said - len(said) + 1))[-new:] if new > 0 else []


def _catalogue() -> list[dict[str, Any]]:
    """What can be put into the chain."""
    from ..processors.catalogue import catalogue

    rows = []
    for entry in catalogue().values():
        words = [word for _, word in entry.models if "--set" not in word]
        specs = words if entry.needs_argument else list(dict.fromkeys([entry.name, *words]))
        rows += [{"spec": spec, "text": entry.text, "instrument": entry.is_instrument} for spec in specs]
    return rows
