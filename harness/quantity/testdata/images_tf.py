#!/usr/bin/env python3
"""Makes images.json: images changed by tf.image itself, for the tests of images.go.

Run with TensorFlow 2.15.1 and NumPy 1.26.4, Python 3.11, as: python3 images_tf.py > images.json
Images are written as [C, H, W]; tf.image has [H, W, C].
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(2012)


def chw(x):
    return [float(np.float32(v)) for v in np.asarray(x).transpose(2, 0, 1).ravel()]


def sobel(x):
    return (tf.image.sobel_edges(x[None])[..., 1] / 4 + 0.5)[0]


def crop(x):
    return tf.image.resize_with_pad(tf.image.central_crop(x, 0.9), x.shape[0], x.shape[1])


def zoom(x, scale):
    lo, hi = 0.5 - 0.5 * scale, 0.5 + 0.5 * scale
    return tf.image.crop_and_resize(x[None], boxes=[[lo, lo, hi, hi]], box_indices=[0], crop_size=x.shape[:2])[0]


cases = []


def add(x, op, number=0.0):
    x = tf.constant(x, tf.float32)
    f = {
        "flip": lambda: tf.image.flip_left_right(x), "brighten": lambda: tf.image.adjust_brightness(x, number),
        "contrast": lambda: tf.image.adjust_contrast(x, number), "saturate": lambda: tf.image.adjust_saturation(x, number),
        "hue": lambda: tf.image.adjust_hue(x, number), "sobel": lambda: sobel(x), "crop": lambda: crop(x), "zoom": lambda: zoom(x, number),
    }[op]
    h, w, c = x.shape
    cases.append({"op": op, "number": number, "shape": [c, h, w], "in": chw(x.numpy()), "out": chw(f().numpy())})


colour, grey = rng.random((5, 4, 3)), rng.random((6, 5, 1))
normal = rng.standard_normal((5, 4, 3))  # as after normalisation: outside [0, 1]
special = np.array([[[0, 0, 0], [1, 1, 1], [0.3, 0.3, 0.3], [1, 0, 0]], [[0, 1, 0], [0, 0, 1], [0.2, 0.7, 0.7], [0.9, 0.9, 0.1]]])
for x in (colour, grey, normal):
    for op, numbers in {"flip": [0], "brighten": [0.5, -0.05], "contrast": [0.7, 0.93], "sobel": [0], "crop": [0], "zoom": [0.85, 0.93, 1.0]}.items():
        for number in numbers:
            add(x, op, number)
for x in (colour, normal, special):
    for number in (0.6, 1.0, 1.59):
        add(x, "saturate", number)
    for number in (-0.05, 0.0, 0.031):
        add(x, "hue", number)
for shape in ((22, 30, 1), (30, 22, 1), (28, 28, 1), (40, 21, 1)):  # crop cuts whole pixels
    add(rng.random(shape), "crop")
print(json.dumps({"versions": {"tensorflow": tf.__version__, "numpy": np.__version__}, "cases": cases}))
