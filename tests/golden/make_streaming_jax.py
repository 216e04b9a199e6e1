"""Make streaming_jax.onnx and its golden result: a small JAX network exported by jax2onnx.

Run it in an environment of its own: ``pip install jax2onnx onnxruntime && python make_streaming_jax.py``. The network
works on [batch, frames, bins], channels last, as JAX and TensorFlow do: two convolutions along time with "SAME"
padding, a gated residual and a layer norm over channels, so the export holds transposes, decomposed norms and
explicit padding as other exporters write them. The tolerance of the test (1e-5 of the peak) is that of streaming, not
of the exporter: the golden result is onnxruntime's own.
"""

from pathlib import Path

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
import onnx
from jax2onnx import to_onnx  # pyright: ignore[reportMissingImports]

BINS, WIDTH, TAPS = 12, 16, 5
FOLDER = Path(__file__).parent


def weights() -> dict[str, jax.Array]:
    """Random weights from a fixed key."""
    keys = iter(jax.random.split(jax.random.key(0), 6))

    def normal(*shape: int) -> jax.Array:
        return jax.random.normal(next(keys), shape) * 0.3

    return {
        "first": normal(TAPS, BINS, WIDTH),
        "bias": normal(WIDTH),
        "second": normal(TAPS, WIDTH, WIDTH),
        "gate": normal(WIDTH, WIDTH),
        "head": normal(WIDTH, BINS),
    }


def along_time(x: jax.Array, kernel: jax.Array, dilation: int = 1) -> jax.Array:
    """Convolution over the middle axis of [batch, frames, channels]."""
    return jax.lax.conv_general_dilated(
        x, kernel, (1,), "SAME", rhs_dilation=(dilation,), dimension_numbers=("NWC", "WIO", "NWC")
    )


WEIGHTS = weights()


def network(x: jax.Array) -> jax.Array:
    """[1, frames, bins] to the same."""
    w = WEIGHTS
    h = jax.nn.relu(along_time(x, w["first"]) + w["bias"])
    h = h + along_time(h, w["second"], 2) * jax.nn.sigmoid(h @ w["gate"])
    h = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5)
    return jnp.tanh(h @ w["head"]) + x


if __name__ == "__main__":
    model = to_onnx(network, inputs=[(1, "T", BINS)], opset=17)
    onnx.save(model, FOLDER / "streaming_jax.onnx")
