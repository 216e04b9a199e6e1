"""A chain that plays on JACK behind a panel, its page in a real Chromium, and the hands on it: a plugin of fixtures."""

import os

import numpy as np
import pytest
from panel_hands import CHROMIUM, Child, Keys, Mouse, Touch, until

from rtspec.audio.jack import JackServer

HANDS = (Mouse, Touch, Keys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("controls")


@pytest.fixture(scope="module")
def engine(folder, request):
    """The child that a module's ROLE names, one that plays, on a server of its PERIOD."""
    with JackServer(period=getattr(request.module, "PERIOD", 256)) as server:
        child = Child(server, getattr(request.module, "ROLE", "play"), folder)
        yield child
        child.end()


@pytest.fixture(scope="module")
def page(engine):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.getuid() == 0 else [])
        context = browser.new_context(viewport={"width": 1500, "height": 3000}, has_touch=True)
        opened = context.new_page()
        errors = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.set_default_timeout(20_000)
        opened.goto(engine.first)
        opened.touch = context.new_cdp_session(opened)  # type: ignore[attr-defined]
        yield opened
        assert errors == []
        browser.close()


class Stage:
    """A chain that plays, its page and the hands on it."""

    def __init__(self, page, engine, chain):
        self.page, self.engine = page, engine
        before = self.names()
        self.titles = engine.ask(f"wear {chain}")
        until(lambda: self.order() == self.titles and not before & self.names())
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        page.evaluate("document.activeElement?.blur()")
        self.hands = [hand(page) for hand in HANDS]

    def order(self):
        """Titles of the cards as they stand on the page."""
        titles = "(cards) => cards.map((card) => card.getAttribute('aria-label'))"
        return self.page.locator(".card").evaluate_all(titles)

    def names(self):
        """Of the cards: others than those of a chain that is worn no longer."""
        return set(self.page.locator(".card").evaluate_all("(cards) => cards.map((card) => card.dataset.card)"))

    def dial(self, name):
        return self.page.locator(f'.control[data-address$="/{name}"] .dial').first

    def button(self, name, **how):
        return self.page.get_by_role("button", name=name, **how)

    def values(self):
        return self.engine.ask("values")

    def until_value(self, address, holds):
        until(lambda: holds(self.values()[address]))

    def until_chain(self, *wanted):
        until(lambda: self.engine.ask("chain") == list(wanted))

    @property
    def level(self):
        """Of the sound once it has settled, in dB."""
        found = [self._level_now()]
        until(lambda: found.append(self._level_now()) or abs(found[-1] - found[-2]) < 1.5)
        return found[-1]

    def _level_now(self):
        return self.engine.ask("sound")["rms_db"]

    @property
    def octaves(self):
        return np.array(self.engine.ask("sound")["octaves_db"])

    def until_level(self, holds):
        until(lambda: holds(self._level_now()))


@pytest.fixture
def stage_of(page, engine):
    """What makes a stage of a chain's name, or of a card's."""
    return lambda chain: Stage(page, engine, chain)


@pytest.fixture
def stage(page, engine, request):
    """The chain that a test's parameter names."""
    return Stage(page, engine, request.param)
