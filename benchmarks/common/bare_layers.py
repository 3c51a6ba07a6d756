"""The yardstick of the training throughput: embedding, ``torch.nn`` layer and head on the padded batch, no trick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn import functional

from supervised.models.parts.recurrent import RecurrentConfig

LAYERS = {"gru": nn.GRU, "lstm": nn.LSTM}


class BareLayers(nn.Module):
    """Takes the arguments of :class:`supervised.learning.objective.TokenLoss` and gives the same summed loss.

    Args:
        arch: one of :data:`LAYERS`, in the default size of the recurrent architectures.
        vocab: size of the vocabulary.
    """

    def __init__(self, arch: str, vocab: int) -> None:
        super().__init__()
        config = RecurrentConfig()
        self.embedding = nn.Embedding(vocab, config.embedding_size)
        self.layer = LAYERS[arch](config.embedding_size, config.units, batch_first=True)
        self.head = nn.Linear(config.units, vocab)

    def forward(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Summed nats."""
        features = self.layer(self.embedding(ids[:, :-1]))[0]
        logits = self.head(features[rows, positions])
        return functional.cross_entropy(logits, ids[rows, positions + 1], reduction="sum")


def forward_backward(module: nn.Module, batches: Iterable[Sequence[Tensor]]) -> None:
    """The loss of every batch and its gradients, no optimiser step."""
    for batch in batches:
        module.zero_grad(set_to_none=True)
        module(*batch).backward()
