"""The panel in a real Chromium, on a real JACK device: mouse, touch and keys move the engine's table and the sound."""

import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper
from panel_boxes import FAULTS
from panel_hands import Child, by_keys, by_mouse, by_switch, by_touch, centre, dial, until

from rtspec.audio.jack import JackServer, why_unavailable

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = why_unavailable() or ("" if CHROMIUM else "chromium is not installed (Debian: apt-get install chromium)")
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=str(MISSING)), pytest.mark.timeout(180, func_only=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("panel")


@pytest.fixture(scope="module")
def server():
    with JackServer(period=256) as running:
        yield running


@pytest.fixture(scope="module")
def engine(server, folder):
    child = Child(server, "play", folder)
    yield child
    child.end()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.getuid() == 0 else [])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser):
    opened = browser.new_context(viewport={"width": 1500, "height": 4000}, has_touch=True)
    yield opened
    opened.close()


@pytest.fixture
def page(context, engine):
    """A page of its own for each test, on an engine that is as at the start; it shows all that the engine has."""
    engine.ask("fresh")
    opened = context.new_page()
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.set_default_timeout(20_000)
    opened.goto(engine.first)
    until(lambda: caught_up(opened, engine))
    opened.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    opened.touch = context.new_cdp_session(opened)
    yield opened
    assert opened.errors == []
    opened.close()


STATE = "window.rtspec?.panel.store.state.stream ? rtspec.panel.store.state : null"


def caught_up(page, engine):
    """Whether the page shows the chain, the values and what else the engine was made fresh in."""
    state = page.evaluate(STATE)
    if not state or [card["title"] for card in state["chain"]] != ["timbre-synth", "equalizer"]:
        return False
    stream = state["stream"]
    if state["learn"] or stream["recording"] or stream["midi"] or stream["source"]["paused"]:
        return False
    return page.locator(".card").count() == 2 and _shows(page, named(page), engine.ask("values"))


def order(page):
    """Titles of the cards as they stand on the page."""
    return page.locator(".card").evaluate_all("(cards) => cards.map((card) => card.getAttribute('aria-label'))")


def chain_is(page, engine, *wanted):
    """The engine plays these, and the page shows them."""
    until(lambda: engine.ask("chain") == list(wanted))
    titles = {"TimbreSynth": "timbre-synth", "Equalizer": "equalizer", "OnnxProcessor": "onnx"}
    until(lambda: order(page) == [titles[name] for name in wanted])


def named(page):
    """Addresses of the page's sliders, with those that the engine's directory has, and their ranges."""
    chain = page.evaluate("rtspec.panel.store.state.chain")
    places = {card["name"]: f"{i}-{card['title']}" for i, card in enumerate(chain, 1)}
    found = [(p, f"{places[card['name']]}/{p['name']}") for card in chain for p in card["parameters"]]
    return [(p, full) for p, full in found if p["name"] != "bypass"]


@pytest.mark.parametrize("hand", [by_mouse, by_touch, by_keys])
def test_every_control_moves_the_engines_own_table(page, engine, hand):
    controls = named(page)
    assert len(controls) > 40
    before = engine.ask("values")
    for parameter, full in controls:
        low, high = parameter["minimum"], parameter["maximum"]
        if parameter["curve"] == "switch":
            by_switch(page, parameter)
        else:
            hand(page, parameter, 1 if before[full] < (low + high) / 2 else -1)
    wanted = {full for _, full in controls}
    until(lambda: _moved(before, engine.ask("values")) >= wanted)
    until(lambda: _shows(page, controls, engine.ask("values")))


def _shows(page, controls, values):
    shown = page.evaluate("Object.fromEntries(rtspec.panel.store.values)")
    return all(
        full in values and shown.get(p["address"]) == pytest.approx(values[full], rel=1e-9) for p, full in controls
    )


def _moved(before, after):
    return {name for name in before if after[name] != before[name]}


def find(page, name):
    return next(p for p, _ in named(page) if p["name"] == name)


