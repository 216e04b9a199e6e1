"""A browser that has just come sees the sound soon: all scripts in one piece, and a picture that waits for no turn."""

import re
import time

import numpy as np
from panel_clients import heard, panel_client

import rtspec
from rtspec.panel import panel as panel_module
from rtspec.panel.files import in_one, page


def test_all_scripts_come_as_one_that_asks_for_no_other():
    script = page()["/main.js"][1].decode()
    assert not re.findall(r"^\s*(?:import|export)\b.*", script, re.MULTILINE)
    files = {path[1:-3] for path in page() if path.endswith(".js")} - {"main"}
    made = {name: at.start() for name in files for at in re.finditer(rf"^const \${name} = ", script, re.MULTILINE)}
    assert set(made) == files, "each of them is used by some other"
    for names, used in re.findall(r"^const \{ ([\w, ]+) \} = \$(\w+);$", script, re.MULTILINE):
        given = re.search(rf"^const \${used} = .*?^return \{{ ([\w, ]+) \}};$", script, re.MULTILINE | re.DOTALL)
        assert given is not None and set(names.split(", ")) <= set(given[1].split(", ")), used


def test_what_is_imported_stands_before_and_only_once():
    low = "export const one = 1;\n"
    high = 'import { one } from "./low.js";\nexport function two() { return one + 1; }\n'
    main = 'import { two } from "./high.js";\nimport { one } from "./low.js";\nsay(one, two());\n'
    script = in_one({"main": main, "high": high, "low": low}, "main")
    assert re.findall(r"^const \$(\w+) = ", script, re.MULTILINE) == ["low", "high", "main"]
    assert script.count("const one = 1;") == 1 and "return { two };" in script and "const { two } = $high;" in script


def test_the_first_picture_waits_for_no_turn(monkeypatch):
    monkeypatch.setattr(panel_module, "IDLE_S", 600.0)
    source = np.zeros((2, 4800), np.float32)
    options = {"devices": rtspec.Devices(virtual=True), "control": rtspec.Control(panel=True)}
    with (
        rtspec.AudioStream(source=rtspec.Loop(source), sample_rate=48000, buffer_size=256, **options) as stream,
        panel_client(stream.panel_url) as client,
    ):
        assert heard(client, lambda message: message.get("picture"))


def test_devices_are_looked_for_before_anyone_comes():
    """A list that grew after the first picture would put elements into a page that a hand is on already."""
    source = rtspec.Loop(np.zeros((2, 4800), np.float32))
    options = {"devices": rtspec.Devices(virtual=True), "control": rtspec.Control(panel=True)}
    with rtspec.AudioStream(source=source, sample_rate=48000, buffer_size=256, **options) as stream:
        panel, end = stream._performance.panel, time.monotonic() + 20.0
        assert panel is not None
        desk = panel._desk
        while not desk.devices["outputs"]:
            assert time.monotonic() < end, "nobody looked"
            time.sleep(0.01)
        assert desk.devices["outputs"][-1] == "virtual"
