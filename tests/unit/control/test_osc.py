"""OSC over real sockets: set, ask, list, echo; garbage and floods are counted and change nothing."""

import random
import socket
import threading
import time

import pytest
from control_toys import MixToyProcessor, Native, chain, in_range, values
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

import rtspec
from rtspec.control.osc.parsing import parsed_messages
from rtspec.control.osc.server import MOST_SUBSCRIBERS, OscServer
from rtspec.errors import DeviceError, InvalidValue

MORPH = "/rtspec/1-timbre-toy/morph"


def message(address, *arguments):
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build()


class Controller:
    """A peer with a socket of its own."""

    def __init__(self, server):
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def send(self, address, *arguments):
        self.raw(message(address, *arguments).dgram)

    def raw(self, datagram):
        self.socket.sendto(datagram, ("127.0.0.1", self.server.port))

    def hear(self):
        found = OscMessage(self.socket.recv(65536))
        return found.address, *found.params

    def silent(self, seconds=0.15):
        self.socket.settimeout(seconds)
        try:
            return self.hear()
        except TimeoutError:
            return None
        finally:
            self.socket.settimeout(5)


@pytest.fixture
def toys():
    return chain()


@pytest.fixture
def server(toys):
    with OscServer(toys, port=0) as running:
        yield running


@pytest.fixture
def peers(server):
    made = [Controller(server) for _ in range(2)]
    yield made
    for controller in made:
        controller.socket.close()


def until(condition):
    end, pause = time.monotonic() + 10, threading.Event()
    while not condition() and time.monotonic() < end:
        pause.wait(0.002)
    assert condition()


# Setting and asking ---------------------------------------------------------------------------------------------------


def test_a_parameter_is_set_in_its_unit_and_from_0_to_1(server, peers, toys):
    level = toys[0].parameters["output_db"]
    for address, sent, expected in (
        ("/rtspec/1-timbre-toy/output_db", -12.0, -12.0),
        ("/rtspec/1-timbre-toy/output_db/raw", 1.0, 24.0),
        ("/rtspec/1-timbre-toy/output_db", -6, -6.0),
        ("/rtspec/output_db", 3.0, 3.0),
        ("/rtspec/timbre-toy/output_db/raw", 0, -60.0),
    ):
        before = server.statistics.applied
        peers[0].send(address, sent)
        until(lambda: server.statistics.applied > before)  # noqa: B023
        assert level.value == expected


def test_a_real_board_has_its_addresses():
    board = rtspec.Pedalboard([rtspec.SpectralInversion()])
    with OscServer(board, port=0) as server:
        server.receive(message("/rtspec/1-spectral-inversion/mix", 0.5).dgram, ("127.0.0.1", 9))
    assert board[0].mix == 0.5


def test_a_question_is_answered_to_whoever_asked(server, peers):
    peers[0].send(MORPH)
    assert peers[0].hear() == (MORPH, 0.25)
    peers[0].send("/rtspec/1-timbre-toy/output_db/raw")
    address, value = peers[0].hear()
    assert address.endswith("/raw") and value == pytest.approx(60 / 84)
    assert peers[1].silent() is None


def test_the_list_names_every_parameter_with_value_range_and_unit(server, peers, toys):
    peers[0].send("/rtspec/list")
    found = [peers[0].hear() for _ in range(9)]
    assert found[-1] == ("/rtspec/list/end", 8)
    assert found[5] == ("/rtspec/list/parameter", "/rtspec/1-timbre-toy/output_db", 0.0, -60.0, 24.0, "dB")
    assert [line[1].removeprefix("/rtspec/") for line in found[:-1]] == list(values(toys))


def test_a_bundle_sets_all_that_it_holds(server, peers, toys):
    bundle = OscBundleBuilder(IMMEDIATELY)
    bundle.add_content(message(MORPH, 0.5))
    bundle.add_content(message("/rtspec/freeze", 1))
    peers[0].raw(bundle.build().dgram)
    until(lambda: server.statistics.applied == 2)
    assert toys[0].parameters["morph"].value == 0.5 and toys[0].parameters["freeze"].value == 1


@pytest.mark.parametrize(
    "arguments", [(1.5,), (float("nan"),), (float("inf"),), ("loud",), (True,), (0.1, 0.2), (b"x",)]
)
def test_a_wrong_value_is_refused_with_a_line_and_changes_nothing(server, peers, toys, arguments):
    before = values(toys)
    for address in (MORPH, MORPH + "/raw"):
        peers[0].send(address, *arguments)
        where, text = peers[0].hear()
        assert where == "/rtspec/error" and "morph" in text and "\n" not in text
    assert values(toys) == before and server.statistics.refused == 2


def test_unknown_addresses_are_counted(server, peers, toys):
    before = values(toys)
    for address in ("/rtspec/7-nothing/mix", "/other/mix", "/rtspec", "/rtspec/", "/", "/rtspec/raw", "//raw"):
        peers[0].send(address, 0.5)
    until(lambda: server.statistics.unknown == 7)
    assert values(toys) == before


