"""Every kind of control of the panel, in a real Chromium on a real JACK device: by mouse, by touch and by keys, each
seen in the engine's own table and in the sound that is recorded.

Every hand begins where the one before has left the control, so that each has to move it.
"""

from contextlib import suppress

import numpy as np
import pytest
import soundfile
from panel_boxes import WIDTHS, faults
from panel_hands import MISSING, on, until

pytest_plugins = ("panel_stage",)
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=str(MISSING)), pytest.mark.timeout(180, func_only=True)]


# Knobs, faders, switches, choices ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage, knob, address, fall_db",
    [("level", "gain_db", "2-gain/gain_db", 6.0), ("octaves", "output_db", "1-equalizer/output_db", 6.0)],
    indirect=["stage"],
    ids=["a native plugin's", "a processor's"],
)
def test_a_knob(stage, knob, address, fall_db):
    for hand, way in zip(stage.hands, (-1, 1, -1), strict=True):
        value, level = stage.values()[address], stage.level
        hand.turn(stage.dial(knob), way, 3)
        stage.until_value(address, lambda now, value=value, way=way: way * (now - value) > fall_db)
        stage.until_level(lambda now, level=level, way=way: way * (now - level) > fall_db - 2)


@on("octaves")
def test_a_fader(stage):
    for hand, way in zip(stage.hands, (-1, 1, -1), strict=True):
        before = stage.octaves
        hand.turn(stage.dial("gain_1000_hz"), way, 4)
        stage.until_value("1-equalizer/gain_1000_hz", lambda now, way=way: way * now > -1e-9 + (4 if way < 0 else -0.5))
        until(lambda before=before, way=way: way * (stage.octaves - before)[5] > 3)
        assert abs((stage.octaves - before)[8]) < 3


@on("inversion")
def test_a_switch(stage):
    """What is frozen goes on when the source rests; what is not ends."""
    for hand in stage.hands:
        hand.press(stage.dial("freeze"))
        stage.until_value("1-spectral-inversion/freeze", lambda now: now == 1.0)
        stage.page.evaluate("rtspec.panel.send('pause', { on: true })")
        until(lambda: stage.engine.ask("state")["paused"])
        assert stage.level > -60
        hand.press(stage.dial("freeze"))
        stage.until_value("1-spectral-inversion/freeze", lambda now: now == 0.0)
        stage.until_level(lambda now: now < -60)
        stage.page.evaluate("rtspec.panel.send('pause', { on: false })")
        stage.until_level(lambda now: now > -60)


@on("filter")
def test_a_choice(stage):
    """A filter's kind: its list is the browser's own, whose entries are chosen by name here, and by keys."""
    lows = stage.octaves[1]
    for hand, kind in zip(stage.hands, ("HPF12", "LPF12", "HPF12"), strict=True):
        hand.choose(stage.dial("mode"), kind)
        stage.until_value("1-ladder-filter/mode", lambda now, kind=kind: now == float(kind == "HPF12"))
        until(lambda kind=kind: (stage.octaves[1] < lows - 15) == (kind == "HPF12"))


# Squares, pads, keys -------------------------------------------------------------------------------------------------


@on("synth")
def test_the_map_of_a_timbre(stage):
    field = stage.page.locator(".card .field").first
    stage.page.evaluate("rtspec.panel.send('note', { key: 48, velocity: 100 })")
    stage.until_level(lambda now: now > -50)
    for plane in ("z", "pca"):
        stage.page.get_by_label("Axes of the map").select_option(plane)
        for hand, (x, y) in zip(stage.hands, ((0.93, 0.93), (0.06, 0.06), (0.8, 0.8)), strict=True):
            before, sound = stage.values(), stage.octaves
            hand.place(field, x, y)
            until(lambda before=before, plane=plane: _has_moved(before, stage.values(), 2 if plane == "z" else 9))
            until(lambda sound=sound: np.abs(stage.octaves - sound).max() > 3)


