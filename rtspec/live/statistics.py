"""What a stream counts and times while it plays."""

from dataclasses import dataclass

from ..plain import AsDict


@dataclass(frozen=True)
class Statistics(AsDict):
    """What happened so far. Durations are µs: callback_us of the audio callback, frame_us of the engine's turn on a
    block.

    A callback is late when it takes longer than its own period; an underrun is a callback for which the engine had not
    finished; the frames it lacked are concealed. An overrun loses input. A late event acts at once instead of at its
    sample; dropped ones found too many others on their way. Bad samples of the input and bad frames of a model were not
    finite; silence replaces them. Unheard frames the sensor did not give in time; unheard channels of the chain reach
    no output. `load` is the share of its time that the engine uses; where that is too high the governor halves the
    iterations of phase methods: `governor_level` times now, `governor_steps` times in all. `stuck_s` tells for how long
    a model has been hanging. Unrecorded frames found the disk too slow. Device xruns are what the driver says that it
    missed. Reopened tells how often the device had vanished and came back.
    Howls and limited samples are the guard's, where there is one.
    `native_plugins` tells, by place and name, how often each native plugin ran, what a call took on average (waiting
    for the GIL included), and how many failed.
    """

    callbacks: int
    late_callbacks: int
    underruns: int
    overruns: int
    concealed_frames: int
    unrecorded_frames: int
    unread_frames: int
    unheard_frames: int
    unheard_channels: int
    device_xruns: int
    reopened: int
    bad_samples: int
    bad_frames: int
    late_events: int
    dropped_events: int
    load: float
    governor_level: int
    governor_steps: int
    stuck_s: float
    howls: int
    limited_samples: int
    callback_us: dict[str, float]
    frame_us: dict[str, float]
    real_time: bool
    native_plugins: dict[str, dict[str, float]]