def test_a_double_click_resets_and_a_typed_value_is_taken(page, engine):
    gain = find(page, "gain_1000_hz")
    page.locator(f'[data-address="{gain["address"]}"] .figure').click()
    page.keyboard.type("7.5")
    page.keyboard.press("Enter")
    until(lambda: engine.ask("values")["2-equalizer/gain_1000_hz"] == 7.5)
    slider = dial(page, gain)
    assert slider.get_attribute("aria-valuetext") == "7.5 dB" and slider.get_attribute("aria-valuenow") == "7.5"
    slider.dblclick()
    until(lambda: engine.ask("values")["2-equalizer/gain_1000_hz"] == 0.0)
    slider.hover()
    page.mouse.wheel(0, -100)
    until(lambda: engine.ask("values")["2-equalizer/gain_1000_hz"] > 0.0)
    slider.dblclick()


@pytest.mark.parametrize("hand", [by_mouse, by_touch, by_keys])
def test_what_hands_do_is_heard(page, engine, hand):
    gain = find(page, "gain_1000_hz")
    before = engine.ask("sound")["octaves_db"]
    for _ in range(4):
        hand(page, gain, -1)
    until(lambda: engine.ask("values")["2-equalizer/gain_1000_hz"] < -4)
    after = until(lambda: (now := engine.ask("sound")["octaves_db"])[5] < before[5] - 3 and now)
    assert abs(after[8] - before[8]) < 3


def test_a_card_is_bypassed_moved_removed_and_added(page, engine):
    power = page.get_by_role("button", name="Bypass equalizer")
    power.click()
    until(lambda: engine.ask("values")["2-equalizer/bypass"] == 1.0)
    power.click()
    until(lambda: engine.ask("values")["2-equalizer/bypass"] == 0.0)
    grip = page.get_by_role("button", name=re.compile("^Move equalizer")).bounding_box()
    over = page.locator(".card").first.bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(over["x"] + 60, over["y"] + 60, steps=5)
    page.mouse.up()
    chain_is(page, engine, "Equalizer", "TimbreSynth")
    page.get_by_role("button", name="Add to the chain").click()
    page.locator('[data-spec="equalizer"]').click()
    chain_is(page, engine, "Equalizer", "TimbreSynth", "Equalizer")
    page.get_by_role("button", name="Remove equalizer").first.click()
    chain_is(page, engine, "TimbreSynth", "Equalizer")


def test_presses_of_keys_add_up_and_the_moved_card_keeps_the_focus(page, engine):
    page.get_by_role("button", name="Add to the chain").click()
    page.locator('[data-spec="equalizer"]').click()
    chain_is(page, engine, "TimbreSynth", "Equalizer", "Equalizer")
    page.get_by_role("button", name=re.compile("^Move timbre-synth")).focus()
    for _ in range(2):  # without waiting for the page
        page.keyboard.press("ArrowRight")
    chain_is(page, engine, "Equalizer", "Equalizer", "TimbreSynth")
    for key, wanted in (("ArrowLeft", 1), ("ArrowLeft", 0), ("ArrowRight", 1)):  # each after the page has moved it
        page.keyboard.press(key)
        until(lambda wanted=wanted: order(page).index("timbre-synth") == wanted)
        until(lambda wanted=wanted: engine.ask("chain").index("TimbreSynth") == wanted)


def test_two_clicks_on_bypass_cancel_out(page, engine):
    power = page.get_by_role("button", name="Bypass equalizer")
    for _ in range(5):
        power.dispatch_event("click")
    until(lambda: engine.ask("values")["2-equalizer/bypass"] == 1.0)
    power.dispatch_event("click")
    until(lambda: engine.ask("values")["2-equalizer/bypass"] == 0.0)
    until(lambda: power.get_attribute("aria-pressed") == "true")


def test_a_knob_is_held_while_its_card_is_moved_by_another_hand(page, engine):
    gain = find(page, "gain_1000_hz")
    x, y = centre(page, gain)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 10, steps=2)
    card = page.evaluate("rtspec.panel.store.state.chain[1].name")
    page.evaluate("(card) => rtspec.panel.send('move', { card, to: 0 })", card)
    chain_is(page, engine, "Equalizer", "TimbreSynth")
    page.mouse.move(x, y - 60, steps=2)
    page.mouse.up()
    until(lambda: engine.ask("values")["1-equalizer/gain_1000_hz"] > 4)


