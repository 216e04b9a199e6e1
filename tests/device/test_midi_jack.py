"""Real MIDI ports on a JACK server of our own: every message, in order; a port that goes and comes back; a dead server.

Everything that touches the server runs in a child process under a timeout: a client whose server is gone may hang.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

CHILDREN = Path(__file__).parents[1] / "support" / "midi_children.py"
MESSAGES = 1500
PERIOD = 256
"""Frames. A machine too busy for a period makes JACK drop what was sent in it, whoever listens; long ones are safer."""


@pytest.fixture(scope="module")
def server():
    with JackServer(period=PERIOD) as running:
        yield running


def start(server, role, *arguments, **changes):
    command = [sys.executable, str(CHILDREN), role, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment(server, **changes), text=True, stdin=pipe, stdout=pipe, stderr=pipe
    )


def environment(server, **changes):
    """Of a child: the server, and this checkout where rtspec is not installed."""
    return {**server.environment, "PYTHONPATH": str(CHILDREN.parents[2]), **changes}


def line_of(child, word):
    """The next line of a child, which must begin with this word."""
    line = child.stdout.readline()
    assert line.startswith(word), f"{line!r} is not {word!r}; stderr: {child.stderr.read() if not line else ''}"
    return line.removeprefix(word).strip()


def tell(child, word="go"):
    child.stdin.write(f"{word}\n")
    child.stdin.flush()


def milliseconds(starts, ends):
    """Median, 99th percentile and maximum of differences, in words."""
    late = sorted(1000 * (end - start) for start, end in zip(starts, ends, strict=True))
    return f"median {late[len(late) // 2]:.2f}, p99 {late[len(late) * 99 // 100]:.2f}, max {late[-1]:.2f} ms"


def finish(*children):
    for child in children:
        try:
            _, complaints = child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        assert child.returncode == 0, complaints


def check_all_came(numbers, count):
    """Each once and in order; what is missing may have come while the machine was late: JACK drops it then."""
    assert numbers == sorted(set(numbers))
    check_in_time({"missing": count - len(numbers)}, "missing")


@tried_twice()
@pytest.mark.parametrize("load", ["free", "burning"])
def test_every_message_of_another_process_arrives_in_order_with_its_time(server, load):
    sender = start(server, "send", MESSAGES, 500)
    line_of(sender, "ready")
    receiver = start(server, "receive", "numbers", MESSAGES, load)
    line_of(receiver, "ready")
    tell(sender)
    found = json.loads(line_of(receiver, "result"))
    sent = json.loads(line_of(sender, "sent"))
    finish(sender, receiver)
    check_all_came(found["numbers"], MESSAGES)
    assert found["statistics"]["messages"] == MESSAGES
    assert [found["statistics"][name] for name in ("garbage", "dropped", "overflows", "lost", "torn", "failed")] == [
        0
    ] * 6
    assert found["backwards"] == 0 and found["early"] == 0
    stamps, heard = (milliseconds(sent, [came[which] for came in found["came"]]) for which in (0, 1))
    came = f"{len(found['numbers'])} of {MESSAGES} messages at 500/s, the GIL {load}"
    print(f"\n{came}: send to time stamp {stamps}; send to listener {heard}")


@tried_twice()
def test_without_rtmidi_ports_are_found_and_all_messages_arrive(server):
    sender = start(server, "send", MESSAGES, 500)
    line_of(sender, "ready")
    receiver = start(server, "receive", "numbers", MESSAGES, WITHOUT_RTMIDI="1")
    line_of(receiver, "ready")
    tell(sender)
    found = json.loads(line_of(receiver, "result"))
    line_of(sender, "sent")
    finish(sender, receiver)
    check_all_came(found["numbers"], MESSAGES)


def heard_between(server, broken):
    """What an input makes of 180 numbered messages and the broken ones between them."""
    sender = start(server, "mangle", 180, broken)
    line_of(sender, "ready")
    receiver = start(server, "receive_bends", "numbers", 180)
    line_of(receiver, "ready")
    tell(sender)
    found = json.loads(line_of(receiver, "result"))
    line_of(sender, "sent")
    finish(sender, receiver)
    return found


@tried_twice()
def test_running_status_and_broken_messages_between_others_lose_none_of_these(server):
    found = heard_between(server, "MANGLED")
    check_all_came(found["numbers"], 180)
    assert {62, 64} <= set(found["keys"])  # the second of them came by running status
    assert found["statistics"]["garbage"] > 0 and found["statistics"]["failed"] == 0


@tried_twice()
def test_a_system_exclusive_without_end_takes_no_message_with_it(server):
    check_all_came(heard_between(server, "UNENDING")["numbers"], 180)


@pytest.mark.timeout(90)
def test_the_instrument_is_silent_and_plays_on_after_broken_messages(server):
    sender = start(server, "mangle", 120)
    line_of(sender, "ready")
    player = start(server, "play", "numbers", 60)
    line_of(player, "ready")
    tell(sender)
    line_of(sender, "sent")
    tell(player)
    levels = json.loads(line_of(player, "levels"))
    finish(sender, player)
    assert max(levels[:-10]) > 1e-3  # some of it were notes
    assert min(levels[-10:-5]) < 1e-4  # all notes off
    assert max(levels[-7:]) > 1e-2 and levels[-1] < 1e-4  # the last note, and its end


@pytest.mark.timeout(60)
def test_a_port_that_vanishes_is_reported_once_and_found_again(server):
    sender = start(server, "send", 10, 500, "plugged")
    line_of(sender, "ready")
    receiver = start(server, "follow", "plugged", 10)
    line_of(receiver, "heard 0")
    tell(sender)
    line_of(receiver, "heard 10")
    finish(sender)
    line_of(receiver, "gone")
    time.sleep(2.5)  # long enough for more reports, if there were any
    again = start(server, "send", 10, 500, "plugged")
    line_of(again, "ready")
    tell(receiver)
    line_of(receiver, "heard 10")
    tell(again)
    line_of(receiver, "heard 20")
    tell(receiver)
    reports = json.loads(line_of(receiver, "reports"))
    finish(again, receiver)
    assert len(reports) == 2
    assert "vanished; plug it in again" in reports[0] and "is there; listening" in reports[1]


@pytest.mark.timeout(60)
def test_auto_waits_for_the_first_port_and_names_are_found(server):
    receiver = start(server, "follow", "auto", 5)
    line_of(receiver, "heard 0")
    sender = start(server, "send", 5, 500, "late comer")
    line_of(sender, "ready")
    tell(receiver)
    line_of(receiver, "heard 0")
    tell(sender)
    line_of(receiver, "heard 5")
    finish(sender)
    line_of(receiver, "gone")
    receiver.kill()
    receiver.communicate()
    names = start(server, "names")
    found = json.loads(line_of(names, "names"))
    finish(names)
    assert found["all"] == ["first:out", "second:out"]
    assert found["second"] == found["1"] == found["second:out"] == "second:out"
    assert found["auto"] == "first:out"
    assert found["out"].startswith("'out' fits several ports; choose one of 0 'first:out'; 1 'second:out'")
    assert found["third"].startswith("'third' is no MIDI input port; choose one of 0 'first:out'")


@pytest.mark.timeout(90)
def test_an_input_survives_its_servers_death_and_plays_on_the_next():
    first = JackServer(period=128)
    child = start(first, "survive")
    line_of(child, "heard 1")
    first.kill()
    tell(child)
    line_of(child, "alive True")
    with JackServer(period=128) as second:
        tell(child, second.name)
        line_of(child, "heard 2")
        tell(child)
        reports = json.loads(line_of(child, "reports"))
        finish(child)
    assert len(reports) == 4 and "no MIDI port yet" in reports[0] and "server of the ports ended" in reports[2]
    assert all("listening" in report for report in (reports[1], reports[3]))


@pytest.mark.timeout(60)
def test_without_a_server_there_is_no_port_and_no_noise(server):
    command = [sys.executable, str(CHILDREN), "nothing"]
    elsewhere = environment(server, JACK_DEFAULT_SERVER=f"{server.name}-none")
    done = subprocess.run(command, env=elsewhere, capture_output=True, text=True, timeout=40)
    assert done.stdout.splitlines() == [
        "ports []",
        "there is no MIDI input port; plug a controller in or start a JACK server",
        "auto None True",
    ]
    assert done.stderr == ""