def _has_moved(before, after, axes):
    """Whether so many latents are elsewhere, and one far."""
    names = [f"1-timbre-synth/z{i}" for i in range(1, 17)]
    away = np.abs([after[name] - before[name] for name in names])
    return away.max() > 0.4 and (away > 0).sum() >= axes


@on("synth")
def test_keys_strips_hold_and_silence(stage):
    for hand in stage.hands:
        with hand.key_held(60):
            stage.until_level(lambda now: now > -50)
        stage.until_level(lambda now: now < -60)
    stage.hands[1].press_several([stage.page.locator(f'[data-note="{note}"]') for note in (60, 64, 67)], hold=True)
    assert stage.page.locator(".key.down").count() == 3
    stage.until_level(lambda now: now > -50)
    stage.hands[1].lift()
    stage.until_level(lambda now: now < -60)
    for hand in stage.hands:
        hand.press(stage.button("Hold pedal"))
        with hand.key_held(60):
            stage.until_level(lambda now: now > -50)
        assert stage.level > -50
        hand.press(stage.button("Silence: let all notes go"))
        stage.until_level(lambda now: now < -60)
        assert stage.button("Hold pedal").get_attribute("aria-pressed") == "false"
    stage.page.evaluate("rtspec.panel.send('note', { key: 69, velocity: 100 })")
    straight = until(lambda: (found := stage.engine.ask("sound"))["rms_db"] > -50 and found["peak_hz"])
    for hand in stage.hands:
        with hand.strip_at_top(stage.page.get_by_role("slider", name="Bend", exact=True)):
            until(lambda: stage.engine.ask("sound")["peak_hz"] > straight * 1.08)
        until(lambda: stage.engine.ask("sound")["peak_hz"] < straight * 1.02)


# Presets, undo, the map ----------------------------------------------------------------------------------------------


@on("level")
def test_presets_their_pad_and_undo(stage):
    address = "2-gain/gain_db"
    for hand, name, value in zip(stage.hands, ("One", "Two", "Three"), (20.0, 0.0, -20.0), strict=True):
        hand.turn(stage.dial("gain_db"), 1, 0)
        stage.page.locator('.control[data-address$="/gain_db"] .figure').click()
        stage.page.keyboard.type(str(value))
        stage.page.keyboard.press("Enter")
        stage.until_value(address, lambda now, value=value: now == value)
        stage.page.get_by_label("Name of the preset").fill(name)
        hand.press(stage.button("Save", exact=True))
        until(lambda name=name: name in stage.engine.ask("state")["saved"])
    for hand, name, value in zip(stage.hands, ("One", "Two", "Three"), (20.0, 0.0, -20.0), strict=True):
        before = stage.level
        hand.press(stage.button(name, exact=True))
        stage.until_value(address, lambda now, value=value: now == value)
        stage.until_level(lambda now, before=before: abs(now - before) > 12)
        hand.press(stage.button("Undo"))
        stage.until_level(lambda now, before=before: abs(now - before) < 4)
        hand.press(stage.button("Redo"))
        stage.until_value(address, lambda now, value=value: now == value)
    for hand, corner, name in zip(stage.hands, (1, 2, 2), ("One", "Two", "Three"), strict=True):
        hand.choose(stage.page.get_by_label(f"Preset in corner {corner}"), name)
    until(lambda: stage.engine.ask("state")["corners"] == ["One", "Three"])
    for hand, x in zip(stage.hands, (0.05, 0.95, 0.4), strict=True):
        before = stage.level
        hand.place(stage.page.locator(".padframe .field"), x, 0.5)
        stage.until_value(address, lambda now, x=x: abs(now - (20 - 40 * x)) < 6)
        stage.until_level(lambda now, before=before: abs(now - before) > 8)


