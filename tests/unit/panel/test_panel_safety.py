"""Who gets in, what is refused, and what clients that misbehave do to the sound: nothing."""

import json
import os
import random
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import numpy as np
import pytest
from panel_clients import heard, panel_client, raw_request, state_of, tell
from punctual import check_in_time, tried_twice
from websockets.exceptions import ConnectionClosed, InvalidStatus

import rtspec
from rtspec.panel import gate as gates
from rtspec.panel.dropping import MOST_BYTES
from rtspec.panel.gate import Gate
from rtspec.panel.verbs import VERBS

pytestmark = pytest.mark.timeout(180)
STOPPED_S = float(os.environ.get("RTSPEC_PANEL_STOPPED_S", "2"))
"""How long a client does not read, its pipe being full; 120 where there is time."""

SOUND = 0.1 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000, dtype=np.float32)[None]


@pytest.fixture(scope="module")
def stream():
    with rtspec.AudioStream(
        plugins=[rtspec.Equalizer()],
        source=rtspec.Loop(SOUND),
        devices=rtspec.Devices(virtual=True),
        control=rtspec.Control(panel=True),
    ) as playing:
        yield playing


def test_the_page_comes_with_a_policy_that_lets_nothing_else_in(stream):
    status, headers, body = raw_request(stream.panel_url, "/")
    assert status == 200 and b'src="main.js"' in body
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


def test_it_cannot_stand_in_a_frame(stream):
    _, headers, _ = raw_request(stream.panel_url, "/")
    assert "frame-ancestors 'none'" in headers["content-security-policy"] and headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_a_socket_from_another_origin_is_refused(stream, origin):
    with pytest.raises(InvalidStatus, match="403"), panel_client(stream.panel_url, origin=origin):
        pass


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.nip.io:{port}", None])
def test_another_host_is_refused(stream, host):
    port = urlsplit(stream.panel_url).port
    status, _, _ = raw_request(stream.panel_url, "/", Host=host and host.format(port=port))
    assert status in (400, 403)


def test_a_wrong_token_is_refused(stream, monkeypatch):
    monkeypatch.setattr(gates, "GUESS_PAUSE_S", 0.0)  # so that each of them is looked at
    for greeting in ({"token": "wrong"}, {"token": ""}, {"token": None}, {"password": "x"}, [], "token"):
        with panel_client(stream.panel_url, greeting) as client, pytest.raises(ConnectionClosed) as refused:
            client.recv(timeout=5)
        assert refused.value.rcvd is not None and refused.value.rcvd.code == 4401, greeting
    with panel_client(stream.panel_url) as client:
        assert state_of(client)
    stream._performance.panel._server.gate._wrong_at = -np.inf


