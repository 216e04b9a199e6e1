"""Every parameter of a card by mouse, by touch and by keys, in the engine's own table; and which of them are heard.

CI tries the cards of PLAIN. `RTSPEC_PANEL_EVERY=1 pytest tests/device/test_panel_every_jack.py -s` tries every card
that there can be, and prints a table; that takes about a quarter of an hour.
"""

import os
import time
from contextlib import suppress

import numpy as np
import pytest
from panel_hands import MISSING, until

pytest_plugins = ("panel_stage",)
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=str(MISSING)), pytest.mark.timeout(1800, func_only=True)]
EVERY = bool(os.environ.get("RTSPEC_PANEL_EVERY"))
PLAIN = ("Reverb", "LadderFilter")
CLEAR_DB = np.array([np.inf, np.inf, 8.0, 5.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0])
"""By octave from 31.5 Hz: what 0.6 s of pink noise do not differ by on their own."""

CARDS = "rtspec.panel.store.state.chain.map((card) => [card.title, card.parameters])"


def controls(stage):
    """Each parameter with its address in the engine's own table."""
    cards = stage.page.evaluate(CARDS)
    found = [(p, f"{i}-{title}/{p['name']}") for i, (title, table) in enumerate(cards, 1) for p in table]
    return [(p, full) for p, full in found if p["name"] != "bypass"]


def dial(stage, parameter):
    return stage.page.locator(f'[data-address="{parameter["address"]}"] .dial')


def moved(stage, hand, parameter, value):
    """Move a control to somewhere else."""
    target = dial(stage, parameter)
    if parameter["curve"] == "switch":
        hand.press(target)
    elif parameter["choices"]:
        hand.choose(target, parameter["choices"][(round(value - parameter["minimum"]) + 1) % len(parameter["choices"])])
    else:
        position = stage.page.evaluate("(a) => rtspec.panel.knobs.get(a).position", parameter["address"])
        hand.turn(target, 1 if position < 0.5 else -1, 1)


def table_follows(stage):
    """Every parameter by every hand: how many there are."""
    listed = controls(stage)
    for hand in stage.hands:
        before = stage.values()
        for parameter, full in listed:
            moved(stage, hand, parameter, before[full])
        with suppress(AssertionError):
            until(lambda before=before: not still(stage, listed, before))
        assert still(stage, listed, before) == [], type(hand).__name__
        until(lambda: shown(stage, listed) == pytest.approx({f: stage.values()[f] for _, f in listed}, rel=1e-9))
    return len(listed)


def still(stage, listed, before):
    """What is where it was."""
    now = stage.values()
    return [full for _, full in listed if now[full] == before[full]]


def shown(stage, listed):
    values = stage.page.evaluate("Object.fromEntries(rtspec.panel.store.values)")
    return {full: values[parameter["address"]] for parameter, full in listed}


def cards(engine):
    return engine.ask("every_card") if EVERY else PLAIN


def test_every_parameter_of_a_card_by_three_hands(page, engine, stage_of):
    for card in cards(engine):
        print(card, table_follows(stage_of(card)), flush=True)


# The sound ------------------------------------------------------------------------------------------------------------


def octaves(stage):
    return np.array(stage.engine.ask("sound 0.6")["octaves_db"])


def is_heard(stage, parameter, before):
    """Whether one end of its travel sounds otherwise than what it is without a hand; it goes back then."""
    target, default = dial(stage, parameter), parameter["default"]
    if parameter["curve"] == "switch" or parameter["choices"]:
        moved(stage, stage.hands[0], parameter, default)
        after = octaves(stage)
        stage.page.evaluate("(a) => rtspec.panel.knobs.get(a).reset()", parameter["address"])
        return differs(before, after)
    for key, end in (("Home", parameter["minimum"]), ("End", parameter["maximum"])):
        if end == default:
            continue
        target.focus()
        stage.page.keyboard.press(key)
        after = octaves(stage)
        stage.page.keyboard.press("Delete")
        if differs(before, after):
            return True
    return False


def differs(before, after):
    return bool((np.abs(after - before) > CLEAR_DB).any())


def test_every_parameter_is_listened_to(page, engine, stage_of):
    for card in cards(engine):
        stage = stage_of(card)
        if "timbre-synth" in card:
            page.evaluate("rtspec.panel.send('note', { key: 57, velocity: 100 })")
        time.sleep(1.0)
        heard, silent = [], []
        for parameter, _ in controls(stage):
            page.evaluate("document.activeElement?.blur()")
            before = octaves(stage)
            (heard if is_heard(stage, parameter, before) else silent).append(parameter["name"])
        print(
            f"| {card} | {len(heard)} heard | {len(silent)} not: {', '.join(silent) or '-'} |",
            flush=True,
        )
        assert heard
