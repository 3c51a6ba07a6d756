"""Which parameters are compressed: the matrices that features are multiplied with, where almost all numbers are.

Embeddings are tables that are looked up, and biases and norms are short: they stay as they are.
"""

from __future__ import annotations

from torch import nn

from supervised.models import SequenceModel
from supervised.models.parts.hugging_face import is_conv1d


def weight_matrices(model: SequenceModel) -> dict[str, nn.Parameter]:
    """Name -> weight of every linear and recurrent layer and of the head, in the model's order."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return {name: p for name, p in model.named_parameters() if p.dim() == 2 and id(p) not in tables}


def output_axes(model: SequenceModel) -> dict[str, int]:
    """For every name of :func:`weight_matrices` the axis of the outputs: 0, or 1 in a ``Conv1D``."""
    turned = {f"{name}.weight" for name, module in model.named_modules() if is_conv1d(module)}
    return {name: int(name in turned) for name in weight_matrices(model)}
