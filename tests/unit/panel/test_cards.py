"""Cards of a chain, without a stream: their names, what bypasses them, and that they stay what they are."""

import numpy as np
import pedalboard

import rtspec
from rtspec.chain.board import Pedalboard
from rtspec.panel.describing import described
from rtspec.panel.rack import Rack

RATE = 48000


def test_a_native_plugin_is_bypassed_by_a_wire_and_keeps_its_place():
    gain, delay = pedalboard.Gain(3), pedalboard.Delay(0.1)
    board = Pedalboard([gain, delay])
    rack = Rack(board)
    first, second = rack.cards()
    rack.bypass(first.name, True)
    assert list(board) == [None, delay] and [card.name for card in rack.cards()] == [first.name, second.name]
    rack.move(first.name, 1)
    assert list(board) == [delay, None] and rack.card(first.name).is_bypassed
    rack.bypass(first.name, False)
    assert list(board) == [delay, gain]


def test_a_mix_that_is_bypassed_lets_the_sound_pass_once_and_is_told_from_a_chain():
    """Each of its chains alone would let it pass, and their sum is twice as loud."""
    sound = np.sin(np.arange(RATE, dtype=np.float32) / 17)[None]
    mix = rtspec.Mix([None, [rtspec.Equalizer(), pedalboard.Gain(0)], rtspec.Equalizer()])
    for plugin in (mix, rtspec.Mix([None, rtspec.Equalizer()]), Pedalboard([rtspec.Mix([None, rtspec.Equalizer()])])):
        board = Pedalboard([plugin])
        rack = Rack(board)
        rack.bypass("c1", None)
        assert rack.card("c1").is_bypassed and np.array_equal(board(sound, RATE), sound)
        rack.bypass("c1", None)
        assert not rack.card("c1").is_bypassed and list(board) == [plugin]
    inside = Pedalboard([rtspec.Mix([None, pedalboard.Chorus()]), pedalboard.Gain(0)])
    titles = [card.title for card in Rack(Pedalboard([mix, inside, rtspec.Mix([])])).cards()]
    assert titles == ["dry | equalizer + gain | equalizer", "(dry | chorus) + gain", "empty mix"]


def test_cards_keep_their_names_through_edits_from_elsewhere():
    one, two = rtspec.Equalizer(), rtspec.Equalizer()
    board = Pedalboard([one, two])
    rack = Rack(board)
    names = {id(card.plugin): card.name for card in rack.cards()}
    board.reverse()
    assert [card.name for card in rack.cards()] == [names[id(two)], names[id(one)]]


def test_a_card_and_the_places_in_it_stay_when_its_board_is_edited():
    gain, equalizer = pedalboard.Gain(), rtspec.Equalizer()
    inner = Pedalboard([gain, equalizer])
    rack = Rack(Pedalboard([inner]))
    name, places = rack.cards()[0].name, dict(rack.cards()[0].inner)
    inner.insert(0, pedalboard.Chorus())
    now = rack.cards()[0]
    assert now.name == name and list(dict(now.inner))[1:] == list(places)
    assert now.inner[0][0] not in places and not now.bypass
    inner[:] = [equalizer]
    assert dict(rack.cards()[0].inner) == {list(places)[1]: equalizer} and len(rack.cards()[0].bypass) == 1


def test_of_knobs_with_one_name_it_is_told_whose_they_are():
    mix = rtspec.Mix([[pedalboard.Chorus(), pedalboard.Gain()], [rtspec.Equalizer(bands="octave"), pedalboard.Gain()]])
    told = described(Rack(Pedalboard([mix])).cards()[0])["parameters"]
    named = [(p["of"], p["name"]) for p in told if p["name"] in ("mix", "rate_hz", "gain_db", "output_db")]
    assert named == [
        *(("chorus", "mix"), ("", "rate_hz"), ("gain 1", "gain_db")),
        *(("equalizer", "mix"), ("", "output_db"), ("gain 2", "gain_db")),
    ]
