"""Nothing is told outside and no file is left elsewhere, seen by strace, with a real JACK server and without sound."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from rtspec.audio.jack import why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
BENCH = Path(__file__).parents[2] / "bench"
TELLING = """
import os, socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
open("/etc/resolv.conf").close()
open(os.path.expanduser("~/id"), "w").close()
open("own", "w").close()
"""


def test_what_reaches_outside_is_seen(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    outside = import_module("outside")
    beyond, local, files = outside.reached(outside.traced(["-c", TELLING], tmp_path, dict(os.environ)), tmp_path)
    assert any("AF_INET" in call for call in beyond) and any("resolv.conf" in call for call in beyond)
    assert local == [] and files == {str(tmp_path / "home/id")}


@pytest.mark.timeout(300)
def test_demo_render_and_live_reach_nothing_outside():
    done = subprocess.run([sys.executable, BENCH / "outside.py"], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["| demo", "| render", "| live", "| demo on JACK", "| live on JACK"]
    assert all("jack" in row[2] for row in rows[3:])