@on("level")
def test_learn_and_the_table_of_the_map(stage):
    address = "2-gain/gain_db"
    mark = stage.page.locator('.control[data-address$="/gain_db"] .learn')
    for hand, number in zip(stage.hands, (70, 71, 72), strict=True):
        stage.dial("gain_db").focus() if hand.is_keys else None
        stage.page.keyboard.press("Shift+L") if hand.is_keys else hand.press(mark)
        until(lambda: stage.page.evaluate("rtspec.panel.store.state.learn"))
        for value in (10, 60, 127):
            stage.engine.ask(f"feed {number} {value}")
        until(lambda: stage.page.evaluate("rtspec.panel.store.state.learn") is None)
        stage.engine.ask(f"feed {number} 127")
        stage.until_value(address, lambda now: now == 24.0)
        loud = stage.level
        stage.engine.ask(f"feed {number} 0")
        stage.until_value(address, lambda now: now == -60.0)
        stage.until_level(lambda now, loud=loud: now < loud - 40)
        row = stage.page.locator("table.map tbody tr")
        until(lambda row=row, number=number: row.get_by_label("control of ").input_value() == f"cc {number}")
        row.get_by_label("maximum of ").fill("6")
        row.get_by_label("maximum of ").press("Enter")
        until(lambda: stage.engine.ask("state")["map"][0]["maximum"] == 6)
        stage.engine.ask(f"feed {number} 127")
        stage.until_value(address, lambda now: now == 6.0)
        hand.press(row.get_by_role("button"))
        until(lambda: stage.engine.ask("state")["map"] == [])
        until(lambda row=row: row.count() == 0)


def menu_item(stage, hand, selector):
    """What the menu of the catalogue shows; pressed again where cards still moved beneath the finger."""
    from playwright.sync_api import TimeoutError

    item = stage.page.locator(selector).first
    for _ in range(3):
        hand.press(stage.button("Add to the chain"))
        with suppress(TimeoutError):
            item.wait_for(state="visible", timeout=3000)
            break
    return item


# The chain, the source, takes, the device ----------------------------------------------------------------------------


@on("level")
def test_cards_are_bypassed_moved_removed_and_added(stage):
    for hand in stage.hands:
        loud = stage.level
        hand.press(stage.button("Bypass gain"))
        stage.until_chain("Clipping", "NoneType")
        stage.until_level(lambda now, loud=loud: now < loud - 12)
        hand.press(stage.button("Bypass gain"))
        stage.until_chain("Clipping", "Gain")
        stage.until_level(lambda now, loud=loud: abs(now - loud) < 4)
        hand.carry(stage, "clipping", "gain", 1)
        stage.until_chain("Gain", "Clipping")
        stage.until_level(lambda now, loud=loud: now < loud - 12)
        until(lambda: stage.order() == ["gain", "clipping"])
        hand.carry(stage, "clipping", "gain", -1)
        stage.until_chain("Clipping", "Gain")
        until(lambda: stage.order() == ["clipping", "gain"])
        hand.press(menu_item(stage, hand, '[data-spec="timbre-synth:flute"], [data-spec="timbre-synth"]'))
        stage.until_chain("Clipping", "Gain", "TimbreSynth")
        stage.until_level(lambda now: now < -60)
        until(lambda: len(stage.order()) == 3)
        hand.press(stage.button("Remove timbre-synth"))
        stage.until_chain("Clipping", "Gain")
        stage.until_level(lambda now, loud=loud: abs(now - loud) < 4)
        until(lambda: stage.order() == ["clipping", "gain"])


@on("octaves")
def test_the_source_rests_is_moved_and_takes_are_recorded(stage, folder):
    for n, hand in enumerate(stage.hands):
        hand.press(stage.page.locator(".transport .play"))
        until(lambda: stage.engine.ask("state")["paused"])
        stage.until_level(lambda now: now < -80)
        until(lambda: stage.page.locator(".transport .play").get_attribute("aria-label") == "Play the source")
        at = stage.engine.ask("state")["at_s"]
        seek = stage.page.get_by_label("Place in the source")
        hand.slide(seek, 0.9 if at < 2 else 0.1)
        far = 0.005 if hand.is_keys else 0.5
        until(lambda at=at, far=far: abs(stage.engine.ask("state")["at_s"] - at) > far)
        hand.press(stage.page.locator(".transport .play"))
        stage.until_level(lambda now: now > -60)
        hand.press(stage.button("Record", exact=True))
        until(lambda: stage.page.evaluate("rtspec.panel.store.state.stream.recorded_s") > 0.2)
        hand.press(stage.button("Record", exact=True))
        until(lambda: stage.page.evaluate("rtspec.panel.store.state.stream.recording") is None)
        sound, rate = soundfile.read(folder / ("take.wav" if n == 0 else f"take-{n + 1}.wav"))
        assert rate == 48000 and len(sound) > 0.1 * rate and np.abs(sound).max() > 0.01


