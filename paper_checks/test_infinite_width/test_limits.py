"""What networks of one hidden layer converge to as their width grows, and what a finite width
adds.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_infinite_width import SERIES, Small, Wide, X, pieces
from sims import infinite_width as observed
from theory import infinite_width as predicted
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

LATER = slice(2, None)
"""Steps before which all is of the first order in 1 / n, or hardly random."""
RATE = 0.15
Sides = Annotated[int, Interval(1, 16, why="weights of 2^20 units to each are held")]
LINEAR = derived(
    "finite widths of MetaInfLin1LP in edwardjhu/TP4's `TP4MAML/meta/maml/model.py`, whose "
    "limit has $R = 1$"
)


def recursion(start=1.0, rate=RATE, sequential=False):
    """f_t of the second moments, as one might get them wrong: in start, rate, or in the order of
    the updates.
    """
    moments = start * np.eye(2)
    outputs = []
    for x, y in zip(X, 1.5 * X, strict=True):
        outputs.append(moments[0, 1] * x)
        kappa = -rate * (outputs[-1] - y) * x
        step = np.array([[1, kappa], [kappa, 1 + sequential * kappa**2]])
        moments = step @ moments @ step.T
    return np.array(outputs)


@claim(
    tried(
        "abstract, sentence 4: explicit formulas for such limits",
        "the second moments of a linear network, step by step",
    ),
    kind="limit",
    cases=[(0.15, 1024)],
)
def test_limit_recursion(
    trial,
    rate: Annotated[
        float, Interval(0.1, 0.16, why="below, κ^2 is lost in the margin, above, f_7 nears zero")
    ],
    width: Annotated[int, Interval(256, 2**16, why="the order 1 / n^2 is neglected")],
):
    """Let $f = (1/n) v'w x$, and let $a$, $b$ and $c$ be the means of $w^2$, $w v$ and $v^2$, where
    $w$ and $v$ start as standard normal numbers. As the width $n$ grows, $f_t$ tends to $b x$,
    where each step of descent takes $(w, v)$ to $(w + κ v, v + κ w)$ with $κ = -η (f - y) x$.

    The mean of f_t is compared with this limit and its bias of the order 1 / n.
    """
    theory = predicted.finite_width(X, 1.5 * X, rate)
    limit = predicted.limit_outputs(X, 1.5 * X, rate)
    trial.require(
        np.all(abs(rate * (limit - 1.5 * X) * X) < 1),
        "rate must keep |kappa| below 1: steps overshoot",
    )

    def sampler(generator, nets):
        networks = (
            observed.shallow_network(generator, count, width, 0.0, rate)
            for count in pieces(nets, width)
        )
        return np.concatenate(
            [observed.train(network, *SERIES)[1][LATER, :, 0, 0].T for network in networks]
        )

    truth = (limit + theory.bias / width)[LATER]
    controls = {"$v$ updated with the new $w$": recursion(rate=rate, sequential=True)[LATER]}
    controls |= {
        "variance 0.9": recursion(0.9, rate)[LATER],
        "10 % more rate": recursion(rate=1.1 * rate)[LATER],
    }
    looks = {"first": 400, "most": 20_000}
    trial.mean(
        sampler=sampler,
        predict=truth,
        law=Asymptotic(),
        margin=0.005 * abs(truth),
        controls=controls,
        **looks,
    )


def moments(width, rate):
    """At every t >= 2 n (E f_t - limit) and n E (f_t - limit)^2 of networks n units wide, by nodes
    of Gauss.
    """
    network, chances = observed.reduced_nodes(width, 0.0, rate)
    excess = (
        observed.train(network, *SERIES)[1][:, :, 0, 0]
        - predicted.finite_width(X, 1.5 * X, rate).limit[:, None]
    )
    return width * excess[LATER] @ chances, width * excess[LATER] ** 2 @ chances


def expanded(trial, rate, width, part):
    """The decision on the first order in 1 / n of one of these moments, "bias" or "variance"."""
    starts = [(), ((1.0, 1.0, 1.0),), ((0.0, 1.0, 0.0),), ((2.0, 0.0, 2.0),)]
    names = ("covariance 1", "only $b$ random", "$b$ not random")
    truth, *rivals = (
        np.asarray(getattr(predicted.finite_width(X, 1.5 * X, rate, *covariance), part))[LATER]
        for covariance in starts
    )
    sizes = width * 2 ** np.arange(5)
    values = [moments(int(n), rate)[("bias", "variance").index(part)] for n in sizes]
    margin = 1e-3 * np.max(np.abs(truth))
    trial.limit(
        values, sizes, truth, order=1, margin=margin, controls=dict(zip(names, rivals, strict=True))
    )


@claim(
    derived("second order of the delta method in the initial moments"),
    kind="limit",
    cases=[0.15, 0.1, 0.03],
)
def test_finite_width_bias(trial, rate: Small, width: Wide = 1024):
    """The mean output of the network $f = (1/n) v'w x$ exceeds its limit by $β_t / n$ to first
    order, with $β_t = tr(H diag(2, 1, 2)) / 2$, where $H$ is the Hessian of $f_t$ in the initial
    means of $w^2$, $w v$ and $v^2$.
    """
    expanded(trial, rate, width, "bias")


@claim(derived("delta method in the initial moments"), kind="limit", cases=[0.15, 0.1, 0.03])
def test_limit_fluctuation(trial, rate: Small, width: Wide = 1024):
    """For the network $f = (1/n) v'w x$, $sqrt(n)$ times the distance of $f_t$ from its limit has
    the variance $J diag(2, 1, 2) J'$ as $n$ grows, where $J$ is the gradient of $f_t$ in the
    initial means of $w^2$, $w v$ and $v^2$.
    """
    expanded(trial, rate, width, "variance")


@claim(LINEAR, kind="identity", cases=[(300, 3, 2, 10), (40, 1, 1, 20), (6, 4, 2, 5)])
def test_small_net(
    trial,
    width: Annotated[int, Interval(1, 2**20, why="memory")],
    inputs: Sides,
    outputs: Sides,
    steps: Annotated[int, Interval(1, 30, why="rounding grows from step to step")],
):
    """Let $Ω$ be the weights of a linear network with $n$ units between $d$ inputs and $k$ outputs,
    and $R'R = Ω'Ω / n$ with $d + k$ rows of $R$. With the multiplier $1/n$ and the rate $η n$ the
    network has the same outputs at every step as one of $d + k$ units with the weights $R$, the
    multiplier 1 and the rate $η$.
    """
    ends = inputs + outputs
    generator = trial.generator()
    wide = observed.shallow_network(generator, 1, width, 0.0, 0.2 / ends, inputs, outputs)
    into, out = wide.weights
    omega = np.concatenate([into[0], out[0].T], axis=1)
    x = generator.uniform(-1, 1, (steps, 1, inputs))
    y = generator.uniform(-1, 1, (steps, 1, outputs))

    def started(units):
        weights = units[None, :, :inputs], units[None, :, inputs:].swapaxes(1, 2)
        return observed.train(
            wide._replace(weights=weights, multipliers=(1.0, 1.0), rate=0.2 / ends), x, y
        )[1]

    R = predicted.small_start(omega)
    controls = {"$R = 1$": started(np.eye(ends))} | (
        {"$R'$ for $R$": started(R.T)} if width >= ends else {}
    )
    controls["diagonal of the Gram matrix only"] = started(np.diag(np.linalg.norm(R, axis=0)))
    value = observed.train(wide, x, y)[1]
    trial.identity(
        value,
        started(R),
        ops=steps * (width + 10 * ends**2),
        scale=1.0,
        controls=controls,
        generic="training of linear networks is analytic in the drawn weights",
    )


@claim(
    tried(
        "abstract, sentence 4: explicit formulas for such limits",
        "an average over the normal units of one hidden layer, by quadrature",
    ),
    kind="limit",
    cases=[(0.5, 256)],
)
def test_tanh_limit(
    trial,
    rate: Annotated[
        float,
        Interval(0.2, 1, why="below, little is learned, above, units leave Gauss's nodes behind"),
    ],
    width: Annotated[int, Interval(256, 2**14, why="the order 1 / n is neglected")],
):
    """In muP, as the width grows, a tanh network with one hidden layer follows an average over
    units that all move, up to 1 %.

    f = E v tanh(w x), w and v from N(0, 1), each unit descending on the error of the average.
    """
    truth, coarse = (predicted.tanh_limit_outputs(X, 1.5 * X, rate, nodes) for nodes in (40, 28))
    scaling = predicted.named_scaling("mean field")
    later = slice(4, None)

    def sampler(generator, nets):
        batch = (
            observed.draw_network(generator, count, width, *scaling, rate=rate)
            for count in pieces(nets, width)
        )
        return np.concatenate(
            [observed.train(network, *SERIES)[1][later, :, 0, 0].T for network in batch]
        )

    frozen = predicted.tanh_limit_outputs(X, 1.5 * X, rate, 40, moving=False)
    controls = {
        "features that stand still": frozen[later],
        "of a linear network": predicted.limit_outputs(X, 1.5 * X, rate)[later],
    }
    controls["10 % more rate"] = predicted.tanh_limit_outputs(X, 1.5 * X, 1.1 * rate, 40)[later]
    margin = 0.01 * np.max(abs(truth)) + abs(truth - coarse)[later]
    looks = {"first": 400, "most": 20_000}
    trial.mean(
        sampler=sampler,
        predict=truth[later],
        law=Asymptotic(),
        margin=margin,
        scale=np.max(abs(truth)),
        controls=controls,
        **looks,
    )
