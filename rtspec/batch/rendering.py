"""One file through a board: read, processed and written in chunks, however long it is; a record says how it went."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..audio.files import BIT_DEPTHS, CHUNK, Reader, Writer, make_folder
from ..audio.formats import is_levels, is_score
from ..chain.board import Pedalboard, as_board
from ..chain.faults import Faults, faults_of
from ..chain.program import Program
from ..control.automation import Automation, read_automation
from ..control.controlled import instruments
from ..control.midi.files import endings, read_midi_file
from ..errors import AudioFileError, InvalidValue
from .hearing import SensorFile, opened_sensor, remarks_of
from .mastering import Mastering
from .recipe import Recipe
from .records import Record
from .remote import Remote, place, staged
from .sources import hear_levels, opened, tour

Advance = Callable[[int, int], None]
"""Gets the samples that are done and all of them."""

AutomationOf = Callable[[Path, float], Automation | None]
"""What moves while a file of so many seconds plays."""

_PICTURED_S = 60
_SHORTEST = 1024
"""Samples of a chunk at least: more than channels, and a block."""
_SILENT = 1e-4
_PADDING_S = 0.2
"""What a lossy format may add."""


class Renderer:
    """A recipe with its board, ready to render one file after the other.

    Parameters
    ----------
    recipe : Recipe
    processors : list or Pedalboard
        What the recipe's chain describes.
    """

    def __init__(self, recipe: Recipe, processors: list | Pedalboard):
        self.recipe, self.board = recipe, as_board(processors)
        self._automation, self._hears_levels = _automation(recipe, self.board), False

    def render(
        self,
        source: Path | Remote,
        target: Path | Remote,
        advance: Advance = lambda done, total: None,
        picture: Path | Remote | None = None,
    ) -> Record:
        """Render one file, and draw it where that is asked for: to the target's name with .png, or `picture`."""
        drawn = (picture or target.with_suffix(".png")) if self.recipe.picture else None
        with staged(source, target, drawn) as (read, made, wanted):
            record = self._render(read, made, advance, wanted)
            if isinstance(target, Remote):
                _check_complete(made, record)
            if isinstance(drawn, Remote) and record.picture:
                record.picture = str(drawn.with_name(Path(record.picture).name))
        record.input, record.output = str(source), str(target)
        return record

    def _render(self, source: Path, target: Path, advance: Advance, picture: Path | None) -> Record:
        r = self.recipe
        if is_levels(source) or self._hears_levels:
            hear_levels(self.board.flat(), str(source) if is_levels(source) else None)
            self._hears_levels = is_levels(source)
        if is_score(source) and not instruments(self.board.flat()):
            raise InvalidValue(
                f"{source.name} is a MIDI file, and nothing in the chain plays it; add --processor timbre-synth"
            )
        options = {"bit_depth": r.bit_depth, "salvage": r.salvage, "sensor": r.sensor}
        record = render_file(self.board, source, target, self._automation, advance=advance, **options)
        if picture is not None:
            record.picture = str(_draw(source, target, picture, record))
        return record


def render(
    plugins: Any,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    automation: str | os.PathLike[str] | None = None,
    midi_map: str | os.PathLike[str] | None = None,
    bit_depth: str = "24",
    salvage: bool = False,
    sensor: str | os.PathLike[str] | None = None,
) -> Record:
    """Render one file through a chain, as ``rtspec render`` does: in chunks, as long as the input, its delay removed.

    Parameters
    ----------
    plugins : Pedalboard, processor, native pedalboard plugin or list of these
        The chain.
    source : path or URL
        A sound file; or a MIDI file, where an instrument is in the chain.
    target : path or URL
        The new file's format follows from its name; it appears when it is whole, and replaces one of its name.
    automation : path, optional
        A CSV, JSON or MIDI file that says what moves when (:mod:`rtspec.control.automation`). The parameters have
        their values again when the file is done.
    midi_map : path, optional
        What a MIDI file's controllers move; the default map where None.
    bit_depth : str
        "16", "24" or "32f".
    salvage : bool
        Read what is there of a truncated file.
    sensor : path, optional
        A sound file of what a microphone heard meanwhile, for what listens to one (:class:`rtspec.SceneEqualizer`).

    Returns
    -------
    Record
        Seconds, peak, clipped samples, bad frames, notes and more.

    Raises
    ------
    RtspecError
        The file cannot be read or written, or the automation does not fit the chain; `target` is as it was.
    """
    if midi_map is not None and not (is_score(Path(source)) or (automation is not None and is_score(Path(automation)))):
        raise InvalidValue("midi_map does nothing without MIDI messages; give automation='moves.mid', or leave it out")
    moved, mapped, heard = (None if path is None else os.fspath(path) for path in (automation, midi_map, sensor))
    recipe = Recipe(automation=moved, midi_map=mapped, bit_depth=bit_depth, salvage=salvage, sensor=heard)
    return Renderer(recipe, as_board(plugins)).render(place(source), place(target))


