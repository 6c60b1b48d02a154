#!/usr/bin/env python3
"""Makes sources.json: what the published code itself answers for a small network, for sources_test.go.

    python3 sources.py DRAWS INTERPEX AITHAL KV KVGN JACOBIAN > sources.json

with TensorFlow 2.15.1, NumPy 1.26.4, scikit-learn, SciPy, POT and Matplotlib, Python 3.11. DRAWS is
harness/quantity/testdata/draws_sources.json; the others are what is run, unchanged:

    INTERPEX  folder of parthnatekar/pgdl
    AITHAL    runner_up_solution/complexity.py of sumukhaithal6/pgdl
    KV, KVGN  kV-Margin/complexity.py and kV-GN-Margin/complexity.py of chingyaoc/kV-Margin
    JACOBIAN  complexity.py of the baseline "jacobian norm" of PGDL's starting kit

The code draws from NumPy and from data sets that it shuffles. Here both hand out the draws of genbench, so
that the same examples are looked at. NumPy's np.int and TensorFlow's enable_eager_execution, which are
gone, are put back.
"""
import importlib.util
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import ot
import scipy.ndimage as ndi
import sklearn
import tensorflow as tf

np.int = int
tf.enable_eager_execution = lambda: None
draws_file, interpex, aithal, kv, kvgn, jacobian = sys.argv[1:]
draws = json.load(open(draws_file))
H, W, K = draws["Shape"]["h"], draws["Shape"]["w"], draws["Classes"]
D, y = H * W, np.array(draws["Labels"])
rng = np.random.default_rng(2106)
# Images of classes that differ, so that some are told apart: a random picture a class, and noise.
x = np.float32(np.clip(0.6 * rng.random((K, D))[y] + 0.4 * rng.random((len(y), D)), 0, 1))
sizes = [D, 10, 9, 8, K]
weights = [(np.float32(rng.standard_normal((o, d)) * np.sqrt(2.5 / d)), np.float32(0.3 * rng.standard_normal(o))) for d, o in zip(sizes, sizes[1:])]

# The last layer fits the labels by least squares, noisily: most examples are classified correctly.
hidden = x.astype(np.float64)
for w, b in weights[:-1]:
    hidden = np.maximum(hidden @ w.T + b, 0)
fit = np.linalg.lstsq(np.c_[hidden, np.ones(len(y))], 5.0 * np.eye(K)[y] + rng.standard_normal((len(y), K)), rcond=None)[0]
weights[-1] = (np.float32(fit[:-1].T), np.float32(fit[-1]))


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    return m


class Seen:
    """A layer that remembers what it read, as the starting kit's do."""

    def __call__(self, x, *args, **kwargs):
        self._last_seen_input = x
        return super().__call__(x, *args, **kwargs)


class Dense(Seen, tf.keras.layers.Dense):
    pass


class Conv2D(Seen, tf.keras.layers.Conv2D):
    pass


class Model(tf.keras.Sequential):
    def __call__(self, x, tape=False, *args, **kwargs):
        if tape:
            tape.watch(x)
        return super().__call__(x, *args, **kwargs)


def network(layer, shape):
    """The network, of dense layers or of 1 x 1 convolutions of 1 x 1 images, which are the same."""
    layers = []
    for i, o in enumerate(sizes[1:]):
        act = "relu" if i < len(weights) - 1 else None
        if layer is Dense or act is None:
            if layer is not Dense or (i == 0 and len(shape) > 1):
                layers.append(tf.keras.layers.Flatten())
            layers.append(Dense(o, activation=act))
        else:
            layers.append(Conv2D(o, 1, activation=act))
    m = Model(layers)
    m.build((None, *shape))
    own = [q for q in m.layers if q.weights]
    for q, (w, b) in zip(own, weights):
        q.set_weights([w.T.reshape(q.weights[0].shape), b])
    return m


class Given:
    """A data set that hands out given batches, whatever it is told."""

    def __init__(self, batches, labels):
        self.batches = [(tf.constant(b, tf.float32), tf.constant(l, tf.int32)) for b, l in zip(batches, labels)]

    def repeat(self, *_):
        return self

    def shuffle(self, *_, **__):
        return self

    def batch(self, *_):
        return self

    def __iter__(self):
        return iter(self.batches)


def given(rows, shape, size=None):
    rows = np.array(rows)
    rows = rows.reshape(-1, size or rows.shape[-1])
    return Given([x[r].reshape(len(r), *shape) for r in rows], [y[r] for r in rows])


class FirstThen:
    """As Given, where the first batch is only looked at for its labels."""

    def __init__(self, first, rest):
        self.sets = [first, rest]

    repeat = shuffle = batch = lambda self, *_, **__: self

    def __iter__(self):
        return iter(self.sets.pop(0) if len(self.sets) > 1 else self.sets[0])


def quiet(f):
    with open(os.devnull, "w") as null:
        out, sys.stdout = sys.stdout, null
        try:
            return float(f())
        finally:
            sys.stdout = out


