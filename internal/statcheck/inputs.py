"""Random inputs: samples with ties and missing values, and grids of hyperparameters."""

import numpy as np

LARGE = 10_000


def values(rng, n, kind):
    z = rng.standard_normal(n)
    if kind == "normal":
        return z
    if kind == "integers":
        return np.round(3 * z)
    if kind == "heavy ties":
        return rng.integers(0, rng.integers(2, 4), n).astype(float)
    if kind == "constant":
        return np.full(n, z[0])
    if kind == "huge":
        return z * 1e150
    if kind == "tiny":
        return z * 1e-150
    if kind == "offset":
        return 1e6 + z
    if kind == "lognormal":
        return np.exp(4 * z)
    if kind == "hundredths":
        return np.round(0.1 * z, 2)
    if kind == "order":
        return np.arange(n) * (1.0 if z[0] > 0 else -1.0)
    raise ValueError(kind)


KINDS = ["normal", "integers", "heavy ties", "huge", "tiny", "offset", "lognormal", "hundredths", "order"]


def samples(count, seed):
    """count pairs (x, y) of 2 to 500 values, the last few of 10,000; NaN marks what is missing"""
    rng = np.random.default_rng(seed)
    for k in range(count):
        large = k >= count - min(4, count // 100)
        n = LARGE if large else int(rng.integers(2, 12) if k % 4 == 0 else rng.integers(2, 501))
        kinds = rng.choice(KINDS, 2)
        if not large and rng.random() < 0.04:
            kinds[rng.integers(2)] = "constant"
        x, y = values(rng, n, kinds[0]), values(rng, n, kinds[1])
        if rng.random() < 0.5 and "constant" not in kinds:  # related, by order: scales stay
            order = np.argsort(y + 0.5 * np.std(y / np.abs(y).max()) * np.abs(y).max() * rng.standard_normal(n))
            x = np.sort(x)[np.argsort(order)]
        if rng.random() < 0.4:
            x = np.where(rng.random(n) < rng.choice([0.02, 0.1, 0.5]), np.nan, x)
        if rng.random() < 0.1:
            y = np.where(rng.random(n) < 0.1, np.nan, y)
        yield x, y


REPEATS = ["mean", "pooled", "per-seed"]


def grids(count, seed):
    """count dicts: a grid of 1 to 4 axes, 1 to 5 seeds, with ties, gaps in the grid and missing values"""
    rng = np.random.default_rng(seed)
    for k in range(count):
        repeats = REPEATS[k % 3]
        sizes = rng.integers(2, 4, rng.integers(1, 5))
        seeds = int(rng.choice([1, 2, 4, 5]))
        configs = np.array(list(np.ndindex(*sizes)))
        levels = np.repeat(configs, seeds, axis=0)
        seed_of = np.tile(np.arange(seeds), len(configs))
        if rng.random() < 0.4:  # networks that were not trained
            keep = rng.random(len(levels)) < 0.85
            keep[: 2] = True
            levels, seed_of = levels[keep], seed_of[keep]
        n = len(levels)
        effect = levels @ rng.normal(0, 0.04, len(sizes))
        y = np.round(effect + rng.normal(0.2, 0.03, n), int(rng.choice([2, 3, 4])))
        kind = rng.choice(["noise", "level", "ties", "close", "opposite"])
        x = {
            "noise": rng.standard_normal(n),
            "level": np.round(levels[:, 0] + 0.0, 1),
            "ties": rng.integers(0, 3, n).astype(float),
            "close": np.round(y + rng.normal(0, 0.02, n), 3),
            "opposite": -y,
        }[kind]
        if rng.random() < 0.05:
            y[:] = 0.25
        if rng.random() < 0.3:
            x = np.where(rng.random(n) < 0.1, np.nan, x)
        yield {"levels": levels, "seed": seed_of, "x": x, "y": y, "repeats": repeats, "test_size": int(rng.choice([1000, 10000]))}


NAMES = [["8", "32", "512"], ["1", "11", "111"], ["0", "0.5", "0.25"], ["True", "False", "none"], ["1", "2", "12"]]


def complete_grids(count, seed, collide):
    """count dicts: complete grids of 2 to 4 axes with one network a place, and the names of their levels"""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        sizes = rng.integers(2, 4, rng.integers(2, 5))
        levels = np.array(list(np.ndindex(*sizes)))
        pool = NAMES if collide else NAMES[:1] + NAMES[2:4]
        names = [pool[rng.integers(len(pool))][:s] for s in sizes]
        y = levels @ rng.normal(0, 0.03, len(sizes)) + rng.normal(0.2, 0.03, len(levels))
        x = [rng.standard_normal(len(levels)), y + rng.normal(0, 0.03, len(levels)), y, -y][rng.integers(4)]
        digits = int(rng.choice([1, 2, 9]))
        yield {"levels": levels, "names": names, "x": np.round(x, digits), "y": np.round(y, int(rng.choice([2, 4])))}
