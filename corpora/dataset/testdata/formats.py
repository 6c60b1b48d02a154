"""Writes small files in the official formats of the sets that genbench reads.

    cd corpora/dataset && python3 testdata/formats.py

CIFAR's records are written with struct, its archives with tarfile; SVHN's files with SciPy's savemat,
ImageNet-32's with NumPy's savez and savez_compressed and zipfile; digits.csv with csv. formats.json has what they
hold: numbers of images, labels as genbench numbers them, the SHA-256 of the content of every file, and the checksum of the set, computed from
NumPy's own arrays. It states the versions.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import struct
import sys
import tarfile
import zipfile

import numpy as np
import scipy
from scipy.io import savemat

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats")
sums = {}


def images(n, salt):
    """n images [3, 32, 32] whose every row, column and channel differs, and that compress well."""
    i, c, y, x = np.ogrid[:n, :3, :32, :32]
    return ((salt + 37 * i + 80 * c + 5 * y + x * x // 8 + (y > x) * 20) % 256).astype(np.uint8)


def idx(a, int32=False):
    a = np.ascontiguousarray(a, ">i4" if int32 else np.uint8)
    return struct.pack(">HBB", 0, 12 if int32 else 8, a.ndim) + struct.pack(">%dI" % a.ndim, *a.shape) + a.tobytes()


def checksum(train, test, int32=False):
    h = hashlib.sha256()
    for x, y in (train, test):
        h.update(idx(x) + idx(y, int32))
    return h.hexdigest()


def put(name, content):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)


def note(name, content):
    sums[name] = {"sha256": hashlib.sha256(content).hexdigest(), "md5": hashlib.md5(content).hexdigest(), "bytes": len(content)}


def described(train, test, int32=False):
    return {
        "train": len(train[1]), "test": len(test[1]), "checksum": checksum(train, test, int32),
        "train_labels": train[1].tolist(), "test_labels": test[1].tolist(),
        "pixel": int(train[0][3, 1, 4, 9]), "at": "image 3, channel 1, row 4, column 9 of the training split",
    }


def archive(name, folder, files):
    """A .tar.gz in an order of its own, with a folder and a file that is not asked for."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as g, tarfile.open(fileobj=g, mode="w", format=tarfile.GNU_FORMAT) as t:
        d = tarfile.TarInfo(folder)
        d.type = tarfile.DIRTYPE
        t.addfile(d)
        for key in sorted(files, key=lambda k: hashlib.md5(k.encode()).hexdigest()):
            info = tarfile.TarInfo(folder + "/" + key)
            info.size = len(files[key])
            t.addfile(info, io.BytesIO(files[key]))
    put(name, out.getvalue())
    note(name, out.getvalue())
    for key, content in files.items():
        note(os.path.dirname(name) + "/" + key, content)


def records(x, *labels):
    return b"".join(struct.pack("%dB" % len(labels), *(int(l[i]) for l in labels)) + x[i].tobytes() for i in range(len(x)))


def cifar():
    x, y = images(20, 1), np.arange(20) * 3 % 10
    tx, ty = images(10, 99), np.arange(10)[::-1].copy()
    files = {"data_batch_%d.bin" % (b + 1): records(x[4 * b:4 * b + 4], y[4 * b:4 * b + 4]) for b in range(5)}
    files.update({"test_batch.bin": records(tx, ty), "batches.meta.txt": b"airplane\n"})
    archive("cifar-10/cifar-10-binary.tar.gz", "cifar-10-batches-bin", files)
    ten = described((x, y), (tx, ty))
    x, y, coarse = images(10, 5), np.array([4, 0, 1, 2, 3, 3, 2, 1, 0, 4]), np.array([19, 1, 0, 7, 8, 8, 7, 0, 1, 19])
    tx, ty = images(5, 55), np.array([2, 3, 4, 0, 1])
    files = {"train.bin": records(x, coarse, y), "test.bin": records(tx, ty + 10, ty), "fine_label_names.txt": b"apple\n"}
    archive("cifar-100/cifar-100-binary.tar.gz", "cifar-100-binary", files)
    return {"cifar-10": ten, "cifar-100": described((x, y), (tx, ty))}


def mat(name, variables, **how):
    out = io.BytesIO()
    savemat(out, variables, **how)
    b = bytearray(out.getvalue())
    if how.get("format") != "4":
        b[:116] = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, written by SciPy".ljust(116)  # without the date
    put(name, bytes(b))
    note(name, bytes(b))


