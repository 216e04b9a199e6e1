"""Each field of a manifest has its rule, and whoever breaks it reads the field, the value and the rule."""

import json
import re
from base64 import b64encode

import numpy as np
import pytest

from rtspec.errors import InvalidValue, ModelError
from rtspec.models.manifest import Length, Signature, State, check_graph, parse, with_stream

LEAST = {
    "name": "test",
    "input": {"name": "x", "representation": "magnitude"},
    "output": {"name": "y", "representation": "gain"},
}
STATE = {"input": "s", "output": "t", "shape": [2, 3]}
KNOB = {"name": "tilt", "tensor": "p"}


def port(**changes) -> dict:
    return {"input": {**LEAST["input"], **changes}}


def test_the_least_manifest_has_sensible_defaults():
    m = parse(LEAST)
    assert (m.sample_rate, m.n_fft, m.delay_frames, m.period) == (None, None, 0, 1)
    assert m.input.layout == ("batch", "bins", "time")
    assert m.input.time_axis == 2


def test_a_manifest_survives_its_own_json():
    m = parse(
        LEAST
        | {"states": [STATE], "parameters": [KNOB], "n_fft": 512, "hop": 128, "rate": {"in": 2, "out": 1}, "period": 4}
        | {"metrics": {"SC dB": -20.5, "data": "speech"}, "authors": "one"}
    )
    assert parse(m.to_json()) == m
    assert json.loads(m.to_json())["rate"] == {"in": 2, "out": 1}
    assert m.authors == ("one",)


SAMPLES = {
    "input": {"name": "x", "representation": "samples", "n_bins": 512},
    "output": {"name": "y", "representation": "samples", "n_bins": 512},
}
PLAN = {"n_fft": 512, "hop": 256, "window": "rectangular"}

WRONG_SAMPLES = [
    ({}, "n_fft=null must be given, and hop, where input has samples"),
    (
        {**PLAN, "input": {**SAMPLES["input"], "n_bins": 256}},
        "input.n_bins=256 must be the window's 512 samples; try 512",
    ),
    (
        {**PLAN, "output": {**SAMPLES["output"], "n_bins": 100}},
        r"output.n_bins=100 must be 256 \(the hop\) to 512 \(the window\) samples",
    ),
    (
        {**PLAN, "output": {"name": "y", "representation": "magnitude"}},
        'output.representation="magnitude" must be "samples" or "gain" where the input has samples',
    ),
    ({**PLAN, "output": {"name": "y", "representation": "gain"}}, "output.n_bins=null must be 1 or 256: a gain"),
    (
        {**PLAN, "window": "hann", "output": {"name": "y", "representation": "gain", "n_bins": 1}},
        'window="hann" must be rectangular for gains on samples',
    ),
    (
        {**PLAN, "input": {**SAMPLES["input"], "layout": "batch,channels,time"}},
        'input.layout="batch,channels,time" must have "bins", the axis of samples',
    ),
]


@pytest.mark.parametrize(("changes", "says"), WRONG_SAMPLES)
def test_ports_of_samples_say_what_they_want(changes, says):
    with pytest.raises(ModelError, match=says):
        parse({"name": "test", **SAMPLES, **changes})