def test_an_unknown_address_is_answered_with_the_nearest_one(server, peers):
    peers[0].send("/rtspec/1-timbre-toy/morf", 0.5)
    where, text = peers[0].hear()
    assert where == "/rtspec/error" and text.endswith("the nearest is /rtspec/1-timbre-toy/morph")


@pytest.mark.parametrize(
    "pattern, moved",
    [
        ("/rtspec/*/mix", 2),
        ("/rtspec/[13]-*/mix", 2),
        ("/rtspec/?-mix-toy/mi?", 1),
        ("/rtspec/{mix,morph}", 2),
        ("/rtspec/3-*/{output_db,mix}/raw", 2),
        ("/rtspec/[!1]-*/mix", 1),
        ("/rtspec/*/nothing", 0),
        ("/rtspec/[", 0),
        ("/rtspec/" + 40 * "*", 0),
    ],
)
def test_a_pattern_sets_all_that_it_means(server, peers, toys, pattern, moved):
    before = values(toys)
    peers[0].send(pattern, 0.125)
    until(lambda: server.statistics.applied + server.statistics.unknown > 0)
    until(lambda: server.statistics.applied == moved)
    after = values(toys)
    assert sum(after[name] != before[name] for name in before) == moved


def test_a_hair_beyond_the_range_is_its_end_and_switches_take_true_and_false(server, peers, toys):
    freeze, morph = toys[0].parameters["freeze"], toys[0].parameters["morph"]
    for address, sent, wanted, parameter in (
        (MORPH, 1.0000001, 1.0, morph),
        (MORPH + "/raw", -0.001, 0.0, morph),
        ("/rtspec/freeze", True, 1.0, freeze),
        ("/rtspec/freeze", False, 0.0, freeze),
    ):
        before = server.statistics.applied
        peers[0].send(address, sent)
        until(lambda: server.statistics.applied > before)  # noqa: B023
        assert parameter.value == wanted


def test_a_bundle_acts_at_its_time(server, peers, toys):
    at = time.time() + 0.4
    bundle = OscBundleBuilder(at)  # type: ignore[arg-type]  (it takes seconds with a part)
    bundle.add_content(message(MORPH, 0.75))
    peers[0].raw(bundle.build().dgram)
    peers[0].send("/rtspec/mix", 0.5)
    until(lambda: server.statistics.applied == 1)
    assert toys[0].parameters["morph"].value == 0.25, "not yet"
    until(lambda: server.statistics.applied == 2)
    assert -0.002 <= time.time() - at < 0.3 and toys[0].parameters["morph"].value == 0.75


def test_two_surfaces_that_echo_what_they_hear_settle(server, peers, toys):
    for peer in peers[:2]:
        peer.send("/rtspec/subscribe")
    until(lambda: len(server.subscribers) == 2)
    for value in (0.3, 0.6, 0.9):
        peers[0].send(MORPH, value)
        time.sleep(0.05)
        for late in (0.3, 0.6):
            peers[1].send(MORPH, late)
    time.sleep(0.3)
    assert toys[0].parameters["morph"].value == pytest.approx(0.9) and server.statistics.echoes > 0


# Echo -----------------------------------------------------------------------------------------------------------------


def test_a_subscriber_gets_all_values_and_then_every_change(server, peers, toys):
    peers[0].send("/rtspec/subscribe")
    first = dict([peers[0].hear() for _ in range(16)])
    assert first[MORPH] == 0.25 and first[MORPH + "/raw"] == 0.25
    toys[2].parameters["mix"].value = 0.5
    assert [peers[0].hear() for _ in range(2)] == [("/rtspec/3-mix-toy/mix", 0.5), ("/rtspec/3-mix-toy/mix/raw", 0.5)]


def test_a_change_is_echoed_to_others_and_not_to_whoever_made_it(server, peers):
    for controller in peers:
        controller.send("/rtspec/subscribe")
        for _ in range(16):
            controller.hear()
    peers[0].send(MORPH, 0.75)
    assert peers[1].hear() == (MORPH, 0.75) and peers[1].hear() == (MORPH + "/raw", 0.75)
    assert peers[0].silent() is None


def test_echo_can_go_to_another_port_and_be_ended(server, peers, toys):
    peers[0].send("/rtspec/subscribe", peers[1].port)
    for _ in range(16):
        peers[1].hear()
    peers[0].send("/rtspec/unsubscribe", peers[1].port)
    until(lambda: server.subscribers == [])
    toys[0].parameters["morph"].value = 1.0
    assert peers[1].silent() is None
    peers[0].send("/rtspec/subscribe", 70000)
    assert peers[0].hear()[0] == "/rtspec/error"