def svhn():
    x, y = images(7, 11), np.array([10, 1, 9, 2, 10, 5, 7], np.uint8)
    tx, ty = images(2, 200), np.array([3, 10], np.uint8)
    by_column = lambda a: np.asfortranarray(np.transpose(a, (2, 3, 1, 0)))  # [32, 32, 3, N]
    mat("svhn/train_32x32.mat", {"X": by_column(x), "y": y[:, None]}, do_compression=True)
    mat("svhn/test_32x32.mat", {"X": by_column(tx), "y": ty[:, None]}, do_compression=False)
    few = {"X": by_column(tx), "y": ty[:, None]}
    # Not asked for, in another class, and in every way that labels may be stored.
    mat("mat/more.mat", {"note": "text", "s": {"a": 1.5}, "z": 1j * np.ones((2, 2)), **few}, do_compression=True)
    for kind in ("int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"):
        mat("mat/y-%s.mat" % kind, {"y": np.array([[3], [10]], kind)}, do_compression=kind < "j")
    mat("mat/half.mat", {"X": by_column(tx), "y": np.array([[3], [1.5]])}, do_compression=True)
    mat("mat/zero.mat", {"X": by_column(tx), "y": np.array([[3], [0]], np.uint8)}, do_compression=True)
    mat("mat/fewer.mat", {"X": by_column(tx), "y": np.array([[3]], np.uint8)}, do_compression=True)
    mat("mat/double.mat", {"X": by_column(tx).astype(float), "y": ty[:, None]}, do_compression=True)
    mat("mat/rows.mat", {"X": tx, "y": ty[:, None]}, do_compression=True)
    mat("mat/no-y.mat", {"X": by_column(tx)}, do_compression=True)
    mat("mat/level4.mat", {"y": ty[:, None]}, format="4")
    return {"svhn": described((x, y % 10), (tx, ty % 10))}


def npz(save, **arrays):
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def imagenet():
    flat = lambda a: a.reshape(len(a), 3072)
    x, y = images(20, 3), np.arange(20) * 50 + 1
    y[-1] = 1000
    tx, ty = images(3, 70), np.array([1000, 1, 42])
    mean = np.zeros(3072)
    files = {}
    for b in range(10):
        save = np.savez if b == 0 else np.savez_compressed
        labels = y[2 * b:2 * b + 2]
        labels = labels.astype(["<i8", "<i4", "<i2", "<u2", "<u4", "<u8", ">i8", "<i8", "<i8", "<i8"][b])
        files["train_data_batch_%d.npz" % (b + 1)] = npz(save, data=flat(x[2 * b:2 * b + 2]), labels=labels, **({"mean": mean} if b else {}))
    val = {"val_data.npz": npz(np.savez_compressed, data=flat(tx), labels=ty, mean=mean)}
    for archive_name, members, method in (
        ("Imagenet32_train_npz.zip", files, zipfile.ZIP_DEFLATED), ("Imagenet32_val_npz.zip", val, zipfile.ZIP_STORED)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as z:
            for key, content in members.items():
                z.writestr(zipfile.ZipInfo("folder/" + key), content, method)
                note("imagenet-32/" + key, content)
        put("imagenet-32/" + archive_name, out.getvalue())
    few, lab = flat(tx), ty
    for key, content in {
        "plain": npz(np.savez, data=few[:2], labels=lab[:2]), "no-labels": npz(np.savez_compressed, data=few),
        "float": npz(np.savez_compressed, data=few.astype(np.float32), labels=lab), "zero": npz(np.savez_compressed, data=few, labels=lab - 1),
        "columns": npz(np.savez_compressed, data=np.asfortranarray(few), labels=lab), "shape": npz(np.savez_compressed, data=tx, labels=lab),
        "fewer": npz(np.savez_compressed, data=few, labels=lab[:2]), "text": npz(np.savez_compressed, data=few, labels=np.array(["a", "b", "c"])),
        "object": npz(np.savez_compressed, data=few, labels=np.array([1, None, "x"], object)), "list": npz(np.savez_compressed, data=few, labels=lab.tolist()),
    }.items():
        put("npz/%s.npz" % key, content)
    return {"imagenet-32": described((x, y - 1), (tx, ty - 1), int32=True)}


def digits():
    n = 30
    i, p = np.ogrid[:n, :64]
    x, y = (i * 3 + p) % 17, (np.arange(n) * 7) % 10
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(np.concatenate([x, y[:, None]], 1).tolist())
    note("digits/digits.csv", out.getvalue().encode())
    put("digits/digits.csv.gz", gzip.compress(out.getvalue().encode(), mtime=0))
    px = np.round(x * 255 / 16 + 1e-9).astype(np.uint8).reshape(n, 8, 8)  # halves up
    return {"digits": {
        "train": 20, "test": 10, "checksum": checksum((px[:20], y[:20]), (px[20:], y[20:])),
        "train_labels": y[:20].tolist(), "test_labels": y[20:].tolist(),
    }}


if __name__ == "__main__":
    sets = {**cifar(), **svhn(), **imagenet(), **digits()}
    made = "Python %s, NumPy %s, SciPy %s" % (sys.version.split()[0], np.__version__, scipy.__version__)
    with open(os.path.join(HERE, "..", "formats.json"), "w") as f:
        json.dump({"made_with": made, "sets": sets, "files": sums}, f, indent=1)
        f.write("\n")
