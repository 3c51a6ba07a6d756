"""The distinct prefixes of a batch: what a recurrent network has to compute, and nothing twice.

Bracket prefixes overlap: all start with BOS, and few symbols can follow. A recurrent state depends on the prefix alone,
so a batch needs one state for each *distinct* prefix in it (the nodes of a prefix tree) instead of one for each cell
of the padded rectangle. Three rows, 4 states instead of 9:

    BOS ( {        step   nodes: last token   their parents, counted within the step before
    BOS ( )         0     BOS                 0 (the zero state)
    BOS (           1     (                   0
                    2     {  )                0  0

The steps are those of the longest row, and each computes all of its nodes at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bracket_env import InputError
from supervised.models.parts.checks import longest


class PrefixTree(NamedTuple):
    """The distinct prefixes of a batch, shortest first: one node for each, numbered step after step."""

    tokens: Tensor
    """``(nodes,)``: the last token of every prefix."""
    parents: tuple[Tensor, ...]
    """For every step the nodes that its own ones extend, counted within the step before; zeros at step 0."""
    nodes: Tensor
    """``(B, longest)``: the node of each row's prefix up to each position; 0 in the padding."""


def prefix_tree(ids: Tensor, lengths: Tensor, vocab_size: int) -> PrefixTree:
    """The tree of the prefixes of ``ids`` ``(B, T)`` up to ``lengths`` ``(B,)``.

    Raises:
        InputError: a length outside 1 to T, or an id outside the vocabulary.
    """
    steps = longest(ids, lengths)
    for bound in ids.aminmax():
        if not 0 <= bound < vocab_size:
            raise InputError(f"token id {int(bound)} is outside the vocabulary of {vocab_size}")
    descending, order = lengths.sort(descending=True, stable=True)
    columns = ids[order, :steps].t().contiguous()  # (steps, B): rows still going are always the first ones
    going = (descending > torch.arange(steps)[:, None]).sum(1).tolist()
    nodes = torch.zeros_like(columns)
    within = torch.zeros_like(lengths)  # each row's node, counted within the step
    tokens, parents, total = [], [], 0
    for column, n, row in zip(columns, going, nodes, strict=True):
        prefixes, within = torch.unique(within[:n] * vocab_size + column[:n], return_inverse=True)
        tokens.append(prefixes % vocab_size)
        parents.append(prefixes // vocab_size)
        row[:n] = within + total
        total += len(prefixes)
    unsorted = torch.empty_like(nodes).index_copy_(1, order, nodes)
    return PrefixTree(torch.cat(tokens), tuple(parents), unsorted.t())