def render_file(
    board: Pedalboard,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    automation: AutomationOf | None = None,
    *,
    bit_depth: str = "24",
    salvage: bool = False,
    sensor: str | os.PathLike[str] | None = None,
    advance: Advance = lambda done, total: None,
) -> Record:
    """Render one file in chunks; the output is as long as the input, its delay removed.

    Parameters
    ----------
    board : Pedalboard
    source, target : path
        The new file's format follows from its name; it appears when it is whole.
    automation : callable, optional
        Gets the source and its length in seconds, gives what moves.
    bit_depth : str
        "16", "24" or "32f".
    salvage : bool
        Read what is there of a truncated file.
    sensor : path, optional
        A sound file of what a microphone heard meanwhile.
    advance : callable, optional
        Gets the samples done and all of them, now and then.

    Returns
    -------
    Record

    Raises
    ------
    RtspecError
        The file cannot be read or written, or the automation does not fit it; `target` is as it was.
    """
    source, target, start = Path(source), Path(target), time.perf_counter()
    record = Record(str(source), str(target))
    with ExitStack() as files:
        reader = files.enter_context(opened(source, salvage))
        make_folder(target.parent)
        like = source if isinstance(reader, Reader) else None
        writer = files.enter_context(
            Writer(target, reader.sample_rate, reader.channels, bit_depth=BIT_DEPTHS[bit_depth], like=like)
        )
        record.seconds = round(reader.n_samples / reader.sample_rate, 3)
        moves = automation(source, record.seconds) if automation else None
        heard = _Heard(reader.channels, clips=bit_depth != "32f" or target.suffix.lower() != ".wav")
        mastering = Mastering(reader.sample_rate, reader.channels, reader.end) if is_score(source) else None
        ears = opened_sensor(sensor, board, reader)
        if ears is not None:
            files.enter_context(ears)
        with board.alone(), _playing(board, reader, moves, ears) as chain:
            _stream(reader, writer, chain, heard, advance, mastering)
            _note(record, heard, chain.faults(), reader)
        record.notes += [*(ears.notes if ears else ()), *remarks_of(board)]
        if mastering is not None:
            record.seconds = round(mastering.n_samples / reader.sample_rate, 3)
            record.notes += [*(moves.notes if moves else ()), *mastering.notes()]
    record.notes += writer.notes
    _keep_private(source, target)
    record.times_real_time = round(record.seconds / (time.perf_counter() - start), 1)
    return record


class _Chain(NamedTuple):
    """What plays a file: gets a chunk and gives it processed, `delay` samples late; and what tells its faults."""

    play: Callable[[np.ndarray], np.ndarray]
    delay: int
    faults: Callable[[], Faults]


def _stream(
    reader, writer: Writer, chain: _Chain, heard: "_Heard", advance: Advance, mastering: Mastering | None
) -> None:
    def write(out: np.ndarray) -> None:
        if out.shape[1]:
            writer.write(out)
            heard.output(out)

    left, chunks = reader.n_samples, _heard_chunks(reader, heard, chain.delay)
    while True:
        chunk = next(chunks, None)
        out = chain.play(_silence(reader.channels, left) if chunk is None else chunk)[:, :left]
        left -= out.shape[1]
        write(mastering.process(out) if mastering else out)
        advance(reader.n_samples - left, reader.n_samples)
        if not left:
            break
    if mastering:
        write(mastering.finish())


class _Heard:
    """What is measured of the samples that pass: peaks of each channel, and how many are beyond full scale."""

    def __init__(self, channels: int, clips: bool):
        self.before, self.after = np.zeros(channels), np.zeros(channels)
        self.clipped, self._clips = 0, clips

    def input(self, chunk: np.ndarray) -> None:
        np.maximum(self.before, np.abs(chunk).max(axis=1, initial=0.0), out=self.before)

    def output(self, chunk: np.ndarray) -> None:
        loud = np.abs(chunk)
        np.maximum(self.after, loud.max(axis=1, initial=0.0), out=self.after)
        if self._clips:
            self.clipped += int(np.count_nonzero(loud > 1.0))


def _note(record: Record, heard: _Heard, faults: Faults, reader) -> None:
    """Put what was measured and counted into the record."""
    record.peak, record.clipped_samples = round(float(heard.after.max()), 4), heard.clipped
    record.unheard_channels = [c + 1 for c in np.flatnonzero((heard.before > _SILENT) & (heard.after == 0.0)).tolist()]
    record.notes = list(reader.notes)
    for name, value in asdict(faults).items():
        setattr(record, name, value)


