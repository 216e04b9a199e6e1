"""What a page shows badly: measured in the boxes of its elements and of their words, at any width of the window."""

from pathlib import Path

WIDTHS = (360, 820, 1280, 3840)

PUT = """(end) => rtspec.panel.place(Object.fromEntries([...rtspec.panel.store.parameters.values()]
  .map((p) => [p.address, p.name === "bypass" ? 1 : p[end]])))"""
"""All knobs at one of their ends; bypassed, since that is told beside each card's title and lets the engine rest."""

DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"

HIDDEN = "(on) => { document.getElementById('sound').hidden = on; }"
"""The pictures of the sound, since to draw them takes most of the time."""

FAULTS = Path(__file__).with_suffix(".js").read_text()


def faults(page, width):
    """What is cut, covered or outside of its card in a window of this width, all knobs at either end; a line each."""
    page.evaluate(HIDDEN, True)
    page.set_viewport_size({"width": width, "height": 2000})
    found = []
    for end in ("minimum", "maximum"):
        page.evaluate(PUT, end)
        page.evaluate(DRAWN)
        found += [f"{width} px, {end}: {line}" for line in page.evaluate(FAULTS)]
    page.evaluate(HIDDEN, False)
    return found
