"""The network as a PyTorch module. A kind of layer is one entry of `BUILDERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ._types import Layer

if TYPE_CHECKING:
    from ._types import Floats32


class Add(nn.Module):
    """The sum of two layers' outputs."""

    def forward(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Add them."""
        return x + other


class GlobalAvgPool(nn.Module):
    """The mean of each channel, [N, C, H, W] to [N, C, 1, 1]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Average the places of each channel."""
        return x.mean(dim=(2, 3), keepdim=True)


class Dense(nn.Linear):
    """A dense layer, which flattens what it reads."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [N, In] or [N, C, H, W] to [N, Out]."""
        return super().forward(x.flatten(1))


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm of features [N, C] or of channels [N, C, H, W]."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() not in (2, 4):
            raise ValueError(f"batch norm of an input of {input.dim()} dimensions")


def _dense(layer: Layer, own: Mapping[str, Any]) -> nn.Module:
    return Dense(layer.reads, layer.writes, bias="bias" in own)


def _conv2d(layer: Layer, own: Mapping[str, Any]) -> nn.Module:
    return nn.Conv2d(own["weight"].shape[1], layer.channels, layer.kernel, layer.stride, layer.padding, bias="bias" in own)


def _batchnorm(layer: Layer, own: Mapping[str, Any]) -> nn.Module:
    return BatchNorm(own["weight"].shape[0], eps=layer.epsilon)


BUILDERS: dict[str, Callable[[Layer, Mapping[str, Any]], nn.Module]] = {
    "dense": _dense,
    "conv2d": _conv2d,
    "batchnorm": _batchnorm,
    "relu": lambda layer, own: nn.ReLU(),
    "dropout": lambda layer, own: nn.Identity(),  # its rate is not told
    "maxpool": lambda layer, own: nn.MaxPool2d(layer.kernel, layer.stride, layer.padding),
    "avgpool": lambda layer, own: nn.AvgPool2d(layer.kernel, layer.stride),
    "globalavgpool": lambda layer, own: GlobalAvgPool(),
    "flatten": lambda layer, own: nn.Flatten(),
    "add": lambda layer, own: Add(),
}


class Rebuilt(nn.Module):
    """A network of genbench. Its layers are submodules, by their names."""

    def __init__(self, layers: tuple[Layer, ...], input_shape: tuple[int, ...], weights: Mapping[str, Floats32]) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.steps = layers
        self.read_again = {name for layer in layers for name in (layer.source, layer.other) if name}
        for layer in layers:
            if layer.kind not in BUILDERS:
                raise NotImplementedError(f"layer {layer.name}: this version of genbench cannot rebuild a {layer.kind!r} (it can: {', '.join(BUILDERS)})")
            own = {name.rpartition(".")[2]: a for name, a in weights.items() if name.rpartition(".")[0] == layer.name}
            module = BUILDERS[layer.kind](layer, own)
            with torch.no_grad():
                for name, array in own.items():
                    getattr(module, name).copy_(torch.tensor(array))
            self._place(layer.name, module)
        self.eval()

    def _place(self, name: str, module: nn.Module) -> None:
        """Add a submodule; a name with dots lies in modules of its parts."""
        parent: nn.Module = self
        *path, last = name.split(".")
        for part in path:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            parent = parent.get_submodule(part)
        parent.add_module(last, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map inputs [N, D] or [N, C, H, W] to logits [N, K]."""
        x = x.reshape(len(x), *self.input_shape)
        kept: dict[str, torch.Tensor] = {}
        for layer in self.steps:
            read = kept[layer.source] if layer.source else x
            module = self.get_submodule(layer.name)
            x = module(read, kept[layer.other]) if layer.other else module(read)
            if layer.name in self.read_again:
                kept[layer.name] = x
        return x.flatten(1)


def rebuild(layers: tuple[Layer, ...], input_shape: tuple[int, ...], weights: Mapping[str, Floats32]) -> Rebuilt:
    """Make the module."""
    return Rebuilt(layers, input_shape, weights)
