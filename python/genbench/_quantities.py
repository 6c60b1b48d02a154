"""The quantities of a network that have a method of their own.

Arguments that are None are the host's defaults. The genbench program computes all of this once per network and shares
it between measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._types import (
    Answers, ChangedMargins, Complexity, Eigenvalue, Evaluated, Features, History, Jacobians, LayerNorm, LayerSums, Margins, Moments,
    NoiseLoss, Pairs, PerturbedLoss, Search, Spectrum, Trace,
)  # fmt: skip

if TYPE_CHECKING:
    from ._types import Array, Floats, Floats32, Ints


def _number(arrays: dict[str, Array], name: str) -> float:
    return float(arrays[name].reshape(-1)[0])


class Quantities:
    """Reads quantities by `quantity`, which `Network` has."""

    def quantity(self, name: str, **args: object) -> dict[str, Array]:
        """Read a quantity by name."""
        raise NotImplementedError

    # Weights.

    def weights(self) -> dict[str, Floats32]:
        """Every tensor of the network as it is stored, by PyTorch's names, in the order of the layers; dense: [Out, In]."""
        return self.quantity("weights")

    def init_weights(self) -> dict[str, Floats32]:
        """The tensors before training; a corpus may not have kept them."""
        return self.quantity("init-weights")

    def fused_weights(self) -> dict[str, Floats32]:
        """Weights and biases with every batch norm folded into the layer before it: the same function."""
        return self.quantity("fused-weights")

    def fused_init_weights(self) -> dict[str, Floats32]:
        """`fused_weights` before training."""
        return self.quantity("fused-init-weights")

    def spectra(self, weights: str | None = None, fused: bool | None = None, conv: str | None = None) -> list[Spectrum]:
        """All singular values of every weight tensor.

        weights: "final", or "init" and "difference" (after training less before), which need init-weights or
        fused-init-weights too. fused: True, or False for the weights as stored. conv: of a kernel "matrix"
        [Out, In kh kw], or "slices", one matrix a position.
        """
        arrays = self.quantity("spectra", weights=weights, fused=fused, conv=conv)
        shapes = arrays["shapes"].reshape(-1, 3)
        tensors = [(name, a) for name, a in arrays.items() if name != "shapes"]
        return [Spectrum(name, int(s[2]) == 4, int(s[0]), int(s[1]), a) for (name, a), s in zip(tensors, shapes, strict=True)]

    def layer_norms(self, weights: str | None = None, fused: bool | None = None, conv: str | None = None) -> list[LayerNorm]:
        """Spectral and Frobenius norm of every weight tensor; arguments as of `spectra`, conv also "fft"."""
        arrays = self.quantity("layer-norms", weights=weights, fused=fused, conv=conv)
        return [LayerNorm(name, float(a[0]), float(a[1])) for name, a in arrays.items()]

    def path_norm(self) -> float:
        """Natural logarithm of the sum over paths of the product of squared weights, batch norm folded in."""
        return _number(self.quantity("path-norm"), "log_path_norm")

    # Data and outputs.

    def train_inputs(self) -> Floats32:
        """The training inputs as the network sees them, [N, D]."""
        return self.quantity("train-inputs")["x"]

    def test_inputs(self) -> Floats32:
        """The test inputs as the network sees them, [Nt, D]. They have no labels; they make a measure transductive."""
        return self.quantity("test-inputs")["x"]

    def train_labels(self) -> Ints:
        """The labels trained on, [N], in [0, K): corrupted ones where the corpus corrupts labels."""
        return self.quantity("train-labels")["y"]

    def train_logits(self) -> Floats32:
        """The scores before the softmax of the training set, [N, K]."""
        return self.quantity("train-logits")["logits"]

    def train_margins(self) -> Floats:
        """f_y - max_{j != y} f_j over the training set, [N]."""
        return self.quantity("train-margins")["margins"]

    def train_loss(self) -> Evaluated:
        """Mean cross-entropy in nats and accuracy over the training set, with the labels trained on."""
        arrays = self.quantity("train-loss")
        return Evaluated(_number(arrays, "loss"), _number(arrays, "accuracy"))

    def layer_sums(
        self, split: str | None = None, layers: str | None = None, reduce: str | None = None, include_logits: bool | None = None, examples: int | None = None
    ) -> LayerSums:
        """Sums of each layer's outputs for every example.

        split: "train", or "test", which needs test-inputs too. layers: "released", "paper", "post_relu". reduce: "sum",
        "mean", "abs_sum", "mean_channel_sum_space". examples: the first so many of a seeded permutation; 0: all.
        """
        arrays = self.quantity("layer-sums", split=split, layers=layers, reduce=reduce, include_logits=include_logits, examples=examples)
        return LayerSums(arrays["sums"], arrays["index"])

    def complexity(
        self, split: str | None = None, complexity: str | None = None, out_of_range: str | None = None, scale: str | None = None,
        bins: int | None = None, range: str | None = None, examples: int | None = None, noised: bool | None = None,
    ) -> Complexity:  # fmt: skip
        """The complexity of each input, the same examples in the same order as `layer_sums`.

        complexity: "entropy", "gzip", "png". out_of_range: "error", "drop", "clip". scale: "bits", "published". bins,
        range ("LOW:HIGH"): of the entropy's histogram. noised: the input as the network sees it.
        """
        arrays = self.quantity(
            "complexity", split=split, complexity=complexity, out_of_range=out_of_range, scale=scale, bins=bins, range=range, examples=examples, noised=noised
        )
        return Complexity(arrays["values"], arrays["index"])

    def history(self) -> History:
        """What was recorded while the network was trained."""
        arrays = self.quantity("history")

        def real(name: str) -> float | None:
            value = _number(arrays, name) if name in arrays else float("nan")
            return None if value != value else value

        def whole(name: str) -> int | None:
            value = real(name)
            return None if value is None or value < 0 else int(value)

        return History(
            whole("epochs"), whole("steps"), whole("steps_to_0.1"), whole("steps_to_0.01"), real("gradient_noise_1"),
            real("gradient_noise_final"), arrays.get("mean_losses"),
        )  # fmt: skip

    # Losses near the weights.

    def pac_bayes(self, magnitude: bool = False, rgm_compat: bool = False) -> Search:
        """The largest σ whose Gaussian noise on the weights costs the training accuracy 0.1 in the mean.

        magnitude: noise in units of each weight's size. rgm_compat: by the procedure of robust-generalization-measures.
        """
        return self._search("pac-bayes", "sigma", kind="magnitude" if magnitude else "plain", rgm_compat=True if rgm_compat else None)

    def sharpness(self, magnitude: bool = False) -> Search:
        """The largest α such that no perturbation within α costs the training accuracy 0.1."""
        return self._search("sharpness", "alpha", kind="magnitude" if magnitude else "plain")

    def _search(self, need: str, scale: str, **args: object) -> Search:
        a = self.quantity(need, **args)
        lower, upper = _number(a, "lower"), _number(a, "upper")
        return Search(_number(a, scale), _number(a, "drop"), lower, upper, _number(a, "converged") != 0, int(_number(a, "evaluations")))

    def step_loss(self, adaptive: bool | None = None, rho: float | None = None, eta: float | None = None, m: int | None = None) -> PerturbedLoss:
        """The training loss before and after one step of steepest ascent to the edge of a ball of radius rho."""
        return self._perturbed("step-loss", adaptive=adaptive, rho=rho, eta=eta, m=m)

    def worst_loss(
        self, norm: str | None = None, adaptive: bool | None = None, normalize_logits: bool | None = None, rho: float | None = None,
        m: int | None = None, iterations: int | None = None, examples: int | None = None,
    ) -> PerturbedLoss:  # fmt: skip
        """The loss of some of the training set before, and the largest that ascent found within a ball."""
        return self._perturbed(
            "worst-loss", norm=norm, adaptive=adaptive, normalize_logits=normalize_logits, rho=rho, m=m, iterations=iterations, examples=examples
        )

    def _perturbed(self, need: str, **args: object) -> PerturbedLoss:
        a = self.quantity(need, **args)
        return PerturbedLoss(_number(a, "loss"), _number(a, "perturbed"))

    def noise_loss(
        self, norm: str | None = None, adaptive: bool | None = None, normalize_logits: bool | None = None, rho: float | None = None, draws: int | None = None
    ) -> NoiseLoss:
        """The training loss at the weights and at every draw of weights near them."""
        a = self.quantity("noise-loss", norm=norm, adaptive=adaptive, normalize_logits=normalize_logits, rho=rho, draws=draws)
        return NoiseLoss(_number(a, "loss"), a["losses"])

    # Gradients and curvature.

    def gradient_norms(self, labels: str | None = None) -> Floats:
        """Squared norm of every training example's gradient, [N]; labels: "given", "sampled", "expected"."""
        return self.quantity("gradient-norms", labels=labels)["norms"]

    def gradient_dots(self) -> Floats:
        """<w, g_n> of every training example, [N], batch norm folded in."""
        return self.quantity("gradient-dots")["dots"]

    def gradient_moments(self) -> Moments:
        """Mean and variance over the training set of every coordinate of the gradient."""
        a = self.quantity("gradient-moments")
        return Moments(a["mean"], a["variance"])

    def hessian_top(self, examples: int | None = None) -> Eigenvalue:
        """The largest eigenvalue of the Hessian of the training loss; examples: 0 is all."""
        a = self.quantity("hessian-top", examples=examples)
        products, looked = int(_number(a, "products")), int(_number(a, "examples"))
        return Eigenvalue(_number(a, "eigenvalue"), _number(a, "smallest"), _number(a, "residual"), products, looked, _number(a, "converged") != 0)

    def hessian_trace(self, examples: int | None = None) -> Trace:
        """An estimate of the trace of that Hessian."""
        a = self.quantity("hessian-trace", examples=examples)
        return Trace(_number(a, "trace"), _number(a, "error"), int(_number(a, "examples")))

    # Representations, changed inputs and other networks.

    def layer_features(self, layer: int | str | None = None, rounds: int | None = None, examples: int | None = None, pool: int | None = None) -> Features:
        """What layer number `layer` (or "last") reads, of sampled training examples; maps max-pooled in windows of side `pool`."""
        a = self.quantity("layer-features", layer=layer, rounds=rounds, examples=examples, pool=pool)
        return Features(a["features"], a["index"])

    def layer_margins(self) -> Margins:
        """The margins of the whole training set at every layer."""
        a = self.quantity("layer-margins")
        return Margins(a["difference"], a["norms"], a["variances"])

    def mixup_predictions(self, rounds: int | None = None, examples: int | None = None) -> Pairs:
        """The answers to the means of all pairs of one class within each round."""
        a = self.quantity("mixup-predictions", rounds=rounds, examples=examples)
        return Pairs(a["class"], a["round"], a["predicted"])

    def transformed_margins(
        self, transform: str | None = None, layer: int | str | None = None, rounds: int | None = None, examples: int | None = None
    ) -> ChangedMargins:
        """The margins of examples averaged with another of their class ("mixup") or augmented ("augment")."""
        a = self.quantity("transformed-margins", transform=transform, layer=layer, rounds=rounds, examples=examples)
        return ChangedMargins(a["difference"], a["norms"], a["variances"])

    def transformed_predictions(self, examples: int | None = None) -> Answers:
        """The answers to training images and to seven disturbances of each."""
        a = self.quantity("transformed-predictions", examples=examples)
        return Answers(a["predicted"], a["confidence"])

    def jacobian_norms(self, examples: int | None = None, of: str | None = None) -> Jacobians:
        """Squared norms of the derivatives of the logits, or of "probabilities"."""
        a = self.quantity("jacobian-norms", examples=examples, of=of)
        return Jacobians(a["squares"], a["units"])

    def test_predictions(self) -> Ints:
        """The class that the network answers to each unlabelled test input, [Nt]. Needs test-inputs too."""
        return self.quantity("test-predictions")["predicted"]

    def sibling(self) -> Ints:
        """What the network of the same configuration with the next seed answers to the same inputs, [Nt]. Needs test-inputs too."""
        return self.quantity("sibling")["predicted"]
