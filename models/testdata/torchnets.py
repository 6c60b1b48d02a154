"""The networks of models.NiN, VGG and ResNet in PyTorch, written as their sources write them.

NiN: nitarshan/robust-generalization-measures, data/generation/models.py (batch norm and dropout by choice);
VGG, ResNet: alexgain/cna-icml2020, legacy_code/models.py, whose ResNet is kuangliu/pytorch-cifar's.
Nothing of genbench is read but the names of the options.
"""

import torch
from torch import nn
import torch.nn.functional as F


class NiNBlock(nn.Module):
    def __init__(self, inplanes, planes, dropout, batchnorm):
        super().__init__()
        norm = (lambda: nn.BatchNorm2d(planes)) if batchnorm else nn.Identity
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=2, padding=1)
        self.bn1 = norm()
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=1, stride=1)
        self.bn2 = norm()
        self.conv3 = nn.Conv2d(planes, planes, kernel_size=1, stride=1)
        self.bn3 = norm()
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        return self.drop(x)


class NiN(nn.Module):
    def __init__(self, shape, classes, depth, width, dropout=0.0, batchnorm=False):
        super().__init__()
        planes = [shape[0]] + [width] * depth
        self.blocks = nn.Sequential(*[NiNBlock(i, o, dropout, batchnorm) for i, o in zip(planes, planes[1:])])
        self.conv = nn.Conv2d(width, classes, kernel_size=1, stride=1)
        self.bn = nn.BatchNorm2d(classes) if batchnorm else nn.Identity()
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))

    def forward(self, x):
        return self.avgpool(F.relu(self.bn(self.conv(self.blocks(x))))).flatten(1)


def padding_of_stem(stem, shape):
    """CNA's code: 3, and 2 more where images are 28 x 28 (get_dataset_params' input_padding)"""
    return 1 if stem == "cifar" else 3 + (2 if shape[1] == 28 else 0)


class VGG(nn.Module):
    def __init__(self, shape, classes, depth, width, dense=0, dropout=0.0, batchnorm=False, stem="cifar"):
        super().__init__()
        self.plan, i, before = [], 0, shape[0]
        for convolutions, channels in [(2, 1), (2, 2), (3, 4), (3, 8), (3, 8)][:depth]:
            for _ in range(convolutions):
                i += 1
                padding = padding_of_stem(stem, shape) if i == 1 else 1
                setattr(self, f"conv{i}", nn.Conv2d(before, width * channels, kernel_size=3, padding=padding))
                setattr(self, f"bn{i}", nn.BatchNorm2d(width * channels) if batchnorm else nn.Identity())
                before = width * channels
                self.plan.append(i)
            self.plan.append("pool")
        self.drop, self.dense = nn.Dropout(dropout), dense
        with torch.no_grad():
            units = self.eval().features(torch.zeros(1, *shape)).shape[1]
        self.train()
        for j in range(1, dense + 1):
            setattr(self, f"dense{j}", nn.Linear(units, before))
            units = before
        setattr(self, f"dense{dense + 1}", nn.Linear(units, classes))

    def features(self, x):
        for i in self.plan:
            if i == "pool":
                x = self.drop(F.max_pool2d(x, kernel_size=2, stride=2))
            else:
                x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
        return x.flatten(1)

    def forward(self, x):
        x = self.features(x)
        for j in range(1, self.dense + 1):
            x = self.drop(F.relu(getattr(self, f"dense{j}")(x)))
        return getattr(self, f"dense{self.dense + 1}")(x)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, self.expansion * planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(self.expansion * planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, self.expansion * planes, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(self.expansion * planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, self.expansion * planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(self.expansion * planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, shape, classes, layers, width=64, stem="cifar"):
        super().__init__()
        block, blocks = {18: (BasicBlock, [2, 2, 2, 2]), 34: (BasicBlock, [3, 4, 6, 3]),
                         50: (Bottleneck, [3, 4, 6, 3]), 101: (Bottleneck, [3, 4, 23, 3])}[layers]
        self.stem, self.in_planes = stem, width
        self.conv1 = nn.Conv2d(shape[0], width, kernel_size=3, stride=1, padding=padding_of_stem(stem, shape), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for s in range(4):
            setattr(self, f"layer{s + 1}", self.stage(block, width * 2**s, blocks[s], 1 if s == 0 else 2))
        self.linear = nn.Linear(8 * width * block.expansion, classes)

    def stage(self, block, planes, blocks, stride):
        layers = []
        for stride in [stride] + [1] * (blocks - 1):
            layers.append(block(self.in_planes, planes, stride))
            self.in_planes = planes * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        out = self.bn1(self.conv1(x))
        if self.stem == "cifar":
            out = F.relu(out)
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        out = F.avg_pool2d(out, 4) if self.stem == "cna" else F.adaptive_avg_pool2d(out, 1)
        return self.linear(out.flatten(1))


class MLP(nn.Module):
    """Linear layers fcI with batch norms bnI between them and their ReLU"""

    def __init__(self, shape, classes, depth, width, batchnorm=False):
        super().__init__()
        units, self.depth = shape[0] * shape[1] * shape[2], depth
        for i in range(1, depth + 1):
            setattr(self, f"fc{i}", nn.Linear(units, width))
            setattr(self, f"bn{i}", nn.BatchNorm1d(width) if batchnorm else nn.Identity())
            units = width
        setattr(self, f"fc{depth + 1}", nn.Linear(units, classes))

    def forward(self, x):
        x = x.flatten(1)
        for i in range(1, self.depth + 1):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"fc{i}")(x)))
        return getattr(self, f"fc{self.depth + 1}")(x)


FAMILIES = {"mlp": MLP, "nin": NiN, "vgg": VGG, "resnet": ResNet}


def build(case):
    """case: {"family", "shape": [C, H, W], "classes", "options": {...}}"""
    return FAMILIES[case["family"]](case["shape"], case["classes"], **case["options"])


def tensors(net):
    """The names and tensors of the state, without the counters that only torch has"""
    return [(k, v) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")]