def test_keys_of_the_page_and_of_the_computer_are_heard(page, engine):
    page.evaluate("rtspec.panel.send('pause', { on: true })")
    until(lambda: engine.ask("sound")["rms_db"] < -80)
    key = page.locator('[data-note="60"]').bounding_box()
    page.mouse.move(key["x"] + key["width"] / 2, key["y"] + 0.9 * key["height"])
    page.mouse.down()
    loud = until(lambda: (found := engine.ask("sound"))["rms_db"] > -50 and found)
    page.mouse.move(key["x"] + key["width"] / 2, key["y"] + 0.3 * key["height"], steps=3)  # pressure
    page.mouse.up()
    until(lambda: engine.ask("sound")["rms_db"] < loud["rms_db"] - 20)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.down("d")
    until(lambda: engine.ask("sound")["rms_db"] > -50)
    page.keyboard.up("d")
    x, y = key["x"] + key["width"] / 2, key["y"] + 0.9 * key["height"]
    chord = [{"x": x, "y": y, "id": 1}, {"x": x + 2.2 * key["width"], "y": y, "id": 2}]
    page.touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": chord})
    assert page.locator(".key.down").count() == 2
    until(lambda: engine.ask("sound")["rms_db"] > -50)
    page.touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.locator(".key.down").count() == 0


def test_the_map_of_a_timbre_moves_two_latents_and_an_anchor_all(page, engine):
    field = page.locator(".card .field").first
    box = field.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.06 * box["height"])
    values = until(lambda: (v := engine.ask("values"))["1-timbre-synth/z1"] > 0.7 and v)
    assert values["1-timbre-synth/z2"] > 0.7
    at = page.evaluate("rtspec.panel.store.state.chain[0].parts[0].anchors.flute")
    page.mouse.click(box["x"] + (0.5 + at[0] / 2) * box["width"], box["y"] + (0.5 - at[1] / 2) * box["height"])
    until(lambda: np.allclose([engine.ask("values")[f"1-timbre-synth/z{i}"] for i in range(1, 17)], at, atol=2e-3))
    field.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: engine.ask("values")["1-timbre-synth/z1"] > at[0] + 0.02)


def test_a_moved_controller_is_learnt_by_one_click(page, engine, server, folder):
    sender = Child(server, "send", folder)
    try:
        port = page.get_by_label("MIDI input")
        until(lambda: _looked_for(page, port, "knobs"))
        label = next(text for text in port.locator("option").all_inner_texts() if "knobs" in text)
        port.select_option(label)
        until(lambda: (page.evaluate("rtspec.panel.store.state.stream.midi") or "").find("knobs") >= 0)
        gain = find(page, "gain_4000_hz")
        page.locator(f'[data-address="{gain["address"]}"] .learn').click()
        until(lambda: page.evaluate("rtspec.panel.store.state.learn") == gain["address"])
        for value in (20, 40, 90, 127):
            sender.ask(f"22 {value}")
            time.sleep(0.02)
        until(lambda: page.evaluate("rtspec.panel.store.state.learn") is None)
        sender.ask("22 0")
        until(lambda: engine.ask("values")["2-equalizer/gain_4000_hz"] == -12.0)
        mark = page.locator(f'[data-address="{gain["address"]}"] .learn')
        until(lambda: "mapped" in mark.get_attribute("class"))
        controls = "(fields) => fields.map((field) => field.value)"
        until(
            lambda: page.get_by_label("control of ").evaluate_all(controls).count("cc 22") == 1
        )  # the map's table has it
    finally:
        sender.end()


def _looked_for(page, port, name):
    """Whether a port stands in the list; looks for devices again where it does not: it may have come since."""
    if any(name in text for text in port.locator("option").all_inner_texts()):
        return True
    page.get_by_role("button", name="Look for devices again").click()
    time.sleep(0.3)
    return False


def test_a_take_is_a_valid_file(page, engine, folder):
    page.get_by_role("button", name="Record", exact=True).click()
    until(lambda: page.evaluate("rtspec.panel.store.state.stream.recorded_s") > 0.4)
    page.get_by_role("button", name="Record", exact=True).click()
    until(lambda: page.evaluate("rtspec.panel.store.state.stream.recording") is None)
    sound, rate = soundfile.read(folder / "take.wav")
    assert rate == 48000 and len(sound) > 0.3 * rate and np.abs(sound).max() > 0.01


# Models ---------------------------------------------------------------------------------------------------------------


def gain_network(path, padding=0):
    """A bare network: a gain on magnitudes, float32 (1, 257, 1); with so many bytes that it never uses."""
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [1], [0.5])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 257, 1]) for n in ("spec", "out")]
    graph = helper.make_graph([helper.make_node("Mul", ["spec", "scale"], ["out"])], "g", ends[:1], ends[1:], [scale])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.doc_string = "x" * padding
    path.write_bytes(model.SerializeToString())
    return path


