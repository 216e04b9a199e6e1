"""Hands on a panel in a browser, and the children that play behind it."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

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
        self.first = self._line()
        late.cancel()

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
