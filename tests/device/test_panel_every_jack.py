"""Every parameter of a card by mouse, by touch and by keys, in the engine's own table; and which of them are heard.

CI tries the cards of PLAIN. `RTSPEC_PANEL_EVERY=1 pytest tests/device/test_panel_every_jack.py -s` tries every card
that there can be, and prints a table; that takes about half an hour. `RTSPEC_PANEL_EVERY=style,Delay` tries these.
"""

import os
from contextlib import suppress

import pytest
from panel_ears import MOST_SETTINGS, Ear
from panel_hands import MISSING, moved, until

ROLE, PERIOD = "listen", 1024
pytest_plugins = ("panel_stage",)
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=str(MISSING)), pytest.mark.timeout(3600, func_only=True)]
EVERY = os.environ.get("RTSPEC_PANEL_EVERY", "")
PLAIN = ("Reverb", "LadderFilter")
CARDS = "rtspec.panel.store.state.chain.map((card) => [card.title, card.parameters])"


def controls(stage):
    """Each parameter with its address in the engine's own table."""
    cards = stage.page.evaluate(CARDS)
    found = [(p, f"{i}-{title}/{p['name']}") for i, (title, table) in enumerate(cards, 1) for p in table]
    return [(p, full) for p, full in found if p["name"] != "bypass"]


def table_follows(stage):
    """Every parameter by every hand: how many there are."""
    listed = controls(stage)
    for hand in stage.hands:
        before = stage.values()
        for parameter, full in listed:
            moved(stage.page, hand, parameter, before[full])
        with suppress(AssertionError):
            until(lambda before=before: not still(stage, listed, before))
        assert still(stage, listed, before) == [], f"{type(hand).__name__}; the page shows {shown(stage, listed)}"
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
    if not EVERY:
        return PLAIN
    return engine.ask("every_card") if EVERY == "1" else EVERY.split(",")


def test_every_parameter_of_a_card_by_three_hands(page, engine, stage_of):
    for card in cards(engine):
        print(card, table_follows(stage_of(card)), flush=True)


# The sound ------------------------------------------------------------------------------------------------------------


def test_every_parameter_is_listened_to(page, engine, stage_of):
    unheard = []
    for card in cards(engine):
        ear = Ear(stage_of(card), card)
        silent = ear.silent(MOST_SETTINGS if EVERY else 3)
        line = f"| {card} | {len(ear.listed) - len(silent)} heard | {len(silent)} not: {', '.join(silent) or '-'} |"
        print(line, flush=True)
        unheard += [f"{card}/{name}" for name in silent]
    assert unheard == []
