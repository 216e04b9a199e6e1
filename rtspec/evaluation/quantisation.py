"""A package as it is played with weights of float16, and stored in float16 and in int8: size, time per frame, and how
much the sound changes.

Section 3.4 of Deshpande et al. does this with its network; here it is done with any package, by onnxruntime.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ..benchmarks import model as model_benchmark
from ..metrics import distances as metrics
from ..models import models
from ..models.one_call.form import Precision
from ..models.proto import read_proto

PLAYED = "as played"
SMALLEST = 64
"""Tensors of fewer numbers stay as they are."""


def rows(model: str | Path, sound: np.ndarray, sample_rate: int, n_frames: int = 300) -> list[dict]:
    """Figures of a model of BandwidthExtension in float32, as it is played, and with its file in float16 and int8.

    Parameters
    ----------
    model : str or Path
        Name of a shipped model, as BandwidthExtension takes it or in full, or a package.
    sound : ndarray, float32, shape (channels, n_samples)
        What is played to compare.
    sample_rate : int
    n_frames : int
        Frames that are timed.

    Returns
    -------
    list of dict
        For each: bytes, their ratio, µs a frame, and SNR (dB) and log-spectral distance against float32's sound. "as
        played" is the same file with ``precision="auto"``; all others are played with "float".
    """
    from ..processors.bandwidth.processor import SHIPPED, BandwidthExtension

    name = SHIPPED.get(str(model), str(model))
    made, first = [], None
    with tempfile.TemporaryDirectory() as folder:
        for kind, proto in versions(read_proto(Path(models().get(name, name)))).items():
            path = Path(folder) / f"{kind}.onnx"
            onnx.save(proto, path)
            precision: Precision = "auto" if kind == PLAYED else "float"
            heard = BandwidthExtension(path, precision=precision)(sound, sample_rate)
            first = heard if first is None else first
            size = path.stat().st_size
            row = {"weights": kind, "bytes": size, "ratio": size / made[0]["bytes"] if made else 1.0}
            row["us_a_frame"] = model_benchmark.run(path, n_frames, precision)["compiled_p50_us"]
            row["snr_db"] = metrics.snr_db(first, heard)
            row["lsd"] = metrics.log_spectral_distance(first, heard)
            made.append(row)
    return made


def versions(proto: ModelProto) -> dict[str, ModelProto]:
    """The model as it is, twice; with weights stored as float16; with products of int8."""
    return {"float32": proto, PLAYED: proto, "float16": with_half_weights(proto), "int8": with_int8(proto)}


def with_half_weights(proto: ModelProto) -> ModelProto:
    """Weights stored as float16 and cast once, when the session is made: half the size, the same speed."""
    made = ModelProto()
    made.CopyFrom(proto)
    casts = []
    for tensor in made.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= SMALLEST:
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}.half")
            casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
            tensor.CopyFrom(half)
    nodes = [*casts, *made.graph.node]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def with_int8(proto: ModelProto) -> ModelProto:
    """onnxruntime's dynamic quantisation: int8 weights, activations quantised as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it recommends a preparation that changes nothing here
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        onnx.save(proto, source)
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm", "Conv"])
        made = onnx.load(target)
    del made.metadata_props[:]
    made.metadata_props.extend(proto.metadata_props)
    return made
