"""A fault is the machine's own only where it came while it was held up; the panel's benchmark judges the rest."""

import time

import numpy as np
import pytest

from rtspec.benchmarks import panel
from rtspec.benchmarks.faults import BEFORE_S, Faults
from rtspec.buffers.atomics import publish
from rtspec.buffers.memory import address, aligned


class HeldUpAt:
    """A watch that saw the machine held up from one moment to another."""

    def __init__(self, first_s=0.0, last_s=0.0):
        self.first_s, self.last_s = first_s, last_s

    def was_late(self, first_s, last_s):
        return self.first_s < last_s and self.last_s > first_s


@pytest.fixture
def counts():
    """Two counts that grow, and what follows them."""
    kept = aligned(2, np.int64)
    with Faults({"late": address(kept), "lost": address(kept) + 8}) as faults:
        yield kept, faults


def counted(kept, index, by=1):
    """A fault, and the moments between which it was seen."""
    time.sleep(2 * BEFORE_S)
    before = time.monotonic()
    publish(kept, index, int(kept[index]) + by)
    time.sleep(0.03)
    return before, time.monotonic()


def test_only_what_came_in_a_moment_of_the_machine_is_the_machines(counts):
    kept, faults = counts
    first, second = counted(kept, 0, 2), counted(kept, 1)
    always = HeldUpAt(0.0, float("inf"))
    assert faults.of_the_host(always) == {"late": 2, "lost": 1}
    assert faults.of_the_host(HeldUpAt()) == {"late": 0, "lost": 0}
    assert faults.of_the_host(HeldUpAt(*first)) == {"late": 2, "lost": 0}
    assert faults.of_the_host(HeldUpAt(*second)) == {"late": 0, "lost": 1}


def test_who_holds_the_interpreter_is_not_excused_by_what_comes_later(counts):
    """The moment is known to the milliseconds, though no Python could look at it for a fifth of a second."""
    kept, faults = counts
    time.sleep(2 * BEFORE_S)
    began = time.monotonic()
    publish(kept, 0, 1)
    sorted(np.random.default_rng(0).random(1_000_000).tolist())  # in one step, in which nobody else has the interpreter
    ended = time.monotonic()
    assert ended - began > 0.1
    assert faults.of_the_host(HeldUpAt(began + 0.08, ended)) == {"late": 0, "lost": 0}
    assert faults.of_the_host(HeldUpAt(began, began + 0.08)) == {"late": 1, "lost": 0}


PROMISES = ("no late callbacks", "no underruns", "timed MIDI events come, no later than without")
ROW = {
    **{key: 0 for name in panel.FAULTS for key in (name, f"{name}_host")},
    "callback_p99_us": 20.0,
    "midi_events": 100,
}
LOOKED = {"layout_shift": 0.0, "elements_replaced": 0, "drawn_a_second": 30.0, "panel_share": 0.01, "knob_ms": [1.0]}


def promised(monkeypatch, row, without):
    """What is kept where these were measured with a panel and without."""
    monkeypatch.setattr(panel, "chromium", lambda: None)
    monkeypatch.setattr(panel, "driver", lambda: None)
    measured = {"with": row, "without": without, "first_picture_s": 0.5, **LOOKED}
    monkeypatch.setattr(panel, "measured", lambda job: measured)
    return panel.run(4.0)["promises"]


@pytest.mark.parametrize(
    ("name", "promise"),
    [*zip(panel.FAULTS, PROMISES, strict=True)],
)
@pytest.mark.parametrize(("counted", "of_the_host"), [(0, 0), (3, 3), (3, 2), (1, 0)])
def test_one_fault_beyond_the_machines_breaks_the_promise(monkeypatch, name, promise, counted, of_the_host):
    row = ROW | {name: counted, f"{name}_host": of_the_host}
    promises = promised(monkeypatch, row, ROW)
    assert promises.pop(promise) is (counted == of_the_host)
    assert all(promises.values())


@pytest.mark.parametrize(
    ("with_panel", "without", "kept"), [(0, 0, True), (1, 0, False), (14, 9, True), (19, 9, False)]
)
def test_late_events_are_judged_beside_those_of_the_run_without(monkeypatch, with_panel, without, kept):
    promises = promised(monkeypatch, ROW | {"late_events": with_panel}, ROW | {"late_events": without})
    assert promises[PROMISES[2]] is kept
