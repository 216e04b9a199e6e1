"""Hands on a panel in a browser, and the children that play behind it."""

import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from rtspec.audio.jack import why_unavailable

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = why_unavailable() or ("" if CHROMIUM else "chromium is not installed (Debian: apt-get install chromium)")
CHILD = Path(__file__).parent / "panel_child.py"
CATCH_UP_S = 15.0
START_S = 500.0
"""Of a child that may have to compile every kernel first, on a machine that is busy."""


class Child:
    """A child that answers a line with a line."""

    def __init__(self, server, role, folder):
        surroundings = {
            **server.environment,
            "PYTHONPATH": str(CHILD.parents[2]),
            "RTSPEC_PRESETS": str(folder / "presets"),
        }
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), role], env=surroundings, cwd=folder, text=True, stdin=pipe, stdout=pipe
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.into, self.out = self.process.stdin, self.process.stdout
        late = threading.Timer(START_S, self.process.kill)
        late.start()
        try:
            self.first = self._line()
        finally:
            late.cancel()  # it would keep pytest from ending

    def _line(self):
        line = self.out.readline()
        assert line, f"the child ended with {self.process.wait(10)}"
        return json.loads(line)

    def ask(self, word):
        self.into.write(f"{word}\n")
        self.into.flush()
        return self._line()

    def end(self):
        self.into.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def until(condition, timeout_s=CATCH_UP_S):
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not happen in {timeout_s} s"
        time.sleep(0.02)
    return found


def dial(page, parameter):
    return page.locator(f'[data-address="{parameter["address"]}"] .dial')


def centre(page, parameter):
    box = dial(page, parameter).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def by_mouse(page, parameter, way):
    x, y = centre(page, parameter)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30 * way, steps=2)
    page.mouse.up()


def by_touch(page, parameter, way):
    x, y = centre(page, parameter)
    for kind, at in (("touchStart", 0), ("touchMove", 15), ("touchMove", 30), ("touchEnd", None)):
        points = [] if at is None else [{"x": x, "y": y - at * way}]
        page.touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def by_keys(page, parameter, way):
    dial(page, parameter).focus()
    page.keyboard.press("PageUp" if way > 0 else "PageDown")


def by_switch(page, parameter):
    dial(page, parameter).click()


def moved(page, hand, parameter, value):
    """Move a control to somewhere else than `value`."""
    target = dial(page, parameter)
    if parameter["curve"] == "switch":
        hand.press(target)
    elif parameter["choices"]:
        hand.choose(target, parameter["choices"][(round(value - parameter["minimum"]) + 1) % len(parameter["choices"])])
    else:
        position = page.evaluate("(a) => rtspec.panel.knobs.get(a).position", parameter["address"])
        hand.turn(target, 1 if position < 0.5 else -1, 1)


# Three kinds of hands, each of which does the same --------------------------------------------------------------------


class Mouse:
    """Clicks and drags."""

    is_keys = False

    def __init__(self, page):
        self.page = page

    def press(self, target):
        target.click()

    def turn(self, target, way, steps):
        """Move a dial by so many tenths of its travel or more."""
        x, y = middle(target)
        self._drag((x, y), (x, y - 24 * way * steps))

    def place(self, field, x, y):
        """Put a square's dot to a place, by a drag."""
        self._drag(spot(field, x - 0.05 if x > 0.5 else x + 0.05, y), spot(field, x, y))

    def slide(self, target, x):
        """Move a range's thumb."""
        self._drag(spot(target, 0.5, 0.5), spot(target, x, 0.5))

    def choose(self, target, name):
        target.select_option(label=name)

    def carry(self, stage, title, over, way):
        """Drag a card over another by its grip."""
        grip = stage.page.get_by_role("button", name=f"Move {title}:")
        self._drag(middle(grip), spot(stage.page.locator(f'.card[aria-label="{over}"]'), 0.4, 0.4))

    @contextmanager
    def key_held(self, note):
        with self._held(spot(self.page.locator(f'[data-note="{note}"]'), 0.5, 0.9)):
            yield

    @contextmanager
    def strip_at_top(self, strip):
        with self._held(spot(strip, 0.5, 0.97)):
            yield

    @contextmanager
    def _held(self, at):
        self.page.mouse.move(*at)
        self.page.mouse.down()
        yield
        self.page.mouse.up()

    def _drag(self, start, end):
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=3)
        self.page.mouse.up()


class Touch(Mouse):
    """Fingers, one or several."""

    def press(self, target):
        target.tap()

    def press_several(self, targets, hold=False):
        """Several fingers at once."""
        points = [{**dict(zip("xy", spot(target, 0.5, 0.9), strict=True)), "id": i} for i, target in enumerate(targets)]
        self._send("touchStart", points)
        if not hold:
            self.lift()

    def lift(self):
        self._send("touchEnd", [])

    @contextmanager
    def _held(self, at):
        self._send("touchStart", [dict(zip("xy", at, strict=True))])
        yield
        self.lift()

    def _drag(self, start, end):
        between = [start[i] + 0.5 * (end[i] - start[i]) for i in (0, 1)]
        for kind, at in (("touchStart", start), ("touchMove", between), ("touchMove", end)):
            self._send(kind, [dict(zip("xy", at, strict=True))])
        self.lift()

    def _send(self, kind, points):
        self.page.touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


class Keys(Mouse):
    """The tabulator's order, arrows, Enter and letters."""

    is_keys = True

    def press(self, target):
        target.focus()
        self.page.keyboard.press("Enter")

    def turn(self, target, way, steps):
        target.focus()
        for _ in range(steps):
            self.page.keyboard.press("PageUp" if way > 0 else "PageDown")

    def place(self, field, x, y):
        """As near as steps of a fiftieth come, from where the dot says that it is."""
        field.focus()
        for at, to, less, more in zip(
            (0, 1), (x, y), ("ArrowLeft", "ArrowDown"), ("ArrowRight", "ArrowUp"), strict=True
        ):
            now = float(field.get_attribute("aria-valuetext").split(",")[at].strip(" %")) / 100
            steps = round((to - now) / 0.02)
            self._arrows((more if steps > 0 else less,), abs(steps))

    def _arrows(self, names, *times):
        for name, n in zip(names, times, strict=True):
            for _ in range(n):
                self.page.keyboard.press(name)

    def slide(self, target, x):
        target.focus()
        self.page.keyboard.press("ArrowRight" if x > 0.5 else "ArrowLeft")

    def choose(self, target, name):
        """Type what the entry begins with."""
        target.focus()
        self.page.keyboard.type(name)
        target.blur()

    def carry(self, stage, title, over, way):
        stage.page.get_by_role("button", name=f"Move {title}:").focus()
        self.page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")

    @contextmanager
    def key_held(self, note):
        letter = "awsedftgyhujkolp"[note - 48]
        self.page.keyboard.down(letter)
        yield
        self.page.keyboard.up(letter)

    @contextmanager
    def strip_at_top(self, strip):
        strip.focus()
        self._arrows(("ArrowUp",), 12)
        yield
        strip.blur()


def middle(target):
    return spot(target, 0.5, 0.5)


def spot(target, x, y):
    """A place on an element, from its left and lower edge, in shares of its size."""
    box = target.bounding_box()
    return box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"]


def on(chain):
    """A test that plays on one of the child's chains."""
    return pytest.mark.parametrize("stage", [chain], indirect=True)