def drop(page, path):
    page.set_input_files(".adder input[type=file]", path)


def said(page, text):
    return until(lambda: page.locator(f".messages li:has-text('{text}')").count(), 60)


def test_a_package_that_is_dropped_plays(page, engine, folder):
    shipped = next(Path(__file__).parents[2].glob("exports/tilt-gate/*.onnx"))
    drop(page, shipped)
    until(lambda: "OnnxProcessor" in engine.ask("chain"), 60)
    chain_is(page, engine, "TimbreSynth", "Equalizer", "OnnxProcessor")
    page.get_by_role("button", name="Remove onnx").click()
    chain_is(page, engine, "TimbreSynth", "Equalizer")


def test_a_bare_network_is_asked_about_and_plays(page, engine, folder):
    drop(page, gain_network(folder / "half.onnx"))
    page.wait_for_selector("dialog[open]", timeout=60_000)
    before = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate(FAULTS) == []
    page.set_viewport_size(before)
    page.get_by_label("sample_rate").fill("48000")
    page.get_by_label("window").fill("hann")
    page.get_by_role("button", name="Adopt and play").click()
    until(lambda: "OnnxProcessor" in engine.ask("chain"), 60)
    chain_is(page, engine, "TimbreSynth", "Equalizer", "OnnxProcessor")
    page.get_by_role("button", name="Remove onnx").click()
    chain_is(page, engine, "TimbreSynth", "Equalizer")


def test_files_that_are_broken_or_mean_harm_are_refused_in_a_line_and_the_sound_goes_on(page, engine, folder):
    whole = gain_network(folder / "whole.onnx").read_bytes()
    (folder / "broken.onnx").write_bytes(whole[: len(whole) // 2])
    hostile = helper.make_graph(
        [helper.make_node("Identity", ["spec"], ["out"])],
        "g",
        [helper.make_tensor_value_info("spec", TensorProto.FLOAT, [1, 257, 1])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 257, 1])],
        [_outside_tensor()],
    )
    (folder / "hostile.onnx").write_bytes(helper.make_model(hostile).SerializeToString())
    before = engine.ask("statistics")
    for name in ("broken.onnx", "hostile.onnx"):
        n = page.locator(".messages li.bad").count()
        drop(page, folder / name)
        until(lambda n=n: page.locator(".messages li.bad").count() > n, 60)
        assert "\n" not in page.locator(".messages li.bad").first.inner_text()
    after = engine.ask("statistics")
    assert after["callbacks"] > before["callbacks"] and engine.ask("chain") == ["TimbreSynth", "Equalizer"]


def _outside_tensor():
    """Weights that lie in a file of this machine."""
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    return tensor


def test_64_mib_come_through_and_a_byte_more_does_not(page, engine, folder):
    small = len(gain_network(folder / "a.onnx").read_bytes())
    size = 64 << 20
    path = gain_network(folder / "large.onnx", size - small - 6)
    with path.open("r+b") as file:
        file.truncate(min(size, path.stat().st_size))
    assert size - 16 <= path.stat().st_size <= size
    drop(page, path)
    page.wait_for_selector("dialog[open]", timeout=60_000)
    page.get_by_role("button", name="Do not use this model").click()
    larger = folder / "larger.onnx"
    with larger.open("wb") as file:
        file.truncate(size + 1)
    drop(page, larger)
    said(page, "may have")


def test_the_page_comes_back_by_itself(page, engine):
    page.evaluate("rtspec.panel.link.socket.close()")
    until(lambda: page.evaluate("rtspec.panel.link.open"))
    before = page.evaluate("rtspec.sound.pictures")
    until(lambda: page.evaluate("rtspec.sound.pictures") > before + 10)


@pytest.mark.parametrize("width, height", [(360, 740), (3840, 2160)])
def test_nothing_sticks_out_on_small_and_large_screens(browser, engine, page, width, height):
    context = browser.new_context(viewport={"width": width, "height": height})
    small = context.new_page()
    small.goto(engine.first)
    until(lambda: caught_up(small, engine))
    assert small.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_sound_had_no_gap_that_the_panel_made(engine):
    found = engine.ask("statistics")
    assert found["overruns"] == 0 and found["bad_samples"] == 0 and found["callbacks"] > 0
