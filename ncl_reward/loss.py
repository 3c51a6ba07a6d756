"""The unlabelled term of the loss: how much of the model's probability lies where the rules allow it.

At a place with logits z the model gives the next token the distribution p, the rules give it q (the modified
sequence). Two ways to pull p towards q:

    agreement        -log Σ_a p(a) q(a)     the semantic loss of Xu et al. 2018 with soft constraints
    cross-entropy    -Σ_a q(a) log p(a)     q itself is the target

They differ where the rules leave several tokens open. The cross-entropy then wants them equally likely, against what
the labels say; the agreement is content with any share among them: its gradient is that of the cross-entropy with the
target ∝ p q, the modified sequence as the model would complete it.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Pull = Literal["agreement", "cross-entropy"]


class NCLLoss:
    """Summed loss over places.

    Args:
        pull: which of the two.
    """

    def __init__(self, pull: Pull = "agreement") -> None:
        self.pull = pull

    def __call__(self, logits: Tensor, log_q: Tensor) -> Tensor:
        """Nats, at least 0.

        Args:
            logits: ``(m, K)``.
            log_q: ``(m, K)``, a constant.
        """
        log_p = logits.float().log_softmax(-1)
        if self.pull == "agreement":
            # The largest agreement that any p can reach is max q: subtracting it makes 0 the best.
            return (log_q.amax(-1) - (log_p + log_q).logsumexp(-1)).sum()
        q = log_q.exp()
        return (q * (log_q.clamp(min=-1e4) - log_p)).sum()
