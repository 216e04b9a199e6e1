"""A panel on a line that is late both ways, and two panels at once: what a hand does is neither lost nor pulled back,
and nothing stays on the page that the engine does not have."""

import time
from contextlib import contextmanager

import pytest
from panel_clients import heard, panel_client, state_of, tell
from panel_hands import MISSING, on, until

from rtspec.benchmarks.panel_visitor import STEADY, WATCH

pytest_plugins = ("panel_stage",)
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=str(MISSING)), pytest.mark.timeout(180, func_only=True)]
LATE_MS = 250

DELAYED = """(ms) => {
  const { link } = rtspec.panel, { socket } = link;
  link.heard = (data) => setTimeout(() => Object.getPrototypeOf(link).heard.call(link, data), ms);
  socket.send = (data) => setTimeout(() => socket.readyState === 1 && WebSocket.prototype.send.call(socket, data), ms);
}"""
TRACED = """(address) => {
  window.trace = [];
  window.untrace?.();
  window.untrace = rtspec.panel.store.watch(address, (value) => trace.push(value));
}"""


@contextmanager
def late_line(page):
    """Messages need so long each way, in their order."""
    page.evaluate(DELAYED, LATE_MS)
    yield
    page.evaluate("delete rtspec.panel.link.heard; rtspec.panel.link.socket.close()")
    until(lambda: page.evaluate("rtspec.panel.link.open"))


def address_of(page, name):
    return page.evaluate("(name) => [...rtspec.panel.store.parameters.keys()].find((a) => a.endsWith(name))", name)


def shown(page, address):
    return page.evaluate("(address) => rtspec.panel.store.values.get(address)", address)


def settled(stage, address, full, value):
    """The engine and the page have this value, and keep it."""
    until(lambda: stage.values()[full] == pytest.approx(value, abs=1e-6))
    until(lambda: shown(stage.page, address) == pytest.approx(value, abs=1e-6))
    time.sleep(2.5 * LATE_MS / 1000)
    assert shown(stage.page, address) == stage.values()[full] == pytest.approx(value, abs=1e-6)


@on("octaves")
def test_no_step_is_lost_and_no_echo_pulls_a_knob_back(stage):
    address, full = address_of(stage.page, "gain_1000_hz"), "1-equalizer/gain_1000_hz"
    dial, keys = stage.dial("gain_1000_hz"), stage.page.keyboard
    with late_line(stage.page):
        stage.page.evaluate(TRACED, address)
        dial.focus()
        for _ in range(20):
            keys.press("ArrowUp")
            time.sleep(0.03)
        dial.hover()
        for _ in range(5):
            stage.page.mouse.wheel(0, -100)
            time.sleep(0.05)
        settled(stage, address, full, 0.24 * (20 + 10))
        moves = stage.page.evaluate("trace")
        assert moves == sorted(moves) and len(set(moves)) == 26
        stage.page.locator(f'[data-address="{address}"] .figure').click()
        keys.type("-3")
        keys.press("Enter")
        keys.press("ArrowUp")
        settled(stage, address, full, -2.76)


@on("octaves")
def test_a_drag_on_a_late_line_goes_one_way(stage):
    address, full = address_of(stage.page, "gain_1000_hz"), "1-equalizer/gain_1000_hz"
    box = stage.dial("gain_1000_hz").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    with late_line(stage.page):
        stage.page.evaluate(TRACED, address)
        stage.page.mouse.move(x, y)
        stage.page.mouse.down()
        for i in range(30):
            stage.page.mouse.move(x, y - 2 * i)
            time.sleep(0.04)
        stage.page.mouse.up()
        moves = stage.page.evaluate("trace")
        assert moves == sorted(moves) and moves[-1] > 4
        settled(stage, address, full, moves[-1])


@on("level")
def test_arrows_on_a_pad_add_up_and_what_it_moves_follows(stage):
    field = stage.page.locator(".padframe .field")
    with panel_client(stage.engine.first) as other:
        tell(other, "corners", names=["Default", "Dry"])
        until(lambda: stage.engine.ask("state")["corners"] == ["Default", "Dry"])
        tell(other, "place", values={"pad/x": 0.0, "pad/y": 0.0})
        until(lambda: shown(stage.page, "pad/x") == 0.0)
    with late_line(stage.page):
        field.focus()
        for _ in range(15):
            stage.page.keyboard.press("ArrowRight")
            time.sleep(0.04)
        assert shown(stage.page, "pad/x") == pytest.approx(0.3)
        until(lambda: stage.page.evaluate("rtspec.panel.store.told.get('pad/x')") == pytest.approx(0.3))
        assert shown(stage.page, "pad/x") == pytest.approx(0.3)


