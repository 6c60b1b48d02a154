"""Makes the folder convolutional/: small convolutional networks trained by PyTorch, with the names that PyTorch models have.

Run in this folder: /usr/bin/python3 make_convolutional.py. The stored ones were made with Python 3.11, PyTorch 1.13.0 and NumPy 1.24.2 on one
thread. The networks are models/testdata/torchnets.py's; one ResNet has torchvision's names, one VGG those of a Sequential as torchvision's.
"""
import json
import sys

import torch
from torch import nn

sys.dont_write_bytecode = True
sys.path.insert(0, "../../../models/testdata")
import make_zoo  # noqa: E402
import torchnets  # noqa: E402


class Sequential(nn.Module):
    """torchvision's vgg: features.N and classifier.N"""

    def __init__(self):
        super().__init__()
        layers, before = [], 1
        for v in [4, 4, "M", 8, 8, "M"]:
            if v == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(before, v, 3, padding=1), nn.BatchNorm2d(v), nn.ReLU()]
                before = v
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


NETWORKS = [  # folder, family, pool, stem, network
    ("nin", "nin", 4, None, lambda: torchnets.NiN([1, 7, 7], 10, depth=2, width=8, dropout=0.1, batchnorm=True)),
    ("resnet18", "resnet18", 4, None, lambda: torchnets.ResNet([1, 7, 7], 10, layers=18, width=2)),
    ("torchvision-resnet18", "resnet18", 4, None, lambda: torchnets.ResNet([1, 7, 7], 10, layers=18, width=2)),
    ("torchvision-vgg", "vgg", 4, None, Sequential),
    ("vgg-of-cna", "vgg", 1, "cna", lambda: torchnets.VGG([1, 28, 28], 10, depth=5, width=1, batchnorm=True, stem="cna")),
]


def named(folder, state):
    if folder != "torchvision-resnet18":
        return state
    return {k.replace("shortcut.", "downsample.").replace("linear.", "fc."): v for k, v in state.items()}


def main():
    torch.set_num_threads(1)
    for seed, (name, family, pool, stem, build) in enumerate(NETWORKS):
        make_zoo.POOL = pool
        (x, y), (x_test, y_test) = make_zoo.images("train"), make_zoo.images("t10k")
        side = 28 // pool
        x, x_test = x.reshape(-1, 1, side, side), x_test.reshape(-1, 1, side, side)
        torch.manual_seed(seed)
        net = build()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
        for _ in range(2):
            net.train()
            for batch in torch.randperm(len(y)).split(50):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
                optimizer.step()
        folder = make_zoo.HERE / "convolutional" / name
        folder.mkdir(parents=True, exist_ok=True)
        make_zoo.write_tensors(folder / "final.safetensors", named(name, net.state_dict()))
        record = {
            "source": "make_convolutional.py, PyTorch " + torch.__version__, "family": family, **({"stem": stem} if stem else {}),
            "config": [{"axis": "network", "value": name}], "seed": 1, "data_set": "fmnist-mini", "transform": {"pool": pool},
            "train": make_zoo.metrics(net, x, y), "test": make_zoo.metrics(net, x_test, y_test),
        }
        (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
