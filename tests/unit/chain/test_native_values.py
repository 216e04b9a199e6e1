"""Values of native plugins that are set while they play: some begin anew then, and lose what they hold."""

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.chain.native import Feed
from rtspec.chain.native_probe import feeding

RATE, BLOCK, SECONDS = 48000, 256, 3


def noise(seconds=SECONDS) -> np.ndarray:
    return (0.3 * np.random.default_rng(0).standard_normal((2, seconds * RATE))).astype(np.float32)


def limiter() -> pedalboard.BrickwallLimiter:
    return pedalboard.BrickwallLimiter(release_ms=20)


CHANGES = (
    (limiter, "ceiling_db", (-6.0, -12.0, -27.0)),  # downwards: pedalboard's own takes no rise by itself
    (limiter, "true_peak", (True, False, True)),
    (limiter, "release_ms", (10.0, 30.0, 15.0)),
    (pedalboard.Limiter, "threshold_db", (-20.0, -3.0, -12.0)),
    (pedalboard.MP3Compressor, "vbr_quality", (4.0, 8.0, 1.0)),
)


def played(plugin, sound, name, values) -> tuple[np.ndarray, Feed]:
    """In blocks, one value after the other set on the way."""
    how = feeding(plugin, RATE, 2)
    feed, outs = Feed(plugin, RATE, 2, how), []
    when = dict(zip(range(60, 60 + 37 * len(values), 37), values, strict=True))
    for k in range(sound.shape[1] // BLOCK):
        if k in when:
            setattr(plugin, name, when[k])
            feed.changed()
        outs.append(feed.run(np.ascontiguousarray(sound[:, k * BLOCK : (k + 1) * BLOCK])))
    return np.concatenate(outs, axis=1), feed


@pytest.mark.parametrize(("make", "name", "values"), CHANGES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_it_plays_on_at_its_delay_whatever_is_set(make, name, values):
    plugin, sound = make(), noise()
    made, feed = played(plugin, sound, name, values)
    assert made.shape[1] == sound.shape[1] // BLOCK * BLOCK
    fresh = make()
    setattr(fresh, name, values[-1])
    wanted = fresh(sound, RATE)
    late = slice(2 * RATE, 2 * RATE + RATE // 2)
    got = made[0, late.start + feed.how.delay : late.stop + feed.how.delay]
    if make is pedalboard.MP3Compressor:  # its frames begin elsewhere: as near as two codings are
        shifts = [np.vdot(np.roll(got, k), wanted[0, late]) for k in range(-3, 4)]
        assert np.argmax(shifts) == 3 and shifts[3] > 0.8 * np.vdot(wanted[0, late], wanted[0, late])
    else:
        np.testing.assert_allclose(got, wanted[0, late], atol=1e-3 * np.abs(wanted).max())


def test_a_limiter_that_is_turned_live_is_never_silent():
    sound = noise(6)
    plugin = limiter()
    board = rtspec.Pedalboard([plugin])
    pieces = []
    for k in range(0, sound.shape[1], BLOCK):
        if k % (100 * BLOCK) == 0 and k:
            plugin.ceiling_db = -6.0 - 3 * (k // (100 * BLOCK))
            plugin.true_peak = not plugin.true_peak
        pieces.append(board.process(sound[:, k : k + BLOCK], RATE, reset=False))
    made = np.concatenate(pieces, axis=1)
    levels = np.abs(made[:, : made.shape[1] // 2400 * 2400].reshape(2, -1, 2400)).max(axis=(0, 2))
    assert 20 * np.log10(levels[10:]).min() > -50