WRONG = [
    ({"name": 3}, "name=3 must be text"),
    ({"name": " "}, 'name=" " must not be empty'),
    ({"format": 2}, "format=2 must be 1; update rtspec"),
    ({"nmae": "x"}, 'nmae="x" is no field; the fields are name'),
    ({"input": 5}, "input=5 must be an object with name, representation"),
    ({"input": {"name": "x"}}, "input.representation=null must be given"),
    ({"licence": "x" * 30000}, "licence=.* must have at most 20000 characters, not 30000"),
    ({"sample_rate": -3}, "sample_rate=-3 must be 1000 to 768000"),
    ({"sample_rate": 44100.5}, "sample_rate=44100.5 must be a whole number"),
    ({"sample_rate": True}, "sample_rate=True must be a whole number"),
    ({"n_fft": 10**400}, r"n_fft=10+\.\.\. must be 16 to 65536"),
    ({"n_fft": 10**5000}, "n_fft=a int must be 16 to 65536"),
    ({"n_fft": 1025}, "n_fft=1025 must be even; try 1026"),
    ({"hop": 128}, "n_fft=null must be given where hop"),
    ({"n_fft": 512, "hop": 600}, "hop=600 must be at most the window's 512 samples"),
    ({"n_fft": 512, "window_length": 600}, "window_length=600 must be at most n_fft=512"),
    ({"window": "kaiser"}, 'window="kaiser" must be one of hann'),
    (port(representation="phase"), 'input.representation="phase" must be one of magnitude'),
    (port(layout="bins,bins,time"), 'input.layout="bins,bins,time" must name each axis once'),
    (port(layout="batch,bins"), 'input.layout="batch,bins" must name each axis once, "time" among them'),
    (port(layout="batch,freq,time"), r'input.layout\[1\]="freq" must be one of batch'),
    (port(representation="log-magnitude"), "input.log=null must be one of ln, log10"),
    (port(representation="complex"), '"batch,bins,time" must have "channels" .real, imaginary. and "bins"'),
    (port(representation="bands"), 'input.bands=null does not fit representation="bands"'),
    (port(scale=0), "input.scale=0 must not be 0"),
    (port(scale=float("nan")), "input.scale=nan must be a finite number"),
    (port(offset=float("inf")), "input.offset=inf must be a finite number"),
    (port(floor="low"), 'input.floor="low" must be a number'),
    ({"delay_frames": -1}, "delay_frames=-1 must be 0 to 100000"),
    ({"delay_frames": 1e9}, "delay_frames=1000000000.0 must be a whole number"),
    ({"rate": {"in": 0, "out": 1}}, "rate.frames_in=0 must be 1 to 4096"),
    ({"rate": {"in": 2, "out": 2}, "period": 3}, "period=3 must be a multiple of rate.in=2"),
    ({"states": {}}, "states={} must be a list"),
    ({"states": [STATE | {"shape": [-1]}]}, r"states\[0\].shape\[0\]=-1 must be 0 to"),
    ({"states": [STATE | {"shape": [1 << 28, 1 << 28]}]}, "states=.* must take at most 67108864 bytes together"),
    ({"states": [STATE | {"dtype": "object"}]}, r'states\[0\].dtype="object" must be one of float32'),
    ({"states": [STATE | {"initial": float("nan")}]}, r"states\[0\].initial=nan must be a finite number"),
    ({"states": [STATE | {"initial": "%%"}]}, r'states\[0\].initial="%%" must be a number or base64'),
    ({"states": [STATE | {"initial": "AAAA"}]}, r'states\[0\].initial="3 bytes" must be 24 bytes for \[2, 3\]'),
    ({"states": [STATE | {"append_axis": 2}]}, r"states\[0\].append_axis=2 must be an axis of \[2, 3\]"),
    ({"states": [STATE | {"dtype": "int8", "initial": 300}]}, r"states\[0\].initial=300.0 must be a value of int8"),
    ({"states": [STATE, STATE]}, 'input="s" must have one use'),
    ({"states": [STATE, STATE | {"input": "u"}]}, 'output="t" must have one use'),
    ({"states": [STATE | {"input": "x"}]}, 'input="x" must have one use'),
    ({"valid_input": "x"}, 'input="x" must have one use'),
    ({"parameters": [KNOB | {"name": "Tilt"}]}, 'name="Tilt" must be a lower-case Python identifier'),
    ({"parameters": [KNOB | {"name": "class"}]}, 'name="class" must be a lower-case Python identifier'),
    ({"parameters": [KNOB | {"name": "mix"}]}, 'name="mix" is the name of something that every processor has'),
    ({"parameters": [KNOB], "latents": [KNOB | {"index": 1}]}, 'parameter="tilt" must be unique'),
    ({"parameters": [KNOB, KNOB | {"name": "b"}]}, r'parameter place="p\[0\]" must belong to one parameter'),
    ({"parameters": [KNOB | {"min": 2, "max": 1}]}, "min=2.0 must be below max=1; swap them"),
    ({"parameters": [KNOB | {"default": 7}]}, "default=7.0 must be 0 to 1"),
    ({"parameters": [KNOB | {"curve": "log"}]}, 'min=0.0 must be above 0 for curve="log"'),
    ({"parameters": [KNOB | {"cc": 128}]}, r"parameters\[0\].cc=128 must be 0 to 127"),
    ({"metrics": {"a": [1]}}, r"metrics.a=\[1\] must be a number"),
    ({"metrics": {"a": float("nan")}}, "metrics.a=nan must be a finite number"),
    ({"metrics": {"a": float("inf")}}, "metrics.a=inf must be a finite number"),
]


