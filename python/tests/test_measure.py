"""Descriptions, toy networks and the quantities' methods."""

import inspect
import re
import struct
from pathlib import Path

import numpy as np
import pytest

import genbench
from genbench._quantities import Quantities
from genbench._types import Search
from genbench.testing import Net, check


def made(f=lambda net: 1.0, **more):
    return genbench.measure(**{"name": "m", "version": "1", **more})(f)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": "Not a name"}, "measure name 'Not a name'"),
        ({"name": "a" * 42}, "at most 40"),
        ({"version": ""}, "has no version"),
        ({"needs": ["train-margin"]}, "unknown need 'train-margin'"),
        ({"needs": ["weights", "weights"]}, "declared twice"),
        ({"larger": "yes"}, "larger='yes'"),
        ({"scale": "ln"}, "scale='ln'"),
        ({"aliases": ["m"]}, "alias 'm'"),
        ({"options": [genbench.Option("A", "1")]}, "option name 'A'"),
        ({"options": [genbench.Option("a", "1", ("2",))]}, "the default '1' is not among"),
    ],
)
def test_descriptions_that_are_refused(more, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        made(**more)


def test_needs_given_as_a_word():
    with pytest.raises(TypeError, match=r"write a list, \['weights'\]"):
        made(needs="weights")


def test_needs_are_those_of_go():
    # KnownNeeds of the package measure, in its order; the tree may not be there where the package is installed.
    source = Path(__file__).parents[2] / "harness" / "measure" / "measure.go"
    if not source.exists():
        pytest.skip(f"no {source}")
    text = source.read_text()
    values = dict(re.findall(r"^\t(\w+) +Need = \"([a-z-]+)\"", text, re.M))
    names = re.findall(r"\w+", re.search(r"return \[\]Need\{(.*?)\}", text, re.S)[1])
    assert genbench.NEEDS == tuple(values[n] for n in names)


def test_every_need_has_a_method():
    methods = {name.replace("_", "-") for name, _ in inspect.getmembers(Quantities, inspect.isfunction)}
    assert set(genbench.NEEDS) - methods == {"perturbed-losses"}  # evaluate, of Network


def test_value_by_hand():
    # Margins 1, 2, 4 have mean 7/3 and variance 14/9, so 14/9 / 49/9 = 2/7.
    m = made(lambda net: net.train_margins().var() / net.train_margins().mean() ** 2, needs=["train-margins"])
    assert Net(train_margins=[1, 2, 4]).compute(m) == pytest.approx(2 / 7, rel=1e-15)


def test_toy_refuses_what_is_not_declared():
    with pytest.raises(genbench.HostError, match="not declared"):
        Net(train_margins=[1]).compute(made(lambda net: net.train_margins()[0]))
    with pytest.raises(genbench.HostError, match="needs 'test-inputs'"):
        Net().compute(made(lambda net: net.layer_sums(split="test"), needs=["layer-sums"]))


def test_arguments_are_written_as_the_host_reads_them():
    asked = {}
    m = made(lambda net: net.worst_loss(adaptive=True, rho=0.5, m=3, examples=0).perturbed, needs=["worst-loss"])
    net = Net(worst_loss=lambda args: asked.update(args) or {"loss": 1.0, "perturbed": 2.0})
    assert net.compute(m) == 2.0
    assert asked == {"adaptive": "true", "rho": "0.5", "m": "3", "examples": "0"}


def test_structured_quantities():
    net = Net(
        pac_bayes=Search(0.25, 0.1, 0.2, 0.3, True, 9),
        spectra={"fc.weight": [3.0, 1.0], "shapes": np.array([2, 3, 2], "i4")},
        history={"epochs": 3.0, "steps": 30.0, "steps_to_0.1": -1.0, "gradient_noise_1": float("nan")},
        hessian_top={"eigenvalue": 3.0, "smallest": -1.0, "residual": 0.1, "products": 9.0, "examples": 5.0, "converged": 1.0},
    )
    seen = net.network(made(needs=["pac-bayes", "spectra", "history", "hessian-top"]))
    assert seen.pac_bayes() == Search(0.25, 0.1, 0.2, 0.3, True, 9)
    (s,) = seen.spectra()
    assert (s.name, s.kernel, s.rows, s.columns, list(s.values)) == ("fc.weight", False, 2, 3, [3.0, 1.0])
    assert seen.history() == (3, 30, None, None, None, None, None)
    assert seen.hessian_top() == (3.0, -1.0, 0.1, 9, 5, True)


def test_options():
    m = made(lambda net: net.float_option("power") + net.int_option("power"), options=[genbench.Option("power", "2")])
    assert Net().compute(m) == 4.0
    assert Net().compute(m, {"power": "3"}) == 6.0
    for wrong in ("x", "nan", "1.5"):
        with pytest.raises(ValueError, match=f"option power='{wrong}' is not a"):
            Net().compute(m, {"power": wrong})


def test_evaluate_refuses_scales():
    net = Net(evaluate=lambda p: (p.scale, 0.5)).network(made(needs=["perturbed-losses"]))
    for scale in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="is not finite and >= 0"):
            net.evaluate([genbench.Perturbation(scale, 1)])


def test_rng_depends_on_the_seed_alone():
    a, b, c = (Net(seed=s).network(made()).rng().random() for s in (1, 1, 2))
    assert a == b != c


def test_check_passes_a_good_measure():
    def good(net):
        m = net.train_margins()
        if not (np.isfinite(m).all() and m.mean() > 0):
            raise genbench.Undefined("no positive margins")
        return m.std() / m.mean() + net.rng().random()

    check(made(good, needs=["train-margins"], stochastic=True))


def test_check_finds_state():
    calls = []
    with pytest.raises(AssertionError, match="two values"):
        check(made(lambda net: calls.append(1) or len(calls)))


def test_check_finds_infinity():
    with pytest.raises(AssertionError, match="the value is inf"):
        check(made(lambda net: float("inf")))


def test_check_finds_a_lost_missing():
    def loses(net):
        try:
            return float(net.init_weights()["fc1.weight"].max())
        except Exception as error:
            raise RuntimeError("no weights") from error

    with pytest.raises(AssertionError, match="let Missing pass"):
        check(made(loses, needs=["init-weights"]))


def test_check_says_what_toys_lack():
    with pytest.raises(AssertionError, match="give check a Net that has it"):
        check(made(lambda net: net.path_norm(), needs=["path-norm"]))
    check(made(lambda net: net.path_norm(), needs=["path-norm"]), Net(path_norm=2.0))


def test_values_travel_as_they_are():
    # What a measure returns is turned into a float: NumPy's and Python's numbers keep their bits.
    from genbench._serve import outcome

    for value in (0.1, np.float64(0.1), np.array(0.1), 3, True, np.int32(3), np.float32(0.1)):
        assert struct.pack("<d", outcome(value).value) == struct.pack("<d", float(value))


def test_every_kind_of_layer_can_be_rebuilt():
    tree = Path(__file__).parents[2] / "models" / "network.go"
    if not tree.exists():
        pytest.skip(f"no {tree}")
    kinds = set(re.findall(r'^\t\w+ +Kind = "(\w+)"', tree.read_text(), re.M))
    source = (Path(__file__).parents[1] / "genbench" / "_torch.py").read_text()
    assert kinds and kinds <= set(re.findall(r'^    "(\w+)": ', source, re.M))
