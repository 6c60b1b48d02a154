"""Makes the folder zoo/: four small networks trained by PyTorch, as `genbench corpus import` reads them.

Run in this folder: python3 make_zoo.py. The stored zoo was made with Python 3.11, PyTorch 1.13.0 and NumPy 1.24.2 on
one thread. It is also the example to start from: keep write_tensors and the record, and put your own network in.
"""
import gzip
import json
import pathlib
import struct

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
SET = HERE / "../../dataset/fmnist-mini"
POOL = 4


def images(name):
    """[N, 49] in [0, 1], mean-pooled, and [N] labels."""
    x = np.frombuffer(gzip.open(SET / f"{name}-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
    y = np.frombuffer(gzip.open(SET / f"{name}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    x = x.reshape(len(y), 28 // POOL, POOL, 28 // POOL, POOL).astype(np.float64).mean(axis=(2, 4)) / 255
    return torch.tensor(x.reshape(len(y), -1), dtype=torch.float32), torch.tensor(y.astype(np.int64))


def write_tensors(path, state):
    """safetensors: length of the header, header, float32 data."""
    header, data = {}, b""
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        raw = tensor.detach().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def metrics(net, x, y):
    net.eval()
    with torch.no_grad():
        logits = net(x)
    loss = torch.nn.functional.cross_entropy(logits.double(), y)
    return {"n": len(y), "loss": loss.item(), "accuracy": (logits.argmax(1) == y).double().mean().item()}


def train(width, batchnorm, x, y):
    torch.manual_seed(1)
    hidden = [torch.nn.Linear(x.shape[1], width)] + ([torch.nn.BatchNorm1d(width)] if batchnorm else []) + [torch.nn.ReLU()]
    net = torch.nn.Sequential(*hidden, torch.nn.Linear(width, 10))
    initial = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(5):
        net.train()
        for batch in torch.randperm(len(y)).split(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net, initial


def main():
    torch.set_num_threads(1)
    (x, y), (x_test, y_test) = images("train"), images("t10k")
    for width in 8, 12:
        for batchnorm in False, True:
            net, initial = train(width, batchnorm, x, y)
            folder = HERE / "zoo" / f"w{width}{'-bn' if batchnorm else ''}"
            folder.mkdir(parents=True, exist_ok=True)
            write_tensors(folder / "final.safetensors", net.state_dict())
            write_tensors(folder / "init.safetensors", initial)
            record = {
                "source": "make_zoo.py, PyTorch " + torch.__version__,
                "family": "mlp",
                "config": [{"axis": "width", "value": width}, {"axis": "batchnorm", "value": batchnorm}],
                "seed": 1,
                "data_set": "fmnist-mini",
                "transform": {"pool": POOL},
                "train": metrics(net, x, y),
                "test": metrics(net, x_test, y_test),
            }
            (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
