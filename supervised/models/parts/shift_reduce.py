"""The operations of the stack, found from the ids alone: the structure that the tree is given.

The ids say what a token does (:mod:`bracket_env.tokenizer`: 5 + 2i opens, 6 + 2i closes, below 5 is special), as the
transitions of SPINN do (Bowman et al. 2016, section 3.1). Every token makes one node of a binary tree, which then is on
top of the stack. Its left child is what stands before it on its level, its right child the constituent that it ends:

    token                      left child           right child    the stack afterwards
    opener                     the top              nothing        the node is pushed
    closer, something is open  the one below top    the top        the node replaces both
    any other                  the top              nothing        the node replaces the top

    BOS ( { } SEP    1 BOS    2 ( = (1, -)    3 { = (2, -)    4 } = (2, 3)    5 SEP = (4, -)      stack 1 5

A closer of the wrong type closes like the right one, and one that finds nothing open is a node at the bottom: whatever
a model writes can be read on. Whether a prompt can be completed is for those to check who read prompts.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bracket_env import BOS, FIRST_SYMBOL
from supervised.models.parts.prefix_tree import PrefixTree


class Tops(NamedTuple):
    """What is known of stack entries without any weights. An entry never changes, so stacks share what they can."""

    openers: Tensor
    """``(n,)``: the token that opened the entry's level; BOS at the bottom."""
    below: Tensor
    """``(n,)``: the number of the entry below it; 0 at the bottom."""
    marks: Tensor
    """``(n,)``: the latest special token when its node was made; BOS before any."""

    def take(self, chosen: Tensor) -> Tops:
        """Some entries, by number or by a mask."""
        return Tops(*(field[chosen] for field in self))


def is_opener(token: Tensor) -> Tensor:
    """Whether each token opens a bracket."""
    return (token >= FIRST_SYMBOL) & ((token - FIRST_SYMBOL) % 2 == 0)


def is_closer(token: Tensor) -> Tensor:
    """Whether each token closes a bracket, of whatever type."""
    return (token >= FIRST_SYMBOL) & ((token - FIRST_SYMBOL) % 2 == 1)


def shift_reduce(token: Tensor, tops: Tops, place: Tensor, stored: Tops) -> tuple[Tensor, Tops]:
    """What a token does to a stack, n times.

    Args:
        token: ``(n,)``.
        tops: the n entries on top.
        place: ``(n,)``: the numbers that they have, or will have, among the stored ones.
        stored: at least all entries below.

    Returns:
        Whether each token closes the top, bool ``(n,)``; and the n entries on top afterwards.
    """
    pushes, pops = is_opener(token), is_closer(token) & (tops.openers != BOS)
    beneath = stored.take(tops.below)
    openers = torch.where(pushes, token, torch.where(pops, beneath.openers, tops.openers))
    below = torch.where(pushes, place, torch.where(pops, beneath.below, tops.below))
    return pops, Tops(openers, below, torch.where(token < FIRST_SYMBOL, token, tops.marks))


def forest(tree: PrefixTree) -> tuple[Tops, Tensor, Tensor, list[int]]:
    """The stack's top after every prefix, and the children of its node.

    Returns:
        The entries ``(nodes + 1,)``, the bottom first; the children's entries, left and right, each ``(nodes,)`` and
        0 for none; and where the steps begin, counted in nodes, with their end.
    """
    bottom = torch.zeros(len(tree.tokens) + 1, dtype=torch.long)
    entries = Tops(bottom + BOS, bottom, bottom + BOS)
    left, right = torch.empty_like(tree.tokens), torch.empty_like(tree.tokens)
    before, bounds = 0, [0]
    for parents in tree.parents:
        here = slice(bounds[-1], bounds[-1] + len(parents))
        place = parents + before
        tops = entries.take(place)
        pops, after = shift_reduce(tree.tokens[here], tops, place, entries)
        left[here], right[here] = torch.where(pops, tops.below, place), torch.where(pops, place, 0)
        for field, values in zip(entries, after, strict=True):
            field[here.start + 1 : here.stop + 1] = values
        before = here.start + 1
        bounds.append(here.stop)
    return entries, left, right, bounds
