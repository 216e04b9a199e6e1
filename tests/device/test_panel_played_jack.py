"""What a player does without thinking of the page: scrolls, looks, types with a knob in the other hand, reloads, drops
two models at once, comes back after an hour. Nothing that was not meant is moved, and nothing that is held stays."""

import time

import pytest
from panel_clients import heard, panel_client, tell
from panel_hands import MISSING, on, until

pytest_plugins = ("panel_stage",)
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=str(MISSING)), pytest.mark.timeout(180, func_only=True)]

NEWS = """([hands, more]) => {
  const where = () => [...document.querySelectorAll(hands)].map((element) => {
    const { x, y } = element.getBoundingClientRect();
    return `${element.ariaLabel} ${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  const before = where(), { store } = rtspec.panel, { stream, acted } = store.state;
  const counts = Object.entries(stream.statistics).map(([name, n]) => [name, isNaN(n) ? n : 98765]);
  const items = Object.fromEntries(more.map((name) => [name, 9]));
  for (let i = 0; i < 9; i++) rtspec.panel.hear("as long as the engine's own lines, and some more ".repeat(3), true);
  const latency = { ...stream.latency, items: { ...stream.latency.items, ...items }, total_ms: 1234.5 };
  const worst = { statistics: Object.fromEntries(counts), latency, active: false, recording: "take", recorded_s: 5999 };
  store.tell({ stream: { ...stream, ...worst } }, acted);
  const after = where();
  store.tell({ stream }, acted);  // what is not so stands in no other test's way
  return [before, after];
}"""
"""Where all is that hands are on, and where it is after the worst that a stream can tell."""


@pytest.fixture
def window(page):
    """Of another size than usual, for a while."""
    usual = page.viewport_size
    yield lambda width, height: page.set_viewport_size({"width": width, "height": height})
    page.set_viewport_size(usual)


@on("synth")
@pytest.mark.parametrize("size", [(3840, 2160), (1500, 3000), (1280, 900), (1024, 768), (768, 1024), (360, 740)])
def test_whatever_the_stream_tells_nothing_moves_from_beneath_a_finger(stage, window, size):
    """A line, a fault or an item of latency more: a press that has left the finger meets what it was meant for."""
    window(*size)
    until(lambda: stage.page.evaluate("document.querySelectorAll('.key').length") > 7)
    for hands, items in (
        (".dial, .field, .grip, .key", []),
        (".dial, .grip", ["device", "block", "worker", "resampler", "window", "model", "phase", "plugins"]),
    ):  # an item more comes with a card, and lies above the keys
        before, after = stage.page.evaluate(NEWS, [hands, items])
        assert len(before) > 20 and after == before


def test_a_page_that_is_scrolled_moves_no_knob_and_a_look_at_a_value_none(stage_of):
    stage = stage_of("level")
    knob, figure = stage.dial("gain_db"), stage.button("Type a value for gain", exact=True)
    stage.page.evaluate("rtspec.panel.place({ [rtspec.panel.store.state.chain[1].parameters[0].address]: 3.14159265 })")
    stage.until_value("2-gain/gain_db", lambda now: abs(now - 3.14159265) < 1e-5)
    before = stage.values()
    knob.hover()
    stage.page.mouse.wheel(0, -100)
    figure.click()
    stage.page.locator(".figure input").blur()
    until(lambda: stage.page.locator(".figure input").count() == 0)
    time.sleep(0.3)
    assert stage.values() == before
    knob.focus()
    knob.hover()
    stage.page.mouse.wheel(0, -100)
    stage.until_value("2-gain/gain_db", lambda now: now > 4)


PRESSED = """(key) => {
  const event = new KeyboardEvent("keydown", { key, code: "KeyL", bubbles: true });
  document.activeElement.dispatchEvent(event);
}"""


@on("synth")
def test_every_letter_is_a_key_while_a_knob_is_turned(stage):
    """Also with Caps Lock on; learn is asked for with shift."""
    stage.dial("mix").click()
    for letter in "lL":
        stage.page.evaluate(PRESSED, letter)
        assert stage.page.locator(".key.down").get_attribute("data-note") == "62"
        stage.until_level(lambda now: now > -50)
        stage.page.keyboard.up("l")
        stage.until_level(lambda now: now < -60)
    assert stage.page.evaluate("rtspec.panel.store.state.learn") is None


def broken(page):
    """The connection breaks; until the page is back and has been told all, pictures too, which come last."""
    page.evaluate("rtspec.panel.link.socket.old = true; rtspec.panel.link.socket.close()")
    until(lambda: page.evaluate("rtspec.panel.link.open && !rtspec.panel.link.socket.old"))
    pictures = page.evaluate("rtspec.sound.pictures")
    until(lambda: page.evaluate("rtspec.sound.pictures") > pictures + 2)


@on("synth")
def test_what_a_page_held_is_let_go_when_it_is_reloaded(stage):
    page = stage.page
    page.evaluate("rtspec.panel.send('note', { key: 69, velocity: 100 })")
    straight = until(lambda: (found := stage.engine.ask("sound"))["rms_db"] > -50 and found["peak_hz"])
    stage.button("Hold pedal").click()
    bend = page.get_by_role("slider", name="Bend", exact=True).bounding_box()
    page.mouse.move(bend["x"] + 5, bend["y"] + 3)
    page.mouse.down()
    until(lambda: stage.engine.ask("sound")["peak_hz"] > straight * 1.08)
    broken(page)  # as by a reload
    stage.until_level(lambda now: now < -60)
    page.mouse.up()
    assert stage.button("Hold pedal").get_attribute("aria-pressed") == "false"
    page.evaluate("rtspec.panel.send('note', { key: 69, velocity: 100 })")
    until(lambda: (found := stage.engine.ask("sound"))["rms_db"] > -50 and abs(found["peak_hz"] / straight - 1) < 0.02)
    page.evaluate("rtspec.panel.send('note', { key: 69, velocity: 0 })")
    stage.until_level(lambda now: now < -60)


