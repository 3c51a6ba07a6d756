"""A stack whose operations are shares: part push, part pop, part stay (Joulin & Mikolov 2015, section 3.2).

A stack is a column of cells, the top one first; below the last one everything is 0. With the shares (push, pop, stay)
of a step, which sum to 1, and the content c of the cell that it would push,

    after[0] = push c              + pop before[1]      + stay before[0]
    after[i] = push before[i - 1]  + pop before[i + 1]  + stay before[i]

so popping an empty stack leaves it empty. The shares of :func:`operation_shares` are exactly 0 or 1 once a step is
sure: from then on cells are copied without error, however often, and the stack is a discrete one.

    symbol   shares (push, pop, stay)    cells, the top one first
    (        1    0    0                 (
    {        1    0    0                 {  (
    }        0    1    0                 (
    {        0.5  0    0.5               half { and half (,  half (
    )        0    1    0                 half (
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LEAST_SHARE = 0.1


def operation_shares(scores: Tensor) -> Tensor:
    """Shares of push, pop and stay: softmax with what is below :data:`LEAST_SHARE` cut off, evenly from all three.

        a = max(softmax(scores) - 0.1, 0), divided by its sum

    Equal scores give equal shares; a softmax of at least 0.9 gives exactly 1. What is cut off gets no gradient.

    Args:
        scores: ``(..., 3)``.
    """
    kept = (scores.softmax(-1) - LEAST_SHARE).clamp(min=0)
    return kept / kept.sum(-1, keepdim=True)


def stack_tops(shares: Tensor, contents: Tensor) -> Tensor:
    """The top cell after every step, from an empty stack on.

    The time is that of steps times the deepest stack, and no less than of all cells that sure steps leave empty. A
    share that is exactly 0 gets the gradient of the cells in use only, which :func:`operation_shares` ignores anyway.

    Args:
        shares: ``(B, T, 3)``: push, pop, stay.
        contents: ``(B, T, C)``, of the same type.

    Returns:
        ``(B, T, C)``.
    """
    # The batch comes last: it is what every operation below runs along.
    tops: Tensor = _StackTops.apply(shares.permute(1, 2, 0).contiguous(), contents.permute(1, 2, 0).contiguous())
    return tops.permute(2, 0, 1)


def used_cells(shares: Tensor) -> list[int]:
    """For every step how many cells have to be kept after it, at least 1.

    That is the depth of the fullest stack that shares above 0 can have built, or, if less, the cells that the steps
    left can still bring to the top.

    Args:
        shares: ``(T, 3, B)``.
    """
    push, _, stay = shares.detach().unbind(1)
    change = torch.where(push > 0, 1, torch.where(stay > 0, 0, -1)).cumsum(0)  # (T, B)
    depth = change - change.cummin(0).values.clamp(max=0)  # an empty stack stays empty
    left = torch.arange(len(shares), 0, -1, device=shares.device)
    sizes: list[int] = torch.minimum(depth.amax(1), left).clamp(min=1).tolist()
    return sizes


class _StackTops(torch.autograd.Function):
    """Shares ``(T, 3, B)`` and contents ``(T, C, B)`` -> tops ``(T, C, B)``.

    Written by hand because a graph over the steps would take 4 times as long (T = 50, B = 128, C = 8: 10 ms forward
    plus backward on one CPU thread).
    """

    @staticmethod
    def forward(ctx: Any, shares: Tensor, contents: Tensor) -> Tensor:
        learning = any(ctx.needs_input_grad)
        tops = torch.empty_like(contents)
        stacks: list[Tensor] = []  # before every step, each (cells, C, B)
        before = torch.zeros_like(contents[:1])
        for (push, pop, stay), content, top, size in zip(shares, contents, tops, used_cells(shares), strict=True):
            kept, lowered, raised = _overlaps(len(before), size)
            after = before.new_zeros(size, *content.shape)
            torch.mul(before[:kept], stay, out=after[:kept])
            after[0].addcmul_(content, push)
            after[1 : 1 + lowered].addcmul_(before[:lowered], push)
            after[:raised].addcmul_(before[1 : 1 + raised], pop)
            top.copy_(after[0])
            if learning:
                stacks.append(before)
            before = after
        ctx.stacks = stacks
        ctx.save_for_backward(shares, contents)
        return tops

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_tops: Tensor) -> tuple[Tensor, Tensor]:
        shares, contents = ctx.saved_tensors
        d_shares, d_contents = torch.empty_like(shares), torch.empty_like(contents)
        d_after = torch.zeros_like(contents[:1])
        for t in range(len(shares) - 1, -1, -1):
            before, (push, pop, stay), (d_push, d_pop, d_stay) = ctx.stacks[t], shares[t], d_shares[t]
            kept, lowered, raised = _overlaps(len(before), len(d_after))
            d_after[0].add_(d_tops[t])
            torch.sum(d_after[1 : 1 + lowered] * before[:lowered], (0, 1), out=d_push)
            d_push.add_((d_after[0] * contents[t]).sum(0))
            torch.sum(d_after[:raised] * before[1 : 1 + raised], (0, 1), out=d_pop)
            torch.sum(d_after[:kept] * before[:kept], (0, 1), out=d_stay)
            torch.mul(d_after[0], push, out=d_contents[t])
            d_before = torch.zeros_like(before)
            torch.mul(d_after[:kept], stay, out=d_before[:kept])
            d_before[:lowered].addcmul_(d_after[1 : 1 + lowered], push)
            d_before[1 : 1 + raised].addcmul_(d_after[:raised], pop)
            d_after = d_before
        return d_shares, d_contents


def _overlaps(before: int, after: int) -> tuple[int, int, int]:
    """How many of the cells kept before and after a step stay where they are, move down by a push, or up by a pop."""
    return min(before, after), min(before, after - 1), min(before - 1, after)