@on("octaves")
def test_what_is_refused_undone_or_not_taken_is_not_shown(stage):
    page, address, full = stage.page, address_of(stage.page, "gain_1000_hz"), "1-equalizer/gain_1000_hz"
    move = "([a, value]) => rtspec.panel.move({ [a]: value }, 'set', { address: a, value })"
    with late_line(page):
        page.evaluate(move, [address, 99.0])
        assert shown(page, address) == 99.0
        settled(stage, address, full, 0.0)
        page.evaluate("(a) => { " + "rtspec.panel.move({ [a]: 6 }, 'set', { address: a, value: 6 });"
                      "rtspec.panel.send('undo'); }", address)  # fmt: skip
        settled(stage, address, full, 0.0)
        page.evaluate(move, [address, 5.0])
        page.evaluate("rtspec.panel.link.socket.close()")  # before it has gone
        page.evaluate(move, [address, 7.0])
        until(lambda: page.evaluate("rtspec.panel.link.open"))
        settled(stage, address, full, 0.0)
        assert float(stage.dial("gain_1000_hz").get_attribute("aria-valuenow")) == 0.0
        page.evaluate(move, [address, 5.0])  # numbers of the new connection
        settled(stage, address, full, 5.0)


@on("octaves")
def test_two_hands_on_one_knob_end_where_the_engine_is(stage):
    address, full = address_of(stage.page, "gain_1000_hz"), "1-equalizer/gain_1000_hz"
    with late_line(stage.page), panel_client(stage.engine.first) as other:
        stage.dial("gain_1000_hz").focus()
        for i in range(12):
            stage.page.keyboard.press("ArrowUp")
            tell(other, "set", address=address, value=-float(i) / 2)
            time.sleep(0.05)
        time.sleep(3 * LATE_MS / 1000)
        settled(stage, address, full, stage.values()[full])


def line_of(page, number):
    return page.locator("table.map tbody tr").filter(has=page.locator(f"button[title^='Remove cc {number}']"))


def mapped(stage, *numbers):
    with panel_client(stage.engine.first) as other:
        how = {"channel": None, "minimum": None, "maximum": None, "curve": None, "take_over": False, "toggle": False}
        for name, number in zip(("gain_500_hz", "gain_1000_hz", "gain_2000_hz"), numbers, strict=True):
            tell(other, "learn", address=address_of(stage.page, name), **how)
            heard(other, lambda message: message.get("state", {}).get("learn"))
            for value in (10, 60, 127):
                stage.engine.ask(f"feed {number} {value}")
            until(lambda number=number: f"cc {number}" in [row["control"] for row in stage.engine.ask("state")["map"]])
    until(lambda: stage.page.locator("table.map tbody tr").count() == len(numbers))
    return stage.engine.ask("state")["map"]


@on("octaves")
def test_a_row_of_the_map_stays_beneath_the_finger_and_what_is_typed_stays(stage):
    page = stage.page
    rows = mapped(stage, 40, 41, 42)
    button, field = line_of(page, 41).get_by_role("button"), line_of(page, 42).get_by_label("maximum of ")
    with panel_client(stage.engine.first) as other:
        button.hover()
        page.mouse.down()  # and while it is down, another panel changes this row's neighbour and takes one out
        tell(other, "assign", row=rows[2], **{k: v for k, v in rows[2].items() if k != "parameter"} | {"maximum": 5.0})
        until(lambda: field.input_value() == "5")
        page.mouse.up()
        until(lambda: [row["control"] for row in stage.engine.ask("state")["map"]] == ["cc 40", "cc 42"])
        until(lambda: page.locator("table.map tbody tr").count() == 2)
        field.focus()
        page.keyboard.press("End")
        page.keyboard.type(".5")
        now = stage.engine.ask("state")["map"][1]
        changed = now | {"minimum": -3.0, "maximum": 4.0}
        tell(other, "assign", row=now, **{k: v for k, v in changed.items() if k != "parameter"})
        until(lambda: line_of(page, 42).get_by_label("minimum of ").input_value() == "-3")
        assert field.input_value() == "5.5", "somebody types there"
        page.keyboard.press("Escape")
        assert field.input_value() == "4"
        tell(other, "unassign", row=now)  # as it was before
        assert "no longer in the map as it was" in heard(other, lambda message: message.get("error"))
        assert len(stage.engine.ask("state")["map"]) == 2