@pytest.mark.parametrize(
    "path",
    ["/../panel.py", "/%2e%2e/panel.py", "/..%2fgate.py", "//etc/passwd", "/page/index.html", "/main.js/../../panel.py",
     "/%00", "/style.css%00.html", "http://evil.example/"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(stream, path):
    status, _, body = raw_request(stream.panel_url, path)
    assert status in (400, 403, 404) and len(body) < 200


def test_guesses_have_to_wait():
    gate = Gate("127.0.0.1", 80)
    assert not gate.admits({"token": "wrong"})
    assert not gate.admits({"token": gate.token}), "right after a wrong one none is looked at"


def test_others_are_let_in_only_with_a_password_that_is_worth_the_name():
    with pytest.raises(rtspec.errors.InvalidValue, match="give a password too"):
        rtspec.PanelSettings(host="0.0.0.0")
    with pytest.raises(rtspec.errors.InvalidValue, match="guessed soon"):
        rtspec.PanelSettings(host="0.0.0.0", password="short")
    assert Gate("0.0.0.0", 80, "long enough").admits({"password": "long enough"})


def test_ten_thousand_random_messages_do_no_harm(stream):
    chance, before = random.Random(0), stream.statistics
    with panel_client(stream.panel_url) as client:
        known = [p["address"] for card in state_of(client)["chain"] for p in card["parameters"]]
        for i in range(10_000):
            client.send(_random_message(chance, known))
            if i % 100 == 99:
                _drain(client)
        tell(client, "undo")
    stream.plugins[:] = [rtspec.Equalizer()]
    with panel_client(stream.panel_url) as client:
        assert state_of(client)["stream"]["active"]
        assert heard(client, lambda message: message.get("picture"))
    after = stream.statistics
    assert stream.active and after.bad_samples == before.bad_samples and after.callbacks > before.callbacks
    table = stream.plugins[0].parameters
    assert all(p.spec.minimum <= p.value <= p.spec.maximum for p in table.values())


UNHARMED = sorted(set(VERBS) - {"device", "save", "save_map", "record", "adopt", "dropped"})
"""What is sent at random: all that neither leaves a file nor starts a process or a device."""


def _random_message(chance, known):
    kind = chance.random()
    if kind < 0.1:
        return chance.randbytes(chance.randrange(300))
    if kind < 0.2:
        return chance.choice(
            ["{", "[]", "null", '{"do":1}', "1e999", '{"do":"set","value":NaN}', "[" * 5000, '"\\ud800"']
        )
    verb = chance.choice([*UNHARMED, "nothing", ""])
    fields = VERBS[verb].fields if verb in VERBS else {"a": None}
    values = [
        None,
        True,
        -1,
        0,
        1,
        63,
        1e300,
        -1e300,
        "",
        "x" * 500,
        "../..",
        "bend",
        [],
        {},
        [[0, 1]],
        chance.choice(known),
    ]
    return json.dumps({"do": verb, **{name: chance.choice(values) for name in fields if chance.random() < 0.95}})


def _drain(client):
    """Read what waits, so that our own pipe does not fill."""
    try:
        while True:
            client.recv(timeout=0)
    except TimeoutError:
        pass


@tried_twice(limit_s=STOPPED_S + 60)
def test_a_client_that_stops_reading_disturbs_nobody(stream):
    with _deaf_client(stream) as stopped, panel_client(stream.panel_url) as reading:
        knob = next(p["address"] for card in state_of(reading)["chain"] for p in card["parameters"])
        theirs = _filled(stream, stopped)
        before, missed, pictures, end = stream.statistics, theirs.pictures_missed, 0, time.monotonic() + STOPPED_S
        with suppress(TimeoutError):
            while (left := end - time.monotonic()) > 0:
                pictures += isinstance(reading.recv(timeout=left), bytes)
        after = stream.statistics
        assert theirs.pictures_missed > missed, "of the one that reads nothing only the latest is kept"
        assert after.callbacks > before.callbacks
        for value in (0.5, 1.0):
            tell(reading, "set", address=knob, value=value)
            heard(reading, lambda message, now=value: message.get("values", {}).get(knob) == now)
        missing = max(0, round(15 * STOPPED_S) - pictures)
        seen = {"pictures_missing": missing, "overruns": after.overruns - before.overruns}
        check_in_time(seen, *seen)


def _deaf_client(stream):
    """A client that reads nothing, and whose system keeps little for it."""
    parts = urlsplit(stream.panel_url)
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.connect((parts.hostname, parts.port))
    return panel_client(stream.panel_url, max_queue=1, sock=line)


def _filled(stream, client):
    """Fill a client's pipe with answers that it does not read; the server's end of it."""
    theirs = sorted(stream._performance.panel._server._clients.items())[-2][1]  # the last is the one that reads
    before, end = theirs.pictures_missed, time.monotonic() + 30
    while theirs.pictures_missed < before + 5:
        assert time.monotonic() < end, "a pipe that nobody empties takes all"
        client.send('{"do": "nothing"}')
        time.sleep(0.0005)
    return theirs


@pytest.mark.parametrize(
    "name, size, why",
    [("big.onnx", MOST_BYTES + 1, "may have"), ("model.exe", 10, "no .onnx"), ("../../etc/passwd", 10, "no .onnx"),
     (".onnx", 10, "no .onnx")],
)  # fmt: skip
def test_files_that_cannot_be_models_are_refused_before_they_come(stream, name, size, why):
    with panel_client(stream.panel_url) as client:
        tell(client, "drop", name=name, size=size)
        assert why in heard(client, lambda message: message.get("error"))


def test_more_than_was_said_does_not_come_in(stream):
    with panel_client(stream.panel_url) as client:
        tell(client, "drop", name="a.onnx", size=10)
        client.send(b"x" * 11)
        assert "larger than" in heard(client, lambda message: message.get("error"))
        client.send(b"x")
        assert "belong to no file" in heard(client, lambda message: message.get("error"))
