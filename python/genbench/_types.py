"""What the quantities of a network look like in Python.

Axes have one letter each: N examples, D input values flattened as [C, H, W], K classes, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Floats32 = NDArray[np.float32]
    Ints = NDArray[np.int32]
    Array = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """One layer of a network, after those that it reads."""

    name: str
    kind: str  #: dense, conv2d, batchnorm, relu, dropout, maxpool, avgpool, globalavgpool, flatten, add
    reads: int  #: values read
    writes: int  #: values written
    source: str = ""  #: the earlier layer whose output this one reads; empty: the layer before it
    other: str = ""  #: add: the earlier layer whose output is added
    channels: int = 0  #: conv2d: channels written
    kernel: int = 0  #: conv2d, maxpool, avgpool: height and width of the window
    stride: int = 0  #: conv2d, maxpool, avgpool: step of the window
    padding: int = 0  #: conv2d, maxpool: rows and columns added on every side
    epsilon: float = 0.0  #: batchnorm: added to the variance
    in_shape: tuple[int, ...] = ()  #: [C, H, W] of what is read; a vector is [reads, 1, 1]
    out_shape: tuple[int, ...] = ()  #: [C, H, W] of what is written


class Perturbation(NamedTuple):
    """A random change of all weights."""

    scale: float  #: standard deviation, >= 0
    seed: int  #: of z; the same seed is the same z at every scale
    kind: str = "gaussian"  #: "gaussian": w + scale z; "gaussian-magnitude": w + scale |w| z; z ~ N(0, 1) per weight


class Evaluated(NamedTuple):
    """The training set seen by the weights, or by perturbed ones."""

    loss: float  #: mean cross-entropy, nats; infinite or NaN where the network overflows
    accuracy: float  #: fraction


class Search(NamedTuple):
    """The outcome of a search for the largest perturbation that the network stands."""

    scale: float  #: what was searched for: σ, or α for sharpness
    drop: float  #: fall of the training accuracy at scale, a fraction
    lower: float
    upper: float  #: the last bracket
    converged: bool
    evaluations: int  #: passes over the training set


class LayerSums(NamedTuple):
    """One number per example and layer."""

    sums: Floats  #: [N, L]
    examples: Ints  #: [N], which example each row is


class Complexity(NamedTuple):
    """The complexity of inputs."""

    values: Floats  #: [N]
    examples: Ints  #: [N], which example each is


class History(NamedTuple):
    """What was recorded while the network was trained; None: not recorded, or never reached."""

    epochs: int | None
    steps: int | None
    steps_to_01: int | None  #: optimizer steps when the train cross-entropy first was <= 0.1
    steps_to_001: int | None  #: the same for 0.01
    gradient_noise_1: float | None  #: trace of the covariance of the per-example gradients, after epoch 1
    gradient_noise_final: float | None  #: and at the end
    mean_losses: Floats | None  #: [E], mean loss of the steps of each epoch, nats


class Moments(NamedTuple):
    """Mean and population variance over the training set of every coordinate of the gradient."""

    mean: Floats  #: [P]
    variance: Floats  #: [P]


class Eigenvalue(NamedTuple):
    """The largest eigenvalue of the Hessian of the training loss, as an iteration found it."""

    value: float
    smallest: float  #: the smallest eigenvalue seen on the way
    residual: float  #: an eigenvalue is within it of value
    products: int  #: with the Hessian
    examples: int  #: looked at
    converged: bool


class Trace(NamedTuple):
    """An estimate of the trace of the Hessian of the training loss."""

    value: float
    error: float  #: standard error
    examples: int  #: looked at


class PerturbedLoss(NamedTuple):
    """A mean cross-entropy, in nats, at the weights and at perturbed ones."""

    loss: float
    perturbed: float


class NoiseLoss(NamedTuple):
    """The training loss at the weights and at every draw of weights near them."""

    loss: float
    losses: Floats  #: [draws]


class Features(NamedTuple):
    """Representations of sampled training examples."""

    features: Floats32  #: [rounds, examples, units]
    examples: Ints  #: [rounds, examples], which training examples


class Margins(NamedTuple):
    """The margins of the training examples at every layer with weights."""

    difference: Floats  #: [N], f_y - max_{j != y} f_j
    norms: Floats  #: [N, L], norm of its gradient with respect to what layer l reads
    variances: Floats  #: [L], summed over the units of what layer l reads, divisor N


class ChangedMargins(NamedTuple):
    """The margins of changed training examples at one layer."""

    difference: Floats  #: [N]
    norms: Floats  #: [N]
    variances: Floats  #: [units]


class Pairs(NamedTuple):
    """What the network answers to means of two training examples of one class, one entry a pair."""

    label: Ints  #: [P], label trained on of both
    round: Ints  #: [P], round of the sample
    predicted: Ints  #: [P]


class Answers(NamedTuple):
    """What the network answers to training images (row 0) and to seven disturbances of each."""

    predicted: Ints  #: [rows, examples]
    confidence: Floats  #: [rows, examples], its softmax probability


class Jacobians(NamedTuple):
    """Squared norms of derivatives of the network's outputs."""

    squares: Floats  #: [N, L]
    units: Ints  #: [L], values of what layer l reads


class Spectrum(NamedTuple):
    """The singular values of one weight tensor, largest first within each matrix."""

    name: str
    kernel: bool  #: of a convolution; else dense
    rows: int
    columns: int
    values: Floats


class LayerNorm(NamedTuple):
    """The norms of one weight tensor, as a matrix [Out, In kh kw]."""

    name: str
    spectral: float
    frobenius: float
