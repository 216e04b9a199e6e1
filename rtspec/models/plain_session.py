"""Sessions of onnxruntime from Python, with the settings that rtspec's own by the C API have."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

# onnxruntime tells errors on the terminal, too, which are raised here and often are but a trial: 4 = fatal ones only.
FATAL_ONLY = 4

EXACT_INTEGERS = (("session.x64quantprecision", "1"), ("session.disable_quant_qdq", "1"))
"""Entries of a session's settings, of which the first that onnxruntime can apply to a model counts.

Processors with AVX2 and without VNNI add two products of int8 in 16 bits, which saturate: a model then gives other
numbers than the file says, and others again for another length. By the first entry weights become uint8, whose products
fit; onnxruntime (1.32) fails to do that to some models, whose integers are computed as floats by the second.
Processors with VNNI are exact anyway, and neither entry changes anything for models without integers.
"""


def plain_session(model: bytes | str) -> "onnxruntime.InferenceSession":
    """A session with one thread on the CPU.

    Parameters
    ----------
    model : bytes or str
        A serialised ModelProto, or the path of one.

    Raises
    ------
    Exception
        What onnxruntime raises where it does not load the model; its errors share no base class of their own.
    """
    import onnxruntime

    def made(entry: tuple[str, str]) -> "onnxruntime.InferenceSession":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL_ONLY
        options.add_session_config_entry(*entry)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    try:
        return made(EXACT_INTEGERS[0])
    except Exception:
        return made(EXACT_INTEGERS[1])