@on("octaves")
def test_two_quick_edits_of_a_row_both_count_and_words_for_numbers_are_refused(stage):
    page = stage.page
    mapped(stage, 43, 44, 45)
    line = line_of(page, 44)
    with late_line(page):
        for name, text in (("minimum of ", "-6"), ("maximum of ", "6")):
            line.get_by_label(name).fill(text)
            line.get_by_label(name).press("Enter")
        until(lambda: [stage.engine.ask("state")["map"][1][key] for key in ("minimum", "maximum")] == [-6, 6])
        line.get_by_label("maximum of ").fill("loud")
        line.get_by_label("maximum of ").press("Enter")
        until(lambda: page.locator(".messages li.bad").count())
        until(lambda: line.get_by_label("maximum of ").input_value() == "6")
    with panel_client(stage.engine.first) as other:
        assert state_of(other)["map"]["rows"][1]["maximum"] == 6


@on("octaves")
def test_nothing_flickers_while_thirty_pictures_a_second_are_drawn(stage):
    """Of the cards no dot changes by itself, nothing moves, and no element is put in place of another."""
    cards = stage.page.locator("#chain")
    until(lambda: stage.page.evaluate("rtspec.panel.store.state.devices.outputs.length"))  # it looks for them once
    until(lambda: cards.screenshot() == cards.screenshot())  # what the chain before has left
    stage.page.evaluate(WATCH)
    first, drawn = cards.screenshot(), stage.page.evaluate("rtspec.sound.drawn")
    for _ in range(5):
        assert cards.screenshot() == first
    until(lambda: stage.page.evaluate("rtspec.sound.drawn") > drawn + 30)
    seen = stage.page.evaluate("window.seen")
    assert seen["moved"] < STEADY and seen["replaced"] == 0 and len(seen["gaps"]) > 25, set(seen["where"])


TOLD = """async () => {
  const { store, knobs } = rtspec.panel, { stream, acted } = store.state;
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const [items, [knob]] = [stream.latency.items, [...knobs.values()].filter((each) => each.kind === "knob")];
  const { address, minimum, maximum } = knob.p;
  for (let i = 1; i < 9; i++) {
    const counts = Object.entries(stream.statistics).map(([name, n]) => [name, isNaN(n) ? n : 7 ** i]);
    const latency = { ...stream.latency, total_ms: 7 ** (i % 4) };
    store.tell({ stream: { ...stream, latency, statistics: Object.fromEntries(counts) } }, acted);
    store.put(address, i % 2 ? maximum : (minimum + maximum) / 2 + 0.01 * i);
    if (i % 2 === 0) rtspec.panel.say("more than it can do: fewer iterations, 1/2 of all. ".repeat(9 - i));
    await frame();
  }
  await new Promise((done) => setTimeout(done, 4200));
  const { moved } = window.seen;
  const grown = { ...stream.latency, items: { ...items, block: 2 * items.block } };
  for (const latency of [grown, stream.latency]) store.tell({ stream: { ...stream, latency } }, acted);
  await frame();
  return { moved, replaced: window.seen.replaced };
}"""
"""What a stream tells that is late, of which a controller moves a knob, and that says so, until all that has gone; then
a longer delay, whose bar does move."""


@on("level")
def test_nothing_flickers_when_what_is_told_has_more_digits_and_lines(stage):
    window = stage.page.viewport_size
    stage.page.set_viewport_size({"width": 1280, "height": 900})
    until(lambda: stage.page.evaluate("rtspec.panel.store.state.devices.outputs.length"))
    stage.page.evaluate(WATCH)
    seen, where = stage.page.evaluate(TOLD), stage.page.evaluate("window.seen.where")
    stage.page.set_viewport_size(window)
    assert seen["moved"] < STEADY and seen["replaced"] == 0, (seen, set(where))


@on("board")
def test_a_card_stays_beneath_the_hand_that_types_while_its_board_is_edited_elsewhere(stage):
    page, mark = stage.page, "(element) => { element.mine = true; }"
    before = stage.order()
    stage.button("Type a value for gain", exact=True).click()
    field = page.locator(".figure input")
    page.keyboard.type("-1")
    field.evaluate(mark)
    page.locator(".card").evaluate(mark)
    assert stage.engine.ask("nest")
    until(lambda: stage.order() != before and page.locator(".card .control .name", has_text="rate").count() == 1)
    assert field.evaluate("(element) => element.mine && document.activeElement === element")
    assert page.locator(".card").evaluate("(element) => element.mine")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    until(lambda: [value for name, value in stage.values().items() if name.endswith("/gain_db")] == [-12.0])
    assert stage.page.evaluate("document.activeElement.getAttribute('aria-label')") == "gain"
