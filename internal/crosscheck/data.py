"""The examples that a network saw, made again from the data set's files and a record's transform."""

import gzip
import hashlib
import os
import struct

import numpy as np
from scipy import stats
from scipy.special import ndtri

U = np.uint64
GOLDEN = U(0x9E3779B97F4A7C15)
FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
TRAIN, TEST, CHOSEN, NEW_LABELS, NOISE = 1, 2, 3, 4, 5  # streams, as in corpora/dataset/testdata/vectors.py
np.seterr(over="ignore")


def mix(z):
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return z ^ (z >> U(31))


def key(seed, stream):
    return mix(mix(U(seed) + GOLDEN) + U(stream) * GOLDEN)


def draw(k, i):
    return mix(k + (np.asarray(i, U) + U(1)) * GOLDEN)


def derive_seed(purpose, seed):
    """The first 53 bits of SHA-256 of genbench/PURPOSE/SEED"""
    return int.from_bytes(hashlib.sha256(b"genbench/%s/%d" % (purpose.encode(), seed)).digest()[:8], "big") >> 11


def read_idx(path):
    with gzip.open(path) as f:
        b = f.read()
    shape = struct.unpack(">%dI" % b[3], b[4 : 4 + 4 * b[3]])
    return np.frombuffer(b, np.uint8, offset=4 + 4 * b[3]).reshape(shape), b


class Files:
    def __init__(self, folder):
        pairs = [read_idx(os.path.join(folder, f + ".gz")) for f in FILES]
        h = hashlib.sha256()
        for _, b in pairs:
            h.update(b)
        self.checksum = h.hexdigest()
        self.images = {TRAIN: pairs[0][0], TEST: pairs[2][0]}
        self.labels = {TRAIN: pairs[1][0].astype(int), TEST: pairs[3][0].astype(int)}


def balanced(labels, n, seed, stream):
    """n examples, equally many a class, taken in the order of their draws; indices ascend"""
    quota = [n // 10 + (c < n % 10) for c in range(10)]
    h = draw(key(seed, stream), np.arange(len(labels)))
    taken = []
    for i in np.argsort(h, kind="stable"):
        if quota[labels[i]] > 0:
            quota[labels[i]] -= 1
            taken.append(i)
    return np.array(sorted(taken))


def permuted(clean, index, fraction, seed):
    """round(fraction * N) examples, those with the smallest draws, with their labels permuted"""
    count = int(np.floor(fraction * len(clean) + 0.5))
    chosen = np.argsort(draw(key(seed, CHOSEN), index), kind="stable")[:count]
    out = []
    for i, position in enumerate(chosen):
        j = int(draw(key(seed, NEW_LABELS), i)) * (i + 1) >> 64
        out.append(clean[position])
        if j != i:
            out[i], out[j] = out[j], clean[position]
    y = clean.copy()
    y[chosen] = out
    return y, chosen


def pooled(images, p):
    n, h, w = images.shape
    return (images / 255.0).reshape(n, h // p, p, w // p, p).mean(axis=(2, 4)).reshape(n, -1)


class Examples:
    """What a transform makes of the files. x is float32, as the networks see it."""

    def __init__(self, files, t):
        if t["normalize"] or t["clip_noise"] or t["shuffle_mode"] not in ("", "permute"):
            raise ValueError("this check does not know the transform %r" % t)
        images, labels = files.images, files.labels
        self.index = balanced(labels[TRAIN], t["train"], t["subset_seed"], TRAIN)
        self.test_index = balanced(labels[TEST], t["test"], t["subset_seed"], TEST)
        self.native, self.test_native = images[TRAIN][self.index], images[TEST][self.test_index]
        self.clean, self.test_y = labels[TRAIN][self.index], labels[TEST][self.test_index]
        self.y, self.chosen = self.clean, np.array([], int)
        if t["label_shuffle"] > 0:
            self.y, self.chosen = permuted(self.clean, self.index, t["label_shuffle"], t["shuffle_seed"])
        x = pooled(self.native, t["pool"])
        self.noise = np.zeros_like(x)
        if t["input_noise"] > 0:
            u = np.stack([draw(k, np.arange(x.shape[1])) for k in draw(key(t["noise_seed"], NOISE), self.index)])
            self.noise = ndtri(((u >> U(12)).astype(np.float64) + 0.5) / 2.0**52)
        self.x = (x + t["input_noise"] * self.noise).astype(np.float32)
        self.test_x = pooled(self.test_native, t["pool"]).astype(np.float32)


def entropy(images):
    """[N] bits of each image's histogram of 8-bit values, one bin a level"""
    out = []
    for image in images.reshape(len(images), -1):
        p = np.bincount(image, minlength=256) / image.size
        p = p[p > 0]
        out.append(-(p * np.log2(p)).sum())
    # Images with the same counts in other bins tie; rounding of the sum must not tell them apart.
    return np.round(np.array(out), 11)


def check(store, files, examples, table):
    """examples: {network id: Examples}"""
    nets = store.networks
    table.add("data set checksum", [n.record["data_checksum"] != files.checksum for n in nets], 0, "a hash", nets)
    seeds = []
    for n in nets:
        t, s = n.record["transform"], n.record["seeds"]
        want = [(t["subset_seed"], "subset", 0)] + [(s[k], k, n.seed) for k in ("init", "order", "dropout")]
        want += [(t["shuffle_seed"], "labels", n.seed)] if t["label_shuffle"] else []
        want += [(t["noise_seed"], "noise", n.seed)] if t["input_noise"] else []
        seeds.append(sum(got != derive_seed(p, v) for got, p, v in want))
    table.add("seeds derived from the seed axis", seeds, 0, "integers", nets)
    split, changed, fraction = [], [], []
    for n in nets:
        e, r = examples[n.id], n.record
        split.append(r["split_indices"] != e.index.tolist())
        changed.append((r.get("changed_indices") or []) != np.flatnonzero(e.y != e.clean).tolist())
        fraction.append(abs((r.get("changed_fraction") or 0) - np.mean(e.y != e.clean)))
    table.add("indices of the training subset", split, 0, "integers", nets)
    table.add("indices of changed labels", changed, 0, "integers", nets)
    table.add("changed fraction of labels", fraction, 1e-15, "a quotient of integers", nets)
    shuffled = [n for n in nets if n.config.get("label_shuffle")]
    # Permuting f N labels of balanced classes changes 0.9 f N of them; its variance is below the binomial's.
    z = [abs(n.record["changed_fraction"] - 0.9 * n.config["label_shuffle"]) / np.sqrt(0.09 * n.config["label_shuffle"] / len(examples[n.id].y)) for n in shuffled]
    table.add("changed fraction against 0.9 f, in SD", z, 4, "4 binomial SD", shuffled)
    noisy = [n for n in nets if n.config.get("input_noise")]
    p = [1e-6 / max(stats.kstest(examples[n.id].noise.ravel(), "norm").pvalue, 1e-300) for n in noisy]
    table.add("noise is N(0,1), 1e-6 / p of KS", p, 1, "p above 1e-6", noisy)
