"""How a file is changed: bytes anywhere, values in a document, and what a package's graph and manifest say."""

import json
import random
import struct
from typing import Any

import onnx

_ODD_NUMBERS = (0, 1, 2, 3, 255, 256, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_ODD_VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2,
    1e300,
    float("nan"),
    1 << 40,
    "",
    "x",
    "time",
    "complex",
    [],
    [0],
    {},
    [[1 << 40]],
)


def bytes_changed(data: bytes, rng: random.Random) -> bytes:
    """Flipped, overwritten, cut, doubled: most often near the start, where headers are."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not made:
            break
        at = rng.randrange(min(200, len(made)) if rng.random() < 0.6 else len(made))
        what = rng.randrange(6)
        if what == 0:
            made[at] = rng.randrange(256)
        elif what == 1:
            made[at] ^= 1 << rng.randrange(8)
        elif what == 2:
            made[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(_ODD_NUMBERS))
        elif what == 3:
            del made[at : at + rng.choice((1, 2, 4, 100, 5000))]
        elif what == 4:
            made[at:at] = made[at : at + rng.choice((1, 4, 40, 400))]
        elif rng.random() < 0.3:
            del made[at:]
    return bytes(made)


def document_changed(data: bytes, rng: random.Random) -> bytes:
    """A JSON document with other values, names or places; or with other bytes."""
    try:
        document = json.loads(data)
    except ValueError:  # changed before
        return bytes_changed(data, rng)
    if rng.random() < 0.3:
        return bytes_changed(data, rng)
    for _ in range(rng.choice((1, 1, 2, 5))):
        _change_value(document, rng)
    return json.dumps(document).encode()


def _change_value(document: Any, rng: random.Random) -> None:
    places = list(_places(document))
    if not places:
        return
    holder, key = rng.choice(places)
    what = rng.randrange(4)
    if what == 0:
        holder[key] = rng.choice(_ODD_VALUES)
    elif what == 1 and isinstance(holder, dict):
        holder[rng.choice(("", "x", str(key) + "s"))] = holder.pop(key)
    elif what == 2:
        other, place = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[place]))
    else:
        del holder[key]


def _places(value: Any):
    """(holder, key) of everything inside a document."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def package_changed(data: bytes, rng: random.Random) -> bytes:
    """A package whose manifest, sizes, tensors, nodes or bytes are others."""
    if rng.random() < 0.15:
        return bytes_changed(data, rng)
    model = onnx.load_from_string(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice((_manifest_changed, _sizes_changed, _weights_changed, _nodes_changed))(model, rng)
    return model.SerializeToString()


def _manifest_changed(model: onnx.ModelProto, rng: random.Random) -> None:
    entry = next((each for each in model.metadata_props if each.key == "rtspec"), None)
    if entry is not None:
        entry.value = document_changed(entry.value.encode(), rng).decode(errors="replace")


def _sizes_changed(model: onnx.ModelProto, rng: random.Random) -> None:
    value = rng.choice([*model.graph.input, *model.graph.output])
    dims = value.type.tensor_type.shape.dim
    what = rng.randrange(4)
    if what == 0:
        dims.add().dim_value = rng.choice((0, 1, 7))
    elif dims and what == 1:
        del dims[rng.randrange(len(dims))]
    elif dims:
        dim = rng.choice(dims)
        dim.Clear()
        if rng.random() < 0.5:
            dim.dim_param = rng.choice(("n", "time", "c"))
        else:
            dim.dim_value = rng.choice((0, 1, 2, 3, 512, 1 << 20, -1))


def _weights_changed(model: onnx.ModelProto, rng: random.Random) -> None:
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    what = rng.randrange(3)
    if what == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, 1, 2, 64, 1 << 20))
    elif what == 1:
        tensor.data_type = rng.randrange(1, 18)
    elif tensor.raw_data:
        tensor.raw_data = bytes_changed(tensor.raw_data, rng)


def _nodes_changed(model: onnx.ModelProto, rng: random.Random) -> None:
    nodes = model.graph.node
    node = rng.choice(nodes)
    what = rng.randrange(5)
    if what == 0 and node.input:
        others = [name for each in nodes for name in each.output] + [each.name for each in model.graph.input]
        node.input[rng.randrange(len(node.input))] = rng.choice([*others, ""])
    elif what == 1:
        node.op_type = rng.choice(("Identity", "Relu", "Tile", "Concat", "Expand", "Loop", "Transpose", "Softmax"))
    elif what == 2 and node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = rng.choice((-5, 0, 1, 7, 1 << 40))
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice((-1, 0, 1, 9, 1 << 33))
    elif what == 3 and len(nodes) > 1:
        del nodes[rng.randrange(len(nodes))]
    else:
        nodes.add().CopyFrom(node)
