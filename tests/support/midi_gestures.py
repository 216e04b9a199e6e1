"""Random MIDI streams made of gestures that mean something: strokes, pedals, registered parameters and their data."""

import mido
from hypothesis import strategies as st


def control(channel, number, value):
    return mido.Message("control_change", channel=channel, control=number, value=value)


def registered(channel, number, *data):
    return [control(channel, 101, 0), control(channel, 100, number), *(control(channel, c, v) for c, v in data)]


def gestures(channels, keys, registered_numbers, max_size=24):
    """Lists of gestures, each a list of messages."""
    channel, key, data = st.sampled_from(channels), st.sampled_from(keys), st.integers(0, 127)
    on = st.builds(lambda c, k, v: [mido.Message("note_on", channel=c, note=k, velocity=v)], channel, key, data)
    off = st.builds(lambda c, k: [mido.Message("note_off", channel=c, note=k)], channel, key)
    pedals = st.builds(lambda c, n, v: [control(c, n, v)], channel, st.sampled_from([64, 64, 66, 67]), data)
    modes = st.builds(
        lambda c, n: [control(c, n, 0)], channel, st.sampled_from([120, 121, 122, 123, 124, 125, 126, 127])
    )
    entries = st.lists(st.tuples(st.sampled_from([6, 38, 96, 97]), data), min_size=1, max_size=4)
    told = st.builds(lambda c, n, data: registered(c, n, *data), channel, st.sampled_from(registered_numbers), entries)
    untold = st.builds(
        lambda c, high, low, data: [control(c, 99, high), control(c, 98, low), *(control(c, n, v) for n, v in data)],
        *(channel, data, data, entries),
    )
    loose = st.sampled_from([0, 1, 2, 5, 6, 7, 10, 11, 32, 38, 65, 71, 72, 73, 74, 75, 91, 93, 96, 97, 100, 101])
    others = st.one_of(
        st.builds(lambda c, n, v: [control(c, n, v)], channel, loose, data),
        st.builds(lambda c, k, v: [mido.Message("polytouch", channel=c, note=k, value=v)], channel, key, data),
        st.builds(lambda c, v: [mido.Message("aftertouch", channel=c, value=v)], channel, data),
        st.builds(lambda c, p: [mido.Message("pitchwheel", channel=c, pitch=p)], channel, st.integers(-8192, 8191)),
        st.builds(lambda c, p: [mido.Message("program_change", channel=c, program=p)], channel, data),
    )
    return st.lists(st.one_of(on, on, on, off, pedals, pedals, modes, told, untold, others, others), max_size=max_size)


def messages(made):
    """All messages of a list of gestures."""
    return [message for gesture in made for message in gesture]
