"""What all processors share: pedalboard's calling rules, parameters as attributes, and programs made on demand."""

import copy
import threading
import weakref
from abc import ABC
from collections.abc import Iterable

import numpy as np

from ..audio.layout import Form, Layout, check_block, check_reset, check_sample_rate
from ..chain.board import Pedalboard
from ..chain.mixing import MIX_PARAMETERS
from ..chain.plugin import Plugin
from ..chain.program import Playback
from ..chain.sensed import say_news
from ..control.parameters import ParameterSpec, ParameterTable
from ..models.manifest import Parameter

_RUNNING = ("_calling", "version", "_boards", "_playback", "_form", "_sample_rate", "_layout")
"""What a copy has of its own."""


class Processor(Plugin, ABC):
    """A spectral effect with pedalboard's `process`, `__call__`, `reset` and `.parameters`.

    A subclass is one of frames, of samples or an instrument; what all share is here.

    Parameters
    ----------
    specs : list of ParameterSpec
        Its own parameters; `mix` and `output_db` come with every processor.
    values : dict
        Starting values by name.
    """

    default_sample_rate = 44100

    def __init__(self, specs: list[ParameterSpec], values: dict[str, float]):
        self._parameters = ParameterTable([*specs, *MIX_PARAMETERS])
        for name, value in values.items():
            self._parameters[name].value = value
        self._begin()
        self._forget()

    def _begin(self) -> None:
        self._calling = threading.RLock()
        self.version, self._boards = 0, weakref.WeakSet[Pedalboard]()

    # Parameters ---------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> ParameterTable:
        """Parameters by name, with units, range, raw_value and string_value."""
        return self._parameters

    def __getattr__(self, name: str):
        parameters = self.__dict__.get("_parameters")
        if parameters is not None and name in parameters:
            return parameters[name].value
        raise AttributeError(f"{type(self).__name__} has no attribute or parameter {name!r}")

    def __setattr__(self, name: str, value) -> None:
        parameters = self.__dict__.get("_parameters")
        if parameters is not None and name in parameters:
            parameters[name].value = value
            return
        if parameters is not None and not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(
                f"{type(self).__name__} has no parameter {name!r}; choose one of {', '.join(parameters)}"
            )
        object.__setattr__(self, name, value)

    def __dir__(self):
        return [*super().__dir__(), *self._parameters]

    # Programs -----------------------------------------------------------------------------------------------------

    @property
    def latency_samples(self) -> int:
        """Delay from input to output in samples, at the sample rate last used (44100 Hz before the first use)."""
        return sum(self.latency(self._sample_rate or self.default_sample_rate).values())

    # Pedalboard's rules -------------------------------------------------------------------------------------------

    def process(self, input_array, sample_rate: float, buffer_size: int = 8192, reset: bool = True) -> np.ndarray:
        """Process audio.

        Parameters
        ----------
        input_array : ndarray, float32 or float64
            (samples,), (channels, samples) or (samples, channels); the smaller dimension is the channels.
        sample_rate : float
            Hz.
        buffer_size : int
            Samples a block; changes no sample of the result.
        reset : bool
            True: a sound of its own; the result is as long as the input and not delayed. False: the stream goes on;
            while the latency fills, fewer samples come out than went in, afterwards as many.

        Returns
        -------
        ndarray, float32, laid out as the input
        """
        rate, block, alone = check_sample_rate(sample_rate), check_block(buffer_size), check_reset(reset)
        with self._calling:
            planar, form = self._layout.to_planar(input_array)
            if planar.size == 0:
                return form.restore(planar)
            playback = self._playback_for(rate, len(planar))
            self._form = form
            if alone:
                playback.reset()
            out = playback.process(planar, block) if alone else playback.piece(planar, block)
            say_news([self])
            return form.restore(out)

    __call__ = process

    def reset(self) -> None:
        """Forget all sound: the next sample is treated as a fresh object would treat it, to the bit."""
        with self._calling:
            if self._playback is not None:
                self._playback.reset()

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces (`reset=False`), float32, laid out as those; the next piece begins a
        new sound. All pieces and this one, joined, are as long as what went in. The shape is (channels, n_samples) or
        what the pieces had."""
        with self._calling:
            if self._playback is None:
                return np.zeros((2, 0), np.float32)
            rest = self._playback.flush()
            return rest if self._form is None else self._form.restore(rest)

    def _playback_for(self, sample_rate: float, channels: int) -> Playback:
        if self._playback is None or (self._sample_rate, self._playback.program.channels) != (sample_rate, channels):
            self._playback, self._sample_rate = Playback(self.prepare(sample_rate, channels)), sample_rate
        return self._playback

    def join(self, board: Pedalboard) -> None:
        """From now on the board is told when this processor's structure changes."""
        self._boards.add(board)

    def _forget(self) -> None:
        """Drop the program, so that the next use makes one of the present structure."""
        with self._calling:
            self.version += 1
            self._playback: Playback | None = None
            self._form: Form | None = None
            self._sample_rate: float | None = None
            self._layout = Layout()
        for board in list(self._boards):
            board.changed()

    # Copies -------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict:
        """What makes an independent equal: no sound, no programs, no boards."""
        state = {name: value for name, value in self.__dict__.items() if name not in _RUNNING}
        table = self._parameters
        state["_parameters"] = [(parameter.spec, parameter.value) for parameter in table.values()]
        return state

    def __setstate__(self, state: dict) -> None:
        pairs = state.pop("_parameters")
        for name, value in state.items():
            object.__setattr__(self, name, value)
        table = ParameterTable([spec for spec, _ in pairs])
        for spec, value in pairs:
            table[spec.name].value = value
        object.__setattr__(self, "_parameters", table)
        self._begin()
        self._forget()

    def __copy__(self) -> "Processor":
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={p.string_value}" for name, p in self._parameters.items())
        return f"<rtspec.{type(self).__name__} {values}>"


def specs_of(controls: Iterable[Parameter]) -> list[ParameterSpec]:
    """What a model's manifest says of its parameters and latents, as parameters of a processor."""
    return [
        ParameterSpec(p.name, p.unit, p.min, p.max, p.default, description=p.label, curve=p.curve, cc=p.cc)
        for p in controls
    ]