@on("level")
def test_a_line_is_said_once_however_often_the_page_comes_back(stage):
    lines = stage.page.locator(".messages li:not([hidden])")
    for _ in range(2):
        stage.page.evaluate("document.querySelectorAll('.toast').forEach((toast) => { toast.hidden = true; })")
        count = lines.count()
        broken(stage.page)
        assert lines.count() == count and stage.page.locator(".toast:not([hidden])").count() == 0


def rounded(values):
    """Where the dot of the pad is."""
    return [round(values[f"pad/{axis}"], 1) for axis in "xy"]


@on("level")
def test_a_hand_takes_the_dot_from_the_path_that_moves_it(stage):
    with panel_client(stage.engine.first) as other:
        tell(other, "corners", names=["Default", "Dry"])
        until(lambda: stage.engine.ask("state")["corners"] == ["Default", "Dry"])
        tell(other, "loop", addresses=["pad/x", "pad/y"], points=[[0, 0, 0], [0.5, 1, 1]])
        heard(other, lambda message: message.get("state", {}).get("loops") == ["pad/x"])
    until(lambda: stage.page.evaluate("rtspec.panel.store.state.loops.length"))
    for hand in stage.hands:
        hand.place(stage.page.locator(".padframe .field"), 0.3, 0.7)
        until(lambda: stage.page.evaluate("rtspec.panel.store.state.loops.length") == 0)
        until(lambda: rounded(stage.values()) == [0.3, 0.7])  # in the engine, and soon after on the page
        until(lambda: rounded(stage.page.evaluate("Object.fromEntries(rtspec.panel.store.values)")) == [0.3, 0.7])
        stage.page.evaluate(
            "rtspec.panel.send('loop', { addresses: ['pad/x', 'pad/y'], points: [[0, 0, 0], [1, 1, 1]] })"
        )
        until(lambda: stage.page.evaluate("rtspec.panel.store.state.loops.length"))
    stage.button("Stop the path").last.click()


HIDDEN = """() => {
  const draw = window.requestAnimationFrame, bands = [new Uint8Array(160), new Uint8Array(160)];
  window.requestAnimationFrame = () => 0;
  for (let i = 0; i < 2000; i++) rtspec.sound.show({ levels: [0, 0], load: 0, at: 0, bands });
  window.requestAnimationFrame = draw;
  return rtspec.sound.waiting.splice(0).length;
}"""


@on("level")
def test_a_page_that_nobody_sees_keeps_what_fits_on_the_screen(stage):
    """A hidden page is given no frames to draw in, for hours, and then has to draw at once."""
    assert 0 < stage.page.evaluate(HIDDEN) <= 400


def refusals(page):
    """Lines of what is refused from now on."""
    page.evaluate("document.querySelectorAll('.messages li').forEach((line) => { line.hidden = true; })")
    return page.locator(".messages li.bad:not([hidden])")


DROPPED = """async () => {
  const { link } = rtspec.panel;
  const file = (name, mib) => new File([new Uint8Array(mib << 20)], `${name}.onnx`);
  const first = link.sendFile(file("a", 60));
  await new Promise((done) => setTimeout(done, 120));
  return [await link.sendFile(file("b", 1)), await first];
}"""


@on("level")
def test_a_second_model_takes_the_place_of_one_that_is_on_its_way(stage):
    lines = refusals(stage.page)
    assert stage.page.evaluate(DROPPED) == [True, True]
    until(lines.count, 60)
    assert lines.count() == 1 and "b" in lines.first.inner_text(), lines.all_inner_texts()


REFUSED = """async () => {
  const { link } = rtspec.panel, { socket } = link;
  let pieces = 0;
  socket.send = (data) => {
    if (typeof data !== "string") pieces++;
    setTimeout(() => WebSocket.prototype.send.call(socket, data), 300);
  };
  await link.sendFile(new File([new Uint8Array(1 << 20)], "a.txt"));
  delete socket.send;
  return pieces;
}"""


@on("level")
def test_no_piece_of_a_file_goes_before_it_is_taken(stage):
    """However late the answer comes."""
    lines = refusals(stage.page)
    assert stage.page.evaluate(REFUSED) == 0
    assert lines.count() == 1 and "a.txt" in lines.first.inner_text()


def test_a_card_is_carried_across_a_page_that_is_longer_than_the_window(stage_of, window):
    """On a phone the next card may be a screen away."""
    stage = stage_of("board")
    with panel_client(stage.engine.first) as other:
        for _ in range(2):
            tell(other, "add", spec="timbre-synth", at=None)
    until(lambda: len(stage.order()) == 3)
    window(390, 700)
    grip = stage.page.locator(".card .grip").first
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x, y = box["x"] + 8, box["y"] + 8
    last = stage.page.locator(".card").last

    def touch(kind, *points):
        at = [dict(zip("xy", point, strict=True)) for point in points]
        stage.page.touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (x, y))
    touch("touchMove", (x, y + 40))
    touch("touchMove", (x, 690))
    until(lambda: last.bounding_box()["y"] < 600)
    touch("touchMove", (x, max(300, last.bounding_box()["y"] + 60)))
    until(lambda: "over" in last.get_attribute("class"))
    touch("touchEnd")
    until(lambda: stage.engine.ask("chain")[-1] == "Pedalboard")