@on("octaves")
def test_another_block_is_chosen(stage):
    block = stage.page.get_by_label("Block", exact=True)
    for hand, size in zip(stage.hands, (512, 1024, 512), strict=True):
        hand.choose(block, str(size))
        until(lambda size=size: stage.engine.ask("state")["block"] == size)
        stage.until_level(lambda now: now > -60)
        until(lambda size=size: stage.page.evaluate("rtspec.panel.store.state.stream.block") == size)


# Cards with parts of their own ----------------------------------------------------------------------------------------


@on("scene")
def test_the_scene_equalizers_card_has_words_and_one_axis_of_decibels(stage):
    until(lambda: "sensor" in stage.page.locator(".readings").inner_text())
    assert stage.page.locator(".dbs span").all_inner_texts() == ["12", "6", "0", "-6", "-12"]
    for hand, way in zip(stage.hands, (-1, 1, -1), strict=True):
        before = stage.octaves
        for name in ("gain_800_hz", "gain_1000_hz", "gain_1250_hz"):
            hand.turn(stage.dial(name), way, 4)
        stage.until_value("1-scene-equalizer/gain_1000_hz", lambda now, way=way: way * now > (4 if way < 0 else -0.5))
        until(lambda before=before, way=way: way * (stage.octaves - before)[5] > 3)
    values = "(parameters) => rtspec.panel.place(Object.fromEntries(parameters.map((address) => [address, -10.87])))"
    faders = stage.page.evaluate("rtspec.panel.store.state.chain[0].parts.find((p) => p.kind === 'eq-curve').addresses")
    stage.page.evaluate(values, faders)
    stage.until_value("1-scene-equalizer/gain_20000_hz", lambda now: now == -10.87)
    sizes = "(row) => [row.scrollWidth, row.clientWidth]"
    wide, room = stage.page.locator(".equalizer").evaluate(sizes)
    assert wide <= room, "figures of more digits push the last faders out of the card"


@on("all")
def test_of_no_card_anything_is_cut_covered_or_outside_of_it(stage):
    before = stage.page.viewport_size
    try:
        assert [fault for width in WIDTHS for fault in faults(stage.page, width)] == []
    finally:
        stage.page.set_viewport_size(before)


@on("style")
def test_a_mixture_and_its_pads(stage):
    field = stage.page.locator(".mixture .field")
    names = [f"1-style-transfer/style_{i}" for i in range(1, 9)]
    rain = stage.octaves
    for hand, (x, y), most in zip(
        reversed(stage.hands), ((0.5, 0.95), (0.5, 0.05), (0.5, 0.9)), (0, 4, 0), strict=True
    ):
        hand.place(field, x, y)
        until(lambda most=most: np.argmax([stage.values()[name] for name in names]) == most)
    until(lambda: np.abs(stage.octaves - rain).max() > 3)
    for hand, index in zip(stage.hands, (6, 0, 3), strict=True):
        hand.press(stage.button(f"Pad {('bells', 'birds', 'choir', 'crowd', 'fire', 'machine', 'rain')[index]}"))
        until(lambda index=index: stage.values()[names[index]] == 1.0)
    crowd = stage.octaves
    stage.hands[1].press_several([stage.button(f"Pad {pad}") for pad in ("fire", "water")])
    until(lambda: stage.values()[names[7]] == 1.0)
    until(lambda: np.abs(stage.octaves - crowd).max() > 3)
