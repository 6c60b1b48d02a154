"""Reads the documented files of a store, and nothing else: no genbench code runs here."""

import collections
import glob
import hashlib
import json
import os
import struct

import numpy as np

import graph


def load_json(path):
    with open(path) as f:
        return json.load(f)


def load_lines(path):
    """The lines of a JSONL file. A last line without a newline is a write that was cut off."""
    with open(path) as f:
        text = f.read()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def load_safetensors(path):
    """{name: array}, from the published layout: header length, JSON header, bytes"""
    with open(path, "rb") as f:
        blob = f.read()
    (length,) = struct.unpack("<Q", blob[:8])
    out = {}
    for name, t in json.loads(blob[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        if t["dtype"] != "F32":
            raise ValueError("%s: tensor %s is %s, not F32" % (path, name, t["dtype"]))
        a, b = (8 + length + o for o in t["data_offsets"])
        out[name] = np.frombuffer(blob[a:b], "<f4").reshape(t["shape"])
    return out


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class Network:
    def __init__(self, folder):
        self.folder = folder
        self.record = load_json(os.path.join(folder, "record.json"))
        self.id = self.record["id"]
        self.config = {c["axis"]: c["value"] for c in self.record["config"]}
        self.seed = self.record["seed"]
        self.final = load_safetensors(os.path.join(folder, "final.safetensors"))
        self.init = load_safetensors(os.path.join(folder, "init.safetensors"))
        self.history = load_lines(os.path.join(folder, "history.jsonl"))
        self.dense = [layer["name"] for layer in self.record["architecture"]["layers"] if layer["kind"] == "dense"]
        self.weighted = [layer["name"] for layer in self.record["architecture"]["layers"] if layer["kind"] in ("dense", "conv2d")]

    def correct(self):
        """Example i is bit i mod 8, counted from the lowest, of byte i div 8."""
        b = np.fromfile(os.path.join(self.folder, "test-correct.bin"), np.uint8)
        return np.unpackbits(b, bitorder="little")

    def weights(self, tensors=None):
        """The layers' matrices as float64, without biases, batch norm folded in; a kernel is [Out, In kh kw]"""
        tensors = self.final if tensors is None else tensors
        if graph.is_graph(self):
            return [k.reshape(len(k), -1) for k in graph.Graph(self, tensors).fused().kernels().values()]
        return [tensors[name + ".weight"].astype(np.float64) for name in self.dense]

    def __str__(self):
        return "%s %s seed %d" % (self.id, list(self.config.values()), self.seed)


class Store:
    def __init__(self, path):
        self.corpus = load_json(os.path.join(path, "corpus.json"))
        self.board = load_json(os.path.join(path, "report", "leaderboard.json"))
        self.networks = [Network(os.path.dirname(p)) for p in sorted(glob.glob(os.path.join(path, "models", "*", "record.json")))]
        if not self.networks:
            raise ValueError("%s holds no networks" % path)
        self.values = collections.defaultdict(dict)  # [measure][network]
        for p in sorted(glob.glob(os.path.join(path, "values", "*.jsonl"))):
            for v in load_lines(p):
                old = self.values[v["measure"]].get(v["network"])
                if old is None or v["sequence"] > old["sequence"]:
                    self.values[v["measure"]][v["network"]] = v
