"""Writes augment.json: augmented images by PyTorch, for models.Augmentation.

    python3 make_augment.py > augment.json     made with torch 1.13.0a0 (Debian 12), Python 3.11

Padding, windows and mirrors are PyTorch's pad, slices and flip, in the order of torchvision's RandomCrop and
RandomHorizontalFlip; the draws are computed from their definition in Python's integers.
"""

import json
import sys

import torch
import torch.nn.functional as F

M64, GAMMA = (1 << 64) - 1, 0x9E3779B97F4A7C15


def mix(z):
    z &= M64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def draw(crop, flip, seed, epoch, example):
    k = mix(mix(mix(seed + GAMMA) + epoch * GAMMA) + example * GAMMA)
    y, x, m = (mix(k + i * GAMMA) for i in (1, 2, 3))
    places = 2 * crop + 1
    return y * places >> 64, x * places >> 64, flip and m >> 63 == 1


def augment(image, black, crop, flip, *key):
    y, x, mirrored = draw(crop, flip, *key)
    c, h, w = image.shape
    padded = torch.stack([F.pad(image[i], (crop,) * 4, value=black[i]) for i in range(c)])
    window = padded[:, y:y + h, x:x + w]
    return window.flip(2) if mirrored else window


def case(shape, black, crop, flip, seed):
    n, (c, h, w) = 6, shape
    images = torch.arange(n * c * h * w, dtype=torch.float32).view(n, c, h, w) / 8
    out = [augment(images[i], black, crop, flip, seed, epoch, i) for epoch in (1, 2, 300) for i in range(n)]
    return {"shape": {"c": c, "h": h, "w": w}, "black": black, "crop": crop, "flip": flip, "seed": seed, "n": n,
            "x": images.flatten().tolist(), "epochs": [1, 2, 300], "want": torch.stack(out).flatten().tolist()}


if __name__ == "__main__":
    json.dump({"torch": torch.__version__, "python": sys.version.split()[0], "cases": [
        case((3, 6, 5), [-0.5, -1.25, -2.0], 2, True, 11),
        case((1, 4, 4), [0.0], 3, False, 1 << 60),
        case((2, 3, 7), [1.0, 2.0], 0, True, 5),
        case((3, 5, 5), [0.0, 0.0, 0.0], 4, True, (1 << 64) - 1),
    ]}, sys.stdout)
    print()
