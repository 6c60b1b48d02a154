"""Writes the safetensors files beside it and tensors.json, what is in them.

    python3 make_tensors.py        made with Python 3.11, NumPy 1.24.2

It follows the format's description
(https://github.com/huggingface/safetensors#format): an unsigned little-endian
64-bit length, a JSON header, the data; it shares no code with the reader.
hash.json holds SHA-256 sums by hashlib over the bytes that State.Hash documents.
"""

import hashlib
import json
import struct

import numpy as np


def write(path, tensors, meta=None, pad=None, order=None, indent=None):
    """tensors: name -> (dtype, array or raw bytes, shape); data lies in order (default: as given)."""
    place, data = {}, b""
    for name in order or tensors:
        dtype, values, shape = tensors[name]
        raw = values if isinstance(values, bytes) else values.tobytes()
        place[name] = [len(data), len(data) + len(raw)]
        data += raw
    header = {"__metadata__": meta} if meta else {}
    for name, (dtype, _, shape) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": place[name]}
    text = json.dumps(header, separators=(",", ":") if indent is None else None, indent=indent, ensure_ascii=False).encode()
    if pad == 8:
        text += b" " * (-(8 + len(text)) % 8)
    elif pad == "odd":
        text += b" " * (1 - len(text) % 2)
        assert len(text) % 2 == 1
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def bf16(values):
    return b"".join(struct.pack("<H", struct.unpack("<I", struct.pack("<f", v))[0] >> 16) for v in values)


rng = np.random.default_rng(20261123)
expected = {}

# As genbench writes: state order, metadata, header padded so that data is at a multiple of 8.
w, b = rng.standard_normal((3, 2)).astype("<f4"), np.array([0.0, -0.0, 1e-45], "<f4")
write("aligned.safetensors", {"fc1.weight": ("F32", w, w.shape), "fc1.bias": ("F32", b, b.shape)}, meta={"a": "1", "zeta": "ü \"quoted\"\n"}, pad=8)
expected["aligned"] = {"meta": {"a": "1", "zeta": "ü \"quoted\"\n"}, "tensors": [["fc1.weight", [3, 2], w.flatten().tolist()], ["fc1.bias", [3], b.tolist()]]}

# Header of an odd length, header order unlike data order, an empty tensor, a scalar, indented JSON.
v = rng.standard_normal(5).astype("<f4")
t = {"last": ("F32", v, (5,)), "first": ("F32", v[:2], (1, 2, 1)), "empty": ("F32", v[:0], (0, 4)), "scalar": ("F32", v[3:4], ())}
write("odd.safetensors", t, pad="odd", order=["first", "empty", "scalar", "last"], indent=1)
expected["odd"] = {"meta": None, "tensors": [["first", [1, 2, 1], v[:2].tolist()], ["empty", [0, 4], []], ["scalar", [], v[3:4].tolist()], ["last", [5], v.tolist()]]}

# Other dtypes, unaligned for their width because an odd count of 2-byte values stands before.
half = np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 6.1e-5, 5.96e-8, 0.333251953125], "<f2")
brain = [0.0, -1.5, 3.0e38, 1e-40, 0.15625]
double = np.array([0.1, -1 / 3, 1e-46, 1e-40, 3.4028234663852886e38, 1 + 2**-24, 1 + 3 * 2**-24], "<f8")  # the last two are ties
t = {"bn.num_batches_tracked": ("I64", np.array(7, "<i8"), ()), "half": ("F16", half, half.shape), "brain": ("BF16", bf16(brain), (len(brain),)),
     "double": ("F64", double, double.shape)}
write("dtypes.safetensors", t, order=["half", "double", "brain", "bn.num_batches_tracked"])
truncated = [struct.unpack("<f", struct.pack("<I", struct.unpack("<I", struct.pack("<f", x))[0] & 0xFFFF0000))[0] for x in brain]
expected["dtypes"] = {"meta": None, "tensors": [["half", [9], half.astype("<f4").tolist()], ["double", [7], double.astype("<f4").tolist()], ["brain", [5], truncated]]}
json.dump(expected, open("tensors.json", "w"), ensure_ascii=False, indent=1)


def digest(tensors):
    h = hashlib.sha256(struct.pack("<Q", len(tensors)))
    for name, array in tensors:
        h.update(struct.pack("<Q", len(name.encode())) + name.encode())
        h.update(struct.pack("<Q", array.ndim) + b"".join(struct.pack("<Q", n) for n in array.shape))
        h.update(struct.pack("<Q", array.size) + array.tobytes())
    return h.hexdigest()


big = np.arange(40000, dtype="<f4").reshape(100, 400)
json.dump({"empty": digest([]), "aligned": digest([("fc1.weight", w), ("fc1.bias", b)]), "big": digest([("w", big)])}, open("hash.json", "w"), indent=1)