@contextmanager
def _playing(board: Pedalboard, reader, automation: Automation | None, ears: SensorFile | None) -> Iterator[_Chain]:
    """The board from its start; what automation moves is put back after."""
    if automation is None and ears is None and not board.is_closed:
        board.reset()
        known = (reader.sample_rate, reader.channels)
        yield _Chain(
            lambda chunk: board.process(chunk, reader.sample_rate, reset=False),
            board.latency_at(*known),
            lambda: _faults(board.programs),
        )
        return
    from ..chain.automated import STILL, AutomatedPlayback
    from ..control.presets import apply, capture

    before = capture(board, "before")
    try:
        made = (board, reader.sample_rate, reader.channels, automation or STILL, ears.channels if ears else 0)
        playback = AutomatedPlayback(*made)
        yield _Chain(
            lambda chunk: playback.piece(chunk, ears and ears.take(chunk.shape[1])),
            0,
            lambda: _faults([playback.program]),
        )
    finally:
        apply(board, before)


def _faults(programs: list[Program]) -> Faults:
    return sum(map(faults_of, programs), Faults())


def _heard_chunks(reader, heard: _Heard, delay: int) -> Iterator[np.ndarray]:
    """The file in chunks that a board takes for sound, none shorter than it has channels; the last with the silence
    that the chain gives back what it holds for, so that a short file is one call."""
    left = reader.n_samples
    for chunk in reader.chunks():
        heard.input(chunk)
        left -= chunk.shape[1]
        behind = max(min(CHUNK, delay) if left <= 0 else 0, _SHORTEST - chunk.shape[1])
        yield np.pad(chunk, ((0, 0), (0, behind))) if behind > 0 else chunk


def _silence(channels: int, left: int) -> np.ndarray:
    """What follows a file, for which the chain gives what it still holds: no more than that."""
    return np.zeros((channels, min(CHUNK, max(_SHORTEST, left))), np.float32)


def _automation(recipe: Recipe, board: Pedalboard) -> AutomationOf | None:
    """What gives the automation of a file of so many seconds, None where nothing moves in it."""
    from ..control.mapping import MidiMap, read_assignments

    midi_map = MidiMap(board, read_assignments(recipe.midi_map)) if recipe.midi_map else None
    automation = read_automation(recipe.automation, board, midi_map) if recipe.automation else Automation([], [])

    def of(source: Path, seconds: float) -> Automation | None:
        played = _score(source, board, midi_map) if is_score(source) else Automation([], [])
        swept = tour(board, recipe.sweep, seconds) if recipe.sweep else []
        changes, messages = [*automation.changes, *played.changes, *swept], [*automation.messages, *played.messages]
        moves = sorted(changes, key=lambda change: change.time_s), sorted(messages, key=lambda timed: timed[0])
        return Automation(*moves, played.notes) if changes or messages else None

    return of


def _score(source: Path, board: Pedalboard, midi_map) -> Automation:
    """A MIDI file, and at its end the messages that let go what it leaves held."""
    played = read_automation(source, board, midi_map)
    end = read_midi_file(source).seconds
    return replace(played, messages=[*played.messages, *endings(end)])


def _check_complete(made: Path, record: Record) -> None:
    """What is to leave this machine can be read, and is as long as what was rendered."""
    with Reader(made) as reader:
        seconds = reader.n_samples / reader.sample_rate
    if abs(seconds - record.seconds) > _PADDING_S:
        raise AudioFileError(f"{made} has {seconds:.2f} s of {record.seconds:.2f} s; it is not put, render it again")


def _keep_private(source: Path, target: Path) -> None:
    """What is made of a file that others may not read, they may not read either."""
    with suppress(OSError):
        closed = ~source.stat().st_mode & 0o077
        mode = target.stat().st_mode & 0o7777
        if mode & closed & 0o044:
            os.chmod(target, mode & ~closed)


def _draw(source: Path, target: Path, wanted: Path, record: Record) -> Path:
    from ..pictures.spectrograms import free_name, spectrograms

    sounds, rate = {}, 0
    for name, path in (("input", source), ("output", target)):
        with opened(path, salvage=True) as reader:
            sounds[f"{name}: {path.name}"] = next(reader.chunks(_PICTURED_S * reader.sample_rate))
            rate = reader.sample_rate
    picture = free_name(wanted)
    if picture != wanted:
        record.notes.append(f"{wanted.name} was not made by rtspec and is kept: the picture is {picture.name}")
    spectrograms(picture, sounds, rate)
    return picture
