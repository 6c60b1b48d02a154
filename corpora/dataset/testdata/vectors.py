"""Writes the files and numbers that corpora/dataset's tests compare with.

    cd corpora/dataset && python3 testdata/vectors.py

The generator, the subset, the shuffles and the noise are written here a second
time, from their description, with NumPy's integers and SciPy's normal quantile
(cephes ndtri, another algorithm than AS 241). The IDX files are written with
struct and NumPy, the compressed ones with Python's gzip (name and time in the
header, as upstream's have). vectors.json states the versions.
"""

import gzip
import hashlib
import json
import os
import struct
import sys

import numpy as np
import scipy
from scipy.special import ndtri

HERE = os.path.dirname(os.path.abspath(__file__))
MINI = os.path.join(HERE, "..", "fmnist-mini")
U = np.uint64
GOLDEN = U(0x9E3779B97F4A7C15)
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
np.seterr(over="ignore")


def mix64(z):
    z = U(z) if np.isscalar(z) else z
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return z ^ (z >> U(31))


def stream_key(seed, s):
    return mix64(mix64(U(seed) + GOLDEN) + U(s) * GOLDEN)


def draw(key, i):
    return mix64(key + (np.asarray(i, U) + U(1)) * GOLDEN)


def below(h, n):
    return np.array([int(v) * int(n) >> 64 for v in np.atleast_1d(h)])


def unit(h):
    return ((h >> U(12)).astype(np.float64) + 0.5) / 2.0**52


def idx(a):
    a = np.ascontiguousarray(a, np.uint8)
    return struct.pack(">HBB", 0, 8, a.ndim) + struct.pack(">%dI" % a.ndim, *a.shape) + a.tobytes()


def read(path):
    b = gzip.open(path).read()
    n = b[3]
    shape = struct.unpack(">%dI" % n, b[4 : 4 + 4 * n])
    return np.frombuffer(b, np.uint8, offset=4 + 4 * n).reshape(shape)


