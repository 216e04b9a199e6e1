"""What a packaged model says of itself: one JSON in ``metadata_props["rtspec"]``, checked against the graph.

`fields` holds what can be said, `parse` reads it and checks each field, `rules` checks fields against each other,
`graph` checks them against the inputs and outputs of the model.
"""

from .fields import (
    COMPLEX,
    MAX_FRAMES,
    METADATA_KEY,
    STREAM_KEY,
    Bands,
    Constant,
    Length,
    Manifest,
    Parameter,
    Port,
    Rate,
    State,
)
from .graph import Signature, check_graph, with_stream
from .parse import parse
from .refusals import as_model_errors

__all__ = [
    "COMPLEX",
    "MAX_FRAMES",
    "METADATA_KEY",
    "STREAM_KEY",
    "Bands",
    "Constant",
    "Length",
    "Manifest",
    "Parameter",
    "Port",
    "Rate",
    "Signature",
    "State",
    "as_model_errors",
    "check_graph",
    "parse",
    "with_stream",
]
