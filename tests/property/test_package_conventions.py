"""Whatever conventions a package states for its frames: a graph that changes nothing gives the sound back."""

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_models import graph, tensor

import rtspec
from rtspec.frames.windows import WINDOWS
from rtspec.models import package

RATE, N_FFT, HOP = 16000, 64, 16
SOUND = (0.2 * np.random.default_rng(0).standard_normal((2, 900))).astype(np.float32)
AXES = {"bins": "F", "time": "T", "channels": 2}


@st.composite
def ports(draw) -> dict[str, Any]:
    """Any representation of the whole spectrum, or of all of it but DC or Nyquist with the rest as it was."""
    kind = draw(st.sampled_from(["magnitude", "power", "log-magnitude", "complex"]))
    names = ["bins", "time", "channels"] if kind == "complex" else ["bins", "time"]
    port: dict[str, Any] = {"representation": kind, "layout": ["batch", *draw(st.permutations(names))]}
    if kind == "log-magnitude":
        port |= {"log": draw(st.sampled_from(["ln", "log10", "db", "log1p"])), "floor": 1e-9}
    if kind != "power":
        port["exponent"] = draw(st.sampled_from([0.3, 0.5, 1.0, 1.5]))
    first, n_bins = draw(st.sampled_from([(0, None), (1, None), (1, 32), (0, 32), (0, 5)]))
    scale = draw(st.sampled_from([1.0, 0.25, -3.0]))
    return port | {"first_bin": first, "n_bins": n_bins, "scale": scale, "offset": draw(st.sampled_from([0.0, 0.5]))}


@st.composite
def plans(draw) -> dict[str, Any]:
    """Any windows that leave no gaps."""
    names = st.sampled_from(sorted(WINDOWS))
    window = draw(st.one_of(names, st.just(tuple(np.hanning(50)[1:-1].tolist()))))
    length = 48 if not isinstance(window, str) else draw(st.sampled_from([48, N_FFT]))
    flags = {name: draw(st.booleans()) for name in ("symmetric", "centred")}
    return {"window": window, "window_length": length, "synthesis_window": draw(st.one_of(st.none(), names)), **flags}


@given(port=ports(), plan=plans(), block=st.sampled_from([1, 17, 64, 900]))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_graph_that_changes_nothing_gives_the_sound_back(tmp_path, port, plan, block):
    sizes = [1, *(AXES[axis] for axis in port["layout"][1:])]
    model = graph([("Identity", ["x"], ["y"], {})], [tensor("x", sizes)], [tensor("y", sizes)])
    sides = {"input": {"name": "x", **port}, "output": {"name": "y", "rest": "input", **port}}
    path = package(model, tmp_path / "m.onnx", name="same", sample_rate=RATE, n_fft=N_FFT, hop=HOP, **sides, **plan)
    processor = rtspec.OnnxProcessor(path)
    heard = processor(SOUND, RATE)
    np.testing.assert_allclose(heard, SOUND, atol=2e-3 if port["representation"] != "complex" else 1e-4)
    np.testing.assert_array_equal(processor(SOUND, RATE, buffer_size=block), heard)