def pool(x, p):
    """x [N, C, H, W] in 0..255 -> float64 means on the [0, 1] scale"""
    n, c, h, w = x.shape
    return (x / 255.0).reshape(n, c, h // p, p, w // p, p).mean(axis=(3, 5))


def f32(a):
    """float32 values as the shortest decimals of their float64 form"""
    return [float(v) for v in np.asarray(a, np.float32).ravel()]


def ranked(key, index):
    h = draw(key, index)
    return sorted(range(len(index)), key=lambda k: (int(h[k]), k))


def subset(labels, n, seed, stream):
    quota = [n // 10 + (c < n % 10) for c in range(10)]
    taken = []
    for i in ranked(stream_key(seed, stream), np.arange(len(labels))):
        if quota[labels[i]] > 0:
            quota[labels[i]] -= 1
            taken.append(i)
    return np.array(sorted(taken))


def permute(clean, chosen, seed):
    """labels of the chosen examples after the inside-out shuffle"""
    out = []
    for i, pos in enumerate(chosen):
        j = int(below(draw(stream_key(seed, 4), i), i + 1)[0])
        if j == i:
            out.append(clean[pos])
        else:
            out.append(out[j])
            out[j] = clean[pos]
    y = clean.copy()
    y[chosen] = out
    return y


def resample(clean, chosen, index, seed):
    y = clean.copy()
    y[chosen] = below(draw(stream_key(seed, 4), index[chosen]), 10)
    return y


def noise(seed, index, size):
    keys = draw(stream_key(seed, 5), index)
    return np.stack([ndtri(unit(draw(k, np.arange(size)))) for k in keys])


def gaussian(n, split):
    pixels = draw(stream_key(20190527, 6), split)
    rows = []
    for i in range(n):
        z = ndtri(unit(draw(draw(pixels, i), np.arange(784))))
        rows.append(np.rint(255 * np.clip(0.5 + 0.25 * z, 0, 1)))
    y = below(draw(draw(stream_key(20190527, 7), split), np.arange(n)), 10)
    return np.array(rows).reshape(n, 28, 28), y


def tiny():
    """a set of 4 x 6 images in 3 classes, on disk in both forms"""
    rng = np.random.default_rng(1)
    arrays = [
        rng.integers(0, 256, (12, 4, 6)), np.arange(12) % 3,
        rng.integers(0, 256, (6, 4, 6)), np.arange(6) % 3,
    ]
    for folder in ("plain", "gz"):
        os.makedirs(os.path.join(HERE, "tiny", folder), exist_ok=True)
    h = hashlib.sha256()
    sums = []
    for name, a in zip(NAMES, arrays):
        b = idx(a)
        h.update(b)
        sums.append(hashlib.sha256(b).hexdigest())
        with open(os.path.join(HERE, "tiny", "plain", name.replace("-idx", ".idx")), "wb") as f:
            f.write(b)
        with open(os.path.join(HERE, "tiny", "gz", name + ".gz"), "wb") as f:
            with gzip.GzipFile(name, "wb", 9, f, mtime=1500000000) as g:
                g.write(b)
    return {"checksum": h.hexdigest(), "sums": sums, "pixels": arrays[0].ravel().tolist(), "labels": arrays[1].tolist()}


def colour():
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (5, 3, 4, 6))
    p = pool(x, 2)
    mean, std = p.mean(axis=(0, 2, 3)), p.std(axis=(0, 2, 3))
    normal = (p - mean[:, None, None]) / std[:, None, None]
    return {
        "pixels": x.ravel().tolist(), "plain": f32(x / 255.0), "pooled": f32(p),
        "mean": mean.tolist(), "std": std.tolist(), "normalized": f32(normal),
    }


def mini():
    x, y = read(os.path.join(MINI, NAMES[0] + ".gz")), read(os.path.join(MINI, NAMES[1] + ".gz")).astype(int)
    h = hashlib.sha256()
    for name in NAMES:
        h.update(gzip.open(os.path.join(MINI, name + ".gz")).read())
    index = subset(y, 1000, 11, 1)
    clean = y[index]
    order = ranked(stream_key(7, 3), index)
    half, quarter = np.array(order[:500]), np.array(order[:250])
    p = pool(x[index][:, None], 2).reshape(1000, 196)
    z = noise(3, index, 196)
    noisy = p + 0.3 * z
    clipped = np.clip(noisy, 0, 1)
    mean, std = p.mean(), p.std()
    rows = [0, 1, 499, 999]
    sha = lambda a: hashlib.sha256(np.asarray(a, "<f4").tobytes()).hexdigest()
    return {
        "checksum": h.hexdigest(),
        "index": index.tolist(),
        "permute_half": permute(clean, half, 7).tolist(),
        "permute_quarter": permute(clean, quarter, 7).tolist(),
        "resample_half": resample(clean, half, index, 7).tolist(),
        "first_k_half": permute(clean, np.arange(500), 7).tolist(),
        "chosen_half": sorted(half.tolist()),
        "mean": mean, "std": std,
        "native_mean": (x / 255.0).mean(), "native_std": (x / 255.0).std(),
        "rows": rows,
        "noisy": f32(noisy[rows]), "clipped": f32(clipped[rows]), "noisy_normalized": f32((noisy[rows] - mean) / std),
        "clean_sha256": sha(p), "noisy_sha256": sha(noisy), "normalized_sha256": sha((noisy - mean) / std),
    }


def main():
    u = np.concatenate([[2.0**-53, 1e-12, 1e-6, 0.001, 0.02425, 0.0749, 0.075, 0.0751, 0.25, 0.5, 0.6, 0.9, 0.925, 0.9251, 0.99],
                        [1 - 1e-6, 1 - 2.0**-53], np.random.default_rng(3).random(200)])
    train, test = gaussian(4000, 0), gaussian(2000, 1)
    g = hashlib.sha256()
    for a in (*train, *test):
        g.update(idx(a))
    small = hashlib.sha256()
    for a in (*[t[:100] for t in train], *[t[:50] for t in test]):
        small.update(idx(a))
    key = stream_key(42, 5)
    out = {
        "made_by": "testdata/vectors.py",
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__},
        "draws": {"key": str(stream_key(42, 5)), "values": [str(v) for v in draw(key, np.arange(4))], "below": below(draw(key, np.arange(8)), 10).tolist()},
        "quantile": {"u": u.tolist(), "z": ndtri(u).tolist()},
        "gaussian": {"checksum": g.hexdigest(), "small": small.hexdigest(), "labels": train[1][:20].tolist()},
        "tiny": tiny(),
        "colour": colour(),
        "mini": mini(),
    }
    with open(os.path.join(HERE, "vectors.json"), "w") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


main()
