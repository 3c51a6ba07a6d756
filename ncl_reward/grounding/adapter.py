"""The adapter: a residual on the vectors of sentences, tuned by the labels, so that prior weights move with evidence.

A sentence with the vector x states rule r with the head's probability π_r(x). The adapter A turns x into

    x' = (x + A x) / |x + A x|        linear: A x = W x            mlp: A x = V relu(U x)

with W = V = 0 at the start: the identity, as residual adapters start (Houlsby et al. 2019, "Parameter-Efficient
Transfer Learning for NLP", section 2). With B_r the Bayes factor of the labels for rule r
(:mod:`ncl_reward.grounding.evidence`), which holds or does not, the labels are π_r B_r + 1 - π_r times as likely as
without it. The adapter maximises this marginal likelihood over the rules that were stated (type-II maximum likelihood,
MacKay 1992, "Bayesian Interpolation"), with a normal prior of standard deviation SPREAD on its weights:

    Σ_r log(π_r(x'_r) B_r + 1 - π_r(x'_r)) - |θ|² / 2 SPREAD²

It moves how far a sentence is believed, never what it states: a rule that a sentence does not state has no part in it,
since the labels would otherwise read the rule book into any sentence. Neither the model nor the unlabelled term has a
part either; labels and rules are there before the first step, and so the optimum is found before it, by L-BFGS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bracket_env.random_streams import key
from ncl_reward.grounding.head import GAMMA, NESTING, QUEUE, RULE_NAMES, TEMPERATURE, Head, Readings, kernels

Adapter = Literal["none", "linear", "mlp"]
SPREAD = 0.3
HIDDEN = 64
_STEPS = 50
_MOST_CERTAIN = 1e-6


class ResidualAdapter(nn.Module):
    """Unit vectors -> unit vectors; the identity until it is trained.

    Args:
        kind: ``linear`` or ``mlp``.
        dim: size of a vector.
        seed: of the mlp's first layer.
    """

    def __init__(self, kind: Literal["linear", "mlp"], dim: int, seed: int) -> None:
        super().__init__()
        self.last = nn.Parameter(torch.zeros(dim, dim if kind == "linear" else HIDDEN, dtype=torch.float64))
        self.first: Tensor | None = None
        if kind == "mlp":
            generator = torch.Generator().manual_seed(key(seed, "ncl/adapter") >> 1)
            first = torch.randn(HIDDEN, dim, dtype=torch.float64, generator=generator)
            self.first = nn.Parameter(first * (2 / HIDDEN) ** 0.5)  # so that |relu(U x)| is about |x|

    def forward(self, vectors: Tensor) -> Tensor:
        """``(n, dim)`` -> ``(n, dim)``."""
        inner = vectors if self.first is None else functional.relu(vectors @ self.first.T)
        return functional.normalize(vectors + inner @ self.last.T, dim=1)


def head_probabilities(head: Head, vectors: Tensor, sentences: Readings) -> Tensor:
    """:meth:`.Head.probabilities` of the rules, ``(n, len(RULE_NAMES))``, differentiable in the vectors.

    Args:
        head: fitted.
        vectors: ``(n, dim)`` float64 unit rows.
        sentences: what else the head sees of them, which stays as it is; the vectors in it have no part.
    """
    near = kernels(sentences, head.book)
    fixed_which, fixed_turned = torch.from_numpy(near.which), torch.from_numpy(near.turned)
    book, whether, which, turned = (
        torch.from_numpy(a.astype(np.float64)) for a in (head.book.vectors, head.whether, head.which, head.turned)
    )
    similarity = 1 + (-GAMMA * (1 - vectors @ book.T)).exp()
    null = (similarity @ whether / TEMPERATURE).softmax(dim=1)[:, len(RULE_NAMES) :]
    scores = ((similarity + fixed_which) @ which)[:, : len(RULE_NAMES)] / TEMPERATURE
    side = ((similarity + fixed_turned) @ turned / TEMPERATURE)[:, None]
    logs = scores.index_fill(1, torch.tensor([QUEUE]), -torch.inf).log_softmax(dim=1)
    numbers = torch.arange(len(RULE_NAMES))
    logs = torch.where(numbers == QUEUE, logs[:, [NESTING]] + functional.logsigmoid(-side), logs)
    logs = torch.where(numbers == NESTING, logs + functional.logsigmoid(side), logs)
    return (1 - null) * logs.exp()


def marginal_log_likelihood(priors: Tensor, factors: Tensor) -> Tensor:
    """Σ log(π B + 1 - π): what the labels gain by the rules, in nats.

    Args:
        priors: ``(n,)`` from 0 to 1.
        factors: ``(n,)`` Bayes factors, at least 0.
    """
    bounded = priors.clamp(_MOST_CERTAIN, 1 - _MOST_CERTAIN)
    return torch.log(bounded * factors + 1 - bounded).sum()


def tuned_priors(
    kind: Literal["linear", "mlp"],
    head: Head,
    sentences: Readings,
    rules: Sequence[str],
    factors: Sequence[float],
    *,
    seed: int,
) -> list[float]:
    """The prior weights after tuning; the same arguments give the same bits.

    Args:
        kind: of the adapter.
        head: turns vectors into probabilities.
        sentences: what the head sees, one row for each rule that a sentence states.
        rules: their names.
        factors: what the labels say of each (:func:`ncl_reward.grounding.evidence.bayes_factor`).
        seed: of the adapter.
    """
    if not rules:
        return []
    before = torch.from_numpy(sentences.vectors)
    columns = torch.tensor([RULE_NAMES.index(rule) for rule in rules])
    evidence = torch.tensor(list(factors), dtype=torch.float64)
    adapter = ResidualAdapter(kind, before.shape[1], seed)
    start = [parameter.detach().clone() for parameter in adapter.parameters()]

    def priors() -> Tensor:
        return head_probabilities(head, adapter(before), sentences).gather(1, columns[:, None])[:, 0]

    optimizer = torch.optim.LBFGS(adapter.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        moved = torch.stack([(p - s).square().sum() for p, s in zip(adapter.parameters(), start, strict=True)]).sum()
        value = moved / (2 * SPREAD**2) - marginal_log_likelihood(priors(), evidence)
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        return [float(prior) for prior in priors()]
