"""What a terminal, a pipe and a script see of a stream."""

import json
import re
import time

import numpy as np
import pytest
from rich.console import Console

import rtspec as rt
from rtspec.cli.live_view import FLOOR_DB, FullView, bar, level_db, make_view

CHAIN = ["--virtual", "--rate", "48000", "--processor", "onnx:identity"]
LINE = re.compile(r" +\d+\.\d s  in +-\d+\.\d dB  out +-\d+\.\d dB  load +\d+ %  late \d+  underruns \d+  overruns \d+")


def test_a_pipe_gets_at_most_one_line_a_second(rtspec):
    ran = rtspec("live", "--seconds", "2.4", *CHAIN)
    assert ran.status == 0 and ran.err == ""
    assert 1 <= len([line for line in ran.out.splitlines() if LINE.fullmatch(line)]) <= 2


@pytest.mark.parametrize("quiet", [["--quiet"], ["--json"], ["--quiet", "--json"]])
def test_a_script_gets_none(rtspec, quiet):
    ran = rtspec("live", "--seconds", "1.3", *CHAIN, *quiet)
    assert ran.status == 0 and ran.err == "" and not LINE.search(ran.out)
    assert "--json" not in quiet or json.loads(ran.out)["statistics"]["callbacks"] > 100


def test_where_osc_listens_is_said(rtspec):
    assert "OSC on 127.0.0.1:" in rtspec("live", "--seconds", "0.1", *CHAIN, "--osc", "0").err
    open_to_all = rtspec("live", "--seconds", "0.1", *CHAIN, "--osc", "0", "--osc-host", "0.0.0.0").err
    assert "anyone on the network can move parameters" in open_to_all


def test_the_full_view_shows_levels_load_parameters_and_reports():
    source = np.full((1, 48000), 0.5, np.float32)
    processor = rt.OnnxProcessor("tilt-gate", output_db=-6)
    view = FullView("the title")
    view.say("something happened")
    with rt.AudioStream(
        plugins=[processor], source=rt.Loop(source), devices=rt.Devices(virtual=True), control=rt.Control(osc_port=0)
    ) as stream:
        time.sleep(0.3)
        console = Console(record=True, width=110, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(view._drawn(stream))
    drawn = console.export_text()
    words = ("the title", "-6.0 dB", "load", "underruns", "1-onnx/tilt_db_per_octave", "OSC 0", "something happened")
    assert [word for word in words if word not in drawn] == []


def test_the_full_view_shows_what_a_processor_finds():
    eq, source = rt.SceneEqualizer("scene", listen="signal"), np.full((1, 48000), 0.1, np.float32)
    view = FullView("the title")
    with rt.AudioStream(plugins=[eq], source=rt.Loop(source), devices=rt.Devices(virtual=True)) as stream:
        time.sleep(0.3)
        console = Console(record=True, width=110, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(view._drawn(stream))
    drawn = console.export_text()
    assert [name for name in eq.reading_names if name not in drawn] == []
    assert f"and {len(eq.readings()) - 8} more" in drawn


def test_bars_and_levels_stay_in_range():
    assert bar(-1, 4) == "····" and bar(0.5, 4) == "██··" and bar(7, 4) == "████"
    assert level_db(1.0) == 0 and level_db(0.0) == level_db(1e-9) == FLOOR_DB


def test_reports_reach_stderr_unless_nothing_is_wanted(capsys):
    for kind in ("lines", "reports", "none"):
        make_view(kind, "").say(kind)
    assert capsys.readouterr().err == "rtspec: lines\nrtspec: reports\n"