@pytest.mark.parametrize(("change", "text"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_a_wrong_field_is_named_with_its_value_and_rule(change, text):
    with pytest.raises(ModelError, match="^manifest: .*" + text) as caught:
        parse({**LEAST, **change})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_mapping_that_holds_itself_is_refused():
    endless: dict = {}
    endless["metrics"] = endless
    with pytest.raises(ModelError, match=r"metrics.metrics=.* must be a number"):
        parse({**LEAST, "metrics": endless})
    shape: list = []
    shape.append(shape)
    with pytest.raises(ModelError, match=r"shape\[0\]=.* must be a whole number"):
        parse({**LEAST, "states": [{**STATE, "shape": shape}]})


JSON_WRONG = [
    ("", "no valid JSON"),
    ("[1, 2", "no valid JSON"),
    ('{"name": NaN}', "no valid JSON .NaN is no JSON number"),
    ("[" * 100_000, "no valid JSON"),
    ('{"n_fft": 1' + "0" * 10_000 + "}", "no valid JSON"),
    ("[]", r"manifest=\[\] must be an object"),
    ("{}", "name=null must be given"),
]


@pytest.mark.parametrize(("json_text", "text"), JSON_WRONG, ids=range(len(JSON_WRONG)))
def test_text_that_is_no_manifest_is_refused_in_one_line(json_text, text):
    with pytest.raises(ModelError, match=text):
        parse(json_text)


def test_an_error_of_a_model_is_a_value_error():
    with pytest.raises(ValueError, match="must be given"):
        parse({})
    assert not issubclass(ModelError, InvalidValue)


def test_a_state_begins_as_a_number_or_as_its_bytes():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    m = parse({**LEAST, "states": [{**STATE, "initial": b64encode(values.tobytes()).decode()}]})
    assert np.array_equal(m.states[0].value(), values)
    assert np.array_equal(State("s", "t", (2,), initial=0.5).value(), np.full(2, 0.5, np.float32))


def test_length_follows_the_clock_and_is_never_negative():
    assert Length(up=2, down=3, phase=1, extra=-1).of(8) == 5
    assert Length(extra=-4).of(2) == 0


def test_what_make_streaming_wrote_is_taken_unless_said_otherwise():
    stream = {
        "states": [STATE],
        "delay_frames": 5,
        "flush_frames": 6,
        "rate": {"in": 1, "out": 1},
        "period": 1,
        "valid_input": "valid",
        "outputs": {"y": {"axis": 2, "length": {"extra": 1}}},
        "inexact": None,
    }
    m = parse(with_stream({**LEAST, "look_ahead_frames": 2}, stream))
    assert (m.delay_frames, m.tail_frames, m.look_ahead_frames, m.valid_input, m.length.extra) == (5, 6, 2, "valid", 1)


# ------------------------------------------------------------------------------------------ against the graph

INPUTS = {
    "x": ("float32", (1, "bins", "frames")),
    "s": ("float32", (2, 3)),
    "p": ("float32", (2,)),
    "valid": ("float32", ("frames",)),
}
OUTPUTS = {"y": ("float32", (1, "bins", "frames")), "t": ("float32", (2, 3))}
FULL = {**LEAST, "states": [STATE], "parameters": [KNOB], "valid_input": "valid"}


def checked(manifest: dict, inputs: dict | None = None, outputs: dict | None = None) -> None:
    check_graph(
        parse(manifest), Signature("input", INPUTS | (inputs or {})), Signature("output", OUTPUTS | (outputs or {}))
    )


def test_a_manifest_that_fits_its_graph_passes():
    checked(FULL)


DISAGREEING = [
    (port(name="q"), {}, 'input.name="q" must be one of the graph\'s inputs: x, s, p, valid'),
    (
        {"output": {"name": "z", "representation": "gain"}},
        {},
        'output.name="z" must be one of the graph\'s outputs: y, t',
    ),
    (port(layout="bins,time"), {}, 'input.layout="bins,time" must name the 3 axes'),
    ({}, {"x": ("float16", (1, "bins", "frames"))}, 'input dtype="float16" must be float32'),
    ({}, {"x": ("float32", (2, "bins", "frames"))}, "input axis batch=2 must be 1"),
    ({}, {"x": ("float32", (1, 513, "frames"))}, "n_fft=null must be given, .* 513 bins; try 1024"),
    ({"n_fft": 512}, {"x": ("float32", (1, 513, "frames"))}, "n_fft=512 must fit the input's 513 bins"),
    ({"states": []}, {}, 'graph input="s" must be named by the manifest'),
    ({"states": [STATE | {"input": "r"}]}, {}, r'states\[0\].input="r" must be one of'),
    ({"states": [STATE | {"shape": [2, 4]}]}, {}, r'states\[0\].shape=\[2, 4\] must fit "s": \[2, 3\]'),
    ({"states": [STATE | {"dtype": "int64"}]}, {}, r'states\[0\].dtype="int64" must be that of "s": float32'),
    ({}, {"valid": ("bool", ("frames",))}, 'valid_input="valid" must be float32'),
    ({"parameters": [KNOB | {"tensor": "q"}]}, {}, 'parameter "tilt".tensor="q" must be one of'),
    ({"parameters": [KNOB | {"index": 2}]}, {}, 'parameter "tilt".index=2 must be below the 2 values of "p"'),
    ({}, {"p": ("float32", ("n",))}, 'parameter "tilt".tensor="p" must have fixed sizes'),
    ({}, {"p": ("int64", (2,))}, 'parameter "tilt".tensor="p" must be float32, not int64'),
]


@pytest.mark.parametrize(("change", "inputs", "text"), DISAGREEING, ids=[text[:40] for _, _, text in DISAGREEING])
def test_a_manifest_that_disagrees_with_its_graph_is_refused(change, inputs, text):
    with pytest.raises(ModelError, match=text):
        checked({**FULL, **change}, inputs)


def test_bands_must_be_as_many_as_the_tensor_holds():
    bands = port(representation="bands", bands={"kind": "mel-htk", "n_bands": 40})
    checked({**FULL, **bands}, {"x": ("float32", (1, 40, "frames"))})
    with pytest.raises(ModelError, match=re.escape("input.bands.n_bands=40 must be the tensor's 64 bands")):
        checked({**FULL, **bands}, {"x": ("float32", (1, 64, "frames"))})
