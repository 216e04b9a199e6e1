// What of a page is cut, covered or outside of its card: a line each, from the boxes of elements and of their words.
() => {
  const SLACK = 1.5, ARROW = 16, faults = [];
  const AREA = ".card, .section, #bar, #keys, .view, dialog";
  const SCROLLED = ".presets, .messages, .faults", HIDDEN = "thead, .dot, option";
  const named = (e) => `${e.closest(AREA)?.getAttribute("aria-label") ?? ""}: ${e.tagName}.${e.className} ${(e.getAttribute("aria-label") ?? e.textContent).slice(0, 30)}`;
  const fault = (kind, e, by) => by > SLACK && faults.push(`${kind} by ${by.toFixed(1)}: ${named(e)}`);
  const aside = (box, room) => Math.max(room.left - box.left, box.right - room.right);
  const beyond = (box, room) => Math.max(aside(box, room), room.top - box.top, box.bottom - room.bottom);
  const box = (e) => e.getBoundingClientRect();
  const root = document.documentElement, texts = [], pen = document.createElement("canvas").getContext("2d");
  fault("the page scrolls sideways", document.body, root.scrollWidth - root.clientWidth);
  for (const card of document.querySelectorAll(".card")) {
    const names = [...card.querySelectorAll(".control .name")];
    names.forEach((e, i) => { if (names.slice(0, i).some((other) => other.textContent === e.textContent)) fault("a second of this name", e, Infinity); });
  }
  for (const e of document.querySelectorAll(":is(.card, #side, #bar, #keys, #sound, dialog) *")) {
    if (!e.checkVisibility({ visibilityProperty: true }) || e.closest(HIDDEN) || e.closest("svg, canvas")) continue;
    const area = e.closest(AREA), style = getComputedStyle(e);
    if (!e.closest(SCROLLED)) {
      fault("outside of its card", e, beyond(box(e), box(area)));
      for (let up = e.parentElement; up !== area && area.contains(up); up = up.parentElement)
        if (getComputedStyle(up).overflowX !== "visible") fault("cut", e, aside(box(e), box(up)));
    }
    if (style.textOverflow === "ellipsis" && !e.matches(".faults, .title")) fault("words cut", e, e.scrollWidth - e.clientWidth);
    if (e.tagName === "SELECT" && e.selectedOptions.length) {
      pen.font = style.font;
      const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - ARROW;
      fault("choice cut", e, pen.measureText(e.selectedOptions[0].textContent).width - room);
    }
    for (const node of e.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE || !node.textContent.trim() || e.closest(SCROLLED)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const words = range.getBoundingClientRect(), control = e.closest(".control");
      if (control) fault("words wider than their control", e, aside(words, box(control)) - 2 * SLACK);
      texts.push([e, words, area]);
    }
  }
  texts.forEach(([e, one, area], i) => {
    for (const [other, two, same] of texts.slice(i + 1)) {
      const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
      if (same === area && high > 3) fault(`over ${named(other)}`, e, Math.min(one.right, two.right) - Math.max(one.left, two.left));
    }
  });
  return faults;
}
