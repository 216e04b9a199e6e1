"""DTLN as one network: a mask on the spectrum, the frame's samples by the inverse transform, a second network on these.

References
----------
N. L. Westhausen and B. T. Meyer, "Dual-Signal Transformation LSTM Network for Real-Time Noise Suppression",
Interspeech 2020, figure 1: the block goes from the first core to the second in the time domain.
"""

import numpy as np
from onnx import ModelProto, helper

from ...errors import ModelError
from .builder import Builder, floats


def inverse_transform(n_bins: int) -> np.ndarray:
    """The inverse real transform as a matrix.

    Returns
    -------
    ndarray
        float32 (2·n_bins, 2·(n_bins − 1)): real parts, then imaginary parts, to samples.
    """
    unit = np.eye(n_bins)
    rows = np.concatenate([np.fft.irfft(unit, axis=1), np.fft.irfft(1j * unit, axis=1)])
    return rows.astype(np.float32)


def dtln(first: ModelProto, second: ModelProto) -> ModelProto:
    """One network for one frame a call: a spectrum in, a block of samples to overlap-add out.

    Parameters
    ----------
    first : onnx.ModelProto
        Magnitudes [1, 1, n_bins] and states to a mask of the same shape and new states.
    second : onnx.ModelProto
        Samples [1, 1, n_fft] and states to samples and new states.

    Returns
    -------
    onnx.ModelProto
        "spectrum" [1, 2, n_bins, 1] and the states of both to "samples" [1, 1, n_fft] and the new states.
    """
    graph = Builder([first, second])
    ports = [_port(network, name) for network, name in ((first, "model_1"), (second, "model_2"))]
    n_bins, n_fft = ports[0][2], ports[1][2]
    if n_fft != 2 * (n_bins - 1):
        raise ModelError(
            f"model_1 has {n_bins} bins and model_2 {n_fft} samples, which is not 2·(bins − 1); give a pair"
        )
    squares = graph.product("spectrum", "spectrum")
    power = graph.total(graph.part(squares, 1, 0, 1), graph.part(squares, 1, 1, 2))
    magnitude = graph.node("Reshape", graph.node("Sqrt", power), graph.constant([1, 1, n_bins]))
    made = graph.embed(first, "one/", {ports[0][0]: magnitude})
    mask = graph.node("Reshape", made[ports[0][1]], graph.constant([1, 1, n_bins, 1]))
    flat = graph.node("Reshape", graph.product("spectrum", mask), graph.constant([1, 1, 2 * n_bins]))
    block = graph.node("MatMul", flat, graph.constant(inverse_transform(n_bins)))
    made = graph.embed(second, "two/", {ports[1][0]: block})
    graph.named(made[ports[1][1]], "samples")
    kept = [_renamed(v, p) for p, net, port in zip(("one/", "two/"), (first, second), ports, strict=True)
            for v in net.graph.input if v.name != port[0] and v.name not in _weights(net)]  # fmt: skip
    new = [_renamed(v, p) for p, net, port in zip(("one/", "two/"), (first, second), ports, strict=True)
           for v in net.graph.output if v.name != port[1]]  # fmt: skip
    spectrum, samples = floats("spectrum", 1, 2, n_bins, 1), floats("samples", 1, 1, n_fft)
    return graph.model([spectrum, *kept], [samples, *new], "dtln")


def _weights(network: ModelProto) -> set[str]:
    return {tensor.name for tensor in network.graph.initializer}


def _port(network: ModelProto, part: str) -> tuple[str, str, int]:
    """Input and output of three axes that hold one frame, and their size."""
    weights = _weights(network)
    named = [[v for v in values if v.name not in weights and len(_sizes(v)) == 3]
             for values in (network.graph.input, network.graph.output)]  # fmt: skip
    if not all(named) or _sizes(named[0][0])[-1] != _sizes(named[1][0])[-1] or _sizes(named[0][0])[-1] < 2:
        raise ModelError(f"{part}.onnx has no input and output [1, 1, n] of one size; give the streaming pair of DTLN")
    return named[0][0].name, named[1][0].name, _sizes(named[0][0])[-1]


def _sizes(value) -> list[int]:
    """Sizes of a tensor for one frame of one clip: the authors' files leave the batch open at the outputs alone."""
    return [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]


def _renamed(value, prefix: str):
    return helper.make_tensor_value_info(prefix + value.name, value.type.tensor_type.elem_type, _sizes(value))