def augmented(e, g):
    """Grey images: hue and saturation do nothing."""
    i = x[e].astype(np.float64).reshape(H, W)
    i = i[:, ::-1] if g["Flip"] else i
    i = i + g["Brightness"]
    i = (i - i.mean()) * g["Contrast"] + i.mean()
    if g["Zoom"]:
        grid = np.meshgrid(*[(0.5 - g["Zoom"] / 2) * (n - 1) + g["Zoom"] * np.arange(n) for n in (H, W)], indexing="ij")
        i = ndi.map_coordinates(i, grid, order=1, mode="nearest")
    return np.float32(i).ravel()


def mixup_partners():
    """An argsort that is stable, and a choice of the drawn partners, class by class."""
    calls = []
    index, partner = np.array(draws["Index"]).reshape(-1, 50), np.array(draws["Partners"]).reshape(-1, 50)
    for i, p in zip(index, partner):
        place = [int(np.where(i == q)[0][0]) for q in p]
        for c in range(y[i].max() + 1):
            calls.append([place[k] for k in range(50) if y[i[k]] == c])

    def choice(a, replace, size):
        drawn = calls.pop(0)
        assert sorted(drawn) == sorted(a) and len(a) == size
        return drawn

    stable = lambda v: np.asarray(v).argsort(kind="stable")
    return choice, stable


def run_interpex(out):
    sys.path.insert(0, interpex)
    m = load(os.path.join(interpex, "complexitymeasures.py"), "complexitymeasures")
    conv, shape = network(Conv2D, (1, 1, D)), (1, 1, D)
    # Its first batch, of the whole set in order, is for shapes or the number of classes.
    first = given([draws["All"]], shape)
    dbi = given(draws["DBI"], shape, 40)
    out["davies-bouldin"] = quiet(lambda: m.complexityDB(conv, FirstThen(first, dbi), pool=False))
    out["mixup-accuracy"] = quiet(lambda: m.complexityMixup(conv, FirstThen(first, given(draws["Mixup"], shape))))
    choice, argsort = np.random.choice, np.argsort
    np.random.choice, np.argsort = mixup_partners()
    out["mixup-margin"] = quiet(lambda: m.complexityMargin(conv, given(draws["Margins"], shape), augment="mixup"))
    np.random.choice, np.argsort = choice, argsort
    images = [np.stack([augmented(e, draws["Augmented"][50 * r + i]) for i, e in enumerate(round)]).reshape(-1, *shape) for r, round in enumerate(draws["Margins"])]
    labels = [y[np.array(r)] for r in draws["Margins"]]
    out["augment-margin"] = quiet(lambda: m.complexityMargin(conv, Given(images, labels), augment=None))


def run_aithal(out):
    m = load(aithal, "aithal")
    numbers = [v for g in draws["Disturbances"] for v in (g["H"], g["W"], 0, 0, g["Y"], g["X"])]
    np.random.randint, keep = (lambda *_: numbers.pop(0)), np.random.randint
    data = tf.data.Dataset.from_tensor_slices((x.reshape(-1, H, W, 1), y))
    out["always-generalize"] = quiet(lambda: m.complexity(network(Dense, (H, W, 1)), data)) / len(y)
    np.random.randint = keep
    assert not numbers


def run_kv(out):
    shape = (1, 1, D)
    data = tf.data.Dataset.from_tensor_slices((x.reshape(-1, *shape), y))
    choice, permutation = np.random.choice, np.random.permutation
    np.random.choice = lambda *_, **__: np.array(draws["All"])
    np.random.permutation = lambda v: v
    for name, path in (("kv-margin", kv), ("kv-gn-margin", kvgn)):
        m = load(path, name.replace("-", ""))
        # Its third layer is a convolution that reads x^2.
        out[name] = quiet(lambda: m.complexity(network(Conv2D, shape), data, shallow=True))
    np.random.choice, np.random.permutation = choice, permutation


def run_jacobian(out):
    m = load(jacobian, "jacobian")
    rows = np.array(draws["Jacobian"])
    data = tf.data.Dataset.from_tensor_slices((x[rows], y[rows]))
    out["jacobian-norm"] = quiet(lambda: m.complexity(network(Dense, (D,)), data))


values = {}
run_interpex(values)
run_aithal(values)
run_kv(values)
run_jacobian(values)
tensors = {}
for i, (w, b) in enumerate(weights, 1):
    tensors[f"fc{i}.weight"], tensors[f"fc{i}.bias"] = w, b
nine = lambda v: [float(f"{q:.9g}") for q in np.asarray(v).ravel()]
print(json.dumps({
    "Versions": {"tensorflow": tf.__version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__, "pot": ot.__version__},
    "Shape": draws["Shape"], "Sizes": sizes, "Labels": y.tolist(), "X": nine(x), "Tensors": {k: nine(v) for k, v in tensors.items()}, "Values": values,
}))
