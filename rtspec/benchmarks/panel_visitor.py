"""Who visits a panel in a measurement, each in a process of its own: Chromium that looks, and a hand that turns."""

import json
import shutil
import sys
import time
from urllib.parse import urlsplit

from ..errors import RtspecError

TURNS_EVERY_S = 0.25
LOUD_DB, SOFT_DB = 0.0, -20.0


def chromium() -> str:
    """Where Chromium is."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise RtspecError("no Chromium is installed, which the panel is measured with; apt-get install chromium")
    return found


def driver():
    """Playwright's sync API, or a line that says what is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RtspecError("the panel is measured with Playwright; pip install playwright") from None
    return sync_playwright()


def arguments() -> list[str]:
    """Of Chromium: no sandbox where root runs it, which it refuses."""
    import os

    return ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []


STEADY = 1e-4
"""Of Chromium's layout shift (good pages are below .1): a figure that has a digit more, and nothing else."""

WATCH = """() => {
  const seen = (window.seen = { moved: 0, where: [], replaced: 0, gaps: [] });
  const moves = new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
      seen.moved += value;
      seen.where.push(...sources.map(({ node }) => (node?.closest ? node : node?.parentElement)?.className));
    }
  });
  moves.observe({ type: "layout-shift" });
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      const added = [...addedNodes].filter((node) => node.nodeType === 1);
      seen.replaced += added.length;
      seen.where.push(...added.map(() => `${target.tagName}.${target.className}`));
    }
  }).observe(document.body, { childList: true, subtree: true });
  let drawn = rtspec.sound.drawn, at = performance.now();
  const turn = (now) => {
    if (rtspec.sound.drawn !== drawn) { seen.gaps.push(now - at); drawn = rtspec.sound.drawn; at = now; }
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
}"""
"""What would flicker: elements that move on the page by themselves or are put in place of others, and pictures that
come late; watched from now on."""


FIRST = """const look = () => {
  if (window.rtspec?.sound.drawn > 0) window.drawnAt = performance.timeOrigin + performance.now();
  else requestAnimationFrame(() => setTimeout(look));
};
look();"""
"""The page itself notes, after a frame, that its first picture is drawn: one that is asked again and again is slower to
draw it."""


def look(url: str, seconds: float) -> dict[str, float]:
    """Look at a panel: pictures a second, drawn frames a second, seconds from the call to the first picture, and what
    would flicker (:data:`WATCH`)."""
    with driver() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(FIRST)
        begin = time.time()  # as the page's clock has it
        page.goto(url, wait_until="commit")
        while not (drawn_at := page.evaluate("window.drawnAt")):
            time.sleep(0.1)  # the page's policy forbids Playwright's own way to wait, which is eval
        first_s = drawn_at / 1000.0 - begin
        time.sleep(1.0)
        page.evaluate(WATCH)
        before, began = page.evaluate("[rtspec.sound.pictures, rtspec.sound.drawn]"), time.monotonic()
        time.sleep(seconds)
        after, took = page.evaluate("[rtspec.sound.pictures, rtspec.sound.drawn]"), time.monotonic() - began
        seen = page.evaluate("window.seen")
        browser.close()
    fps = [(b - a) / took for a, b in zip(before, after, strict=True)]
    return {"pictures_a_second": fps[0], "drawn_a_second": fps[1], "first_picture_s": first_s, **steadiness(seen)}


def steadiness(seen: dict) -> dict[str, float]:
    """The layout's shift by Chromium's measure, elements put in, and the 99th percentile of times between pictures."""
    gaps = sorted(seen["gaps"])
    late = gaps[int(0.99 * (len(gaps) - 1))] if gaps else float("inf")
    return {"layout_shift": seen["moved"], "elements_replaced": seen["replaced"], "picture_gap_p99_ms": late}


def turn(url: str, seconds: float) -> list[float]:
    """Turn the level down and up again and again; monotonic seconds of each turn."""
    from websockets.sync.client import connect

    parts, moments = urlsplit(url), []
    with connect(f"ws://{parts.netloc}/socket", origin=f"http://{parts.netloc}", compression=None) as socket:  # type: ignore[arg-type]
        socket.send(json.dumps({"token": parts.fragment}))
        chain = _chain(socket)
        address = next(p["address"] for card in chain for p in card["parameters"] if p["name"] == "output_db")
        end, soft = time.monotonic() + seconds, False
        while time.monotonic() < end:
            soft = not soft
            moments.append(time.monotonic())
            socket.send(json.dumps({"do": "set", "address": address, "value": SOFT_DB if soft else LOUD_DB}))
            _read_until(socket, time.monotonic() + TURNS_EVERY_S * (1.0 + 0.37 * (len(moments) % 7) / 7))
    return moments


def _chain(socket) -> list[dict]:
    while True:
        message = socket.recv(timeout=5)
        if isinstance(message, str) and "chain" in json.loads(message).get("state", {}):
            return json.loads(message)["state"]["chain"]


def _read_until(socket, end_s: float) -> None:
    while (left := end_s - time.monotonic()) > 0:
        try:
            socket.recv(timeout=left)
        except TimeoutError:
            return


if __name__ == "__main__":
    print(json.dumps({"look": look, "turn": turn}[sys.argv[1]](sys.argv[2], float(sys.argv[3]))))