def test_only_so_many_subscribe_and_those_that_are_gone_do_no_harm(server, toys):
    for port in range(1000, 1000 + 3 * MOST_SUBSCRIBERS):
        server.receive(message("/rtspec/subscribe", port).dgram, ("127.0.0.1", 5))
    assert [port for _, port in server.subscribers] == list(
        range(1000 + 2 * MOST_SUBSCRIBERS, 1000 + 3 * MOST_SUBSCRIBERS)
    )
    toys[0].parameters["morph"].value = 1.0
    until(lambda: server._sent[MORPH.removeprefix("/rtspec/")] == 1.0)
    assert server.active and server.failures == 0


def test_an_edited_chain_has_its_new_addresses_at_once(server, peers, toys):
    toys.insert(0, Native())
    toys.append(MixToyProcessor())
    peers[0].send("/rtspec/2-timbre-toy/morph")
    assert peers[0].hear() == ("/rtspec/2-timbre-toy/morph", 0.25)


# Garbage and floods ---------------------------------------------------------------------------------------------------


def datagrams(count, seed):
    """Noise, cut messages, and messages with bytes changed."""
    rng = random.Random(seed)
    good = [message(MORPH, 0.5).dgram, message("/rtspec/list").dgram, message("/rtspec/mix", "x", 3).dgram]
    for i in range(count):
        if i % 3 == 0:
            yield rng.randbytes(rng.randrange(0, 64))
        else:
            data = bytearray(rng.choice(good))
            data[rng.randrange(len(data))] = rng.randrange(256)
            yield bytes(data[: rng.randrange(len(data) + 1)] if i % 3 == 1 else data)


def test_100_000_random_datagrams_harm_nothing_and_are_counted(server, toys):
    for datagram in datagrams(100_000, seed=1):
        server.receive(datagram, ("127.0.0.1", 9))
    seen = server.statistics
    assert seen.datagrams == 100_000
    assert seen.garbage > 30_000 and server.failures == 0
    assert seen.garbage + seen.applied + seen.answered + seen.refused + seen.unknown >= 100_000
    assert in_range(toys)


@pytest.mark.timeout(60)
def test_a_flood_of_100_000_datagrams_through_the_socket_leaves_the_server_answering(server, peers, toys):
    sent = list(datagrams(1000, seed=2))
    for i in range(100_000):
        peers[1].raw(sent[i % 1000])
    peers[0].send(MORPH)
    answer = peers[0].silent(2.0)
    while answer is None:  # a full buffer loses datagrams: that is UDP
        peers[0].send(MORPH)
        answer = peers[0].silent(2.0)
    assert answer[0] == MORPH
    assert server.active and server.failures == 0 and server.statistics.garbage > 0 and in_range(toys)


def test_1000_messages_at_a_brisk_pace_all_arrive(server, peers, toys):
    for i in range(1000):
        peers[0].send(MORPH, i / 1000)
        if i % 50 == 49:
            time.sleep(0.005)
    until(lambda: server.statistics.applied == 1000)
    assert toys[0].parameters["morph"].value == pytest.approx(0.999)


def test_a_deep_bundle_is_garbage(server):
    data = message(MORPH, 0.5).dgram
    for _ in range(3000):
        if len(data) > 60_000:
            break
        data = b"#bundle\0" + 8 * b"\0" + len(data).to_bytes(4, "big") + data
    server.receive(data, ("127.0.0.1", 9))
    assert server.statistics.garbage == 1


# Where it listens -----------------------------------------------------------------------------------------------------


def test_it_listens_on_loopback_unless_told_otherwise_and_says_so():
    said = []
    with OscServer([], port=0, report=said.append) as server:
        assert server.host == "127.0.0.1"
        assert said == [f"OSC on 127.0.0.1:{server.port} (this machine only)"]
    with OscServer([], port=0, host="0.0.0.0") as server:
        assert server.where == f"OSC on 0.0.0.0:{server.port} (anyone on the network can move parameters)"


def test_a_port_that_cannot_be_had_is_refused(server):
    with pytest.raises(DeviceError, match=rf"OSC cannot listen on 127\.0\.0\.1:{server.port}: .*; try another port"):
        OscServer([], port=server.port)
    with pytest.raises(InvalidValue, match="port=70000 must be a whole number from 0 to 65535; try 9000"):
        OscServer([], port=70000)
    with pytest.raises(DeviceError, match=r"OSC cannot listen on 'no such host': .*; try 127\.0\.0\.1"):
        OscServer([], port=0, host="no such host")


def test_close_frees_the_port_and_may_be_called_twice():
    server = OscServer([], port=0)
    server.close()
    server.close()
    assert not server.active
    OscServer([], port=server.port).close()


def test_odd_bytes_are_not_logged_one_by_one(caplog):
    assert parsed_messages(b"/rtspec/mix\0,z\0\0") is not None
    assert not caplog.records
