"""Stacks for decoding: cells that point at the cell below, so that a sure step costs the same at any depth.

A stack is the number of its top cell. Cells are only ever added, so stacks share what they have in common, an old
stack stays what it was, and copying one copies a number:

    cell      0        1    2    3              stack of ( {   is 2: { on (
    content   empty    (    {    (              after }        is 1: (
    below     0        0    1    1              after } (      is 3: ( on the same cell 1

A step that is unsure mixes the whole stack (:mod:`supervised.models.soft_stack`): that one writes a new chain of cells,
in time that grows with the depth. The values are those of :func:`supervised.models.soft_stack.stack_tops`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class Cells:
    """All cells of some stacks, in tensors that double when they are full. Nothing written is ever changed."""

    def __init__(self, like: Tensor) -> None:
        """One cell, the empty stack: content 0, above itself. ``like`` ``(B, C)`` gives size, type and device."""
        with torch.inference_mode(False):  # what is made in inference mode could not be added to outside it
            self.contents = torch.zeros(64, like.shape[-1], dtype=like.dtype, device=like.device)
            self.below = torch.zeros(64, dtype=torch.long, device=like.device)
        self.count = 1

    def add(self, contents: Tensor, below: Tensor) -> Tensor:
        """New cells with contents ``(n, C)`` on the cells ``below`` ``(n,)``. Returns their numbers ``(n,)``."""
        end = self.count + len(below)
        if end > len(self.below):
            with torch.inference_mode(False):
                room = max(end, 2 * len(self.below)) - len(self.below)
                self.contents = torch.cat([self.contents, self.contents.new_zeros(room, self.contents.shape[1])])
                self.below = torch.cat([self.below, self.below.new_zeros(room)])
        self.contents[self.count : end] = contents
        self.below[self.count : end] = below
        numbers = torch.arange(self.count, end, device=below.device)
        self.count = end
        return numbers


@dataclass(frozen=True)
class LinkedStacks:
    """A batch of stacks. A value: :meth:`after` makes new ones."""

    cells: Cells
    """Shared by all stacks that came from the same empty ones."""
    top: Tensor
    """int64 ``(B,)``: the number of each stack's top cell."""

    @classmethod
    def empty(cls, like: Tensor) -> LinkedStacks:
        """B empty stacks whose top cells will be like those of ``like`` ``(B, C)``."""
        return cls(Cells(like), torch.zeros(len(like), dtype=torch.long, device=like.device))

    def read(self) -> Tensor:
        """``(B, C)``: the top cells; 0 where a stack is empty."""
        return self.cells.contents[self.top]

    def select(self, rows: Tensor) -> LinkedStacks:
        """Some of the stacks, in the order of ``rows`` (int64)."""
        return LinkedStacks(self.cells, self.top[rows])

    def where(self, chosen: Tensor, other: LinkedStacks) -> LinkedStacks:
        """These stacks where ``chosen`` ``(B,)``, elsewhere those of ``other``, which has the same cells."""
        return LinkedStacks(self.cells, torch.where(chosen, self.top, other.top))

    @torch.no_grad()
    def after(self, shares: Tensor, contents: Tensor) -> LinkedStacks:
        """The stacks after one step. No gradient passes through it.

        Args:
            shares: ``(B, 3)``: push, pop, stay.
            contents: ``(B, C)``: of the cells that would be pushed.
        """
        push, pop, _ = shares.unbind(1)
        top = torch.where(pop == 1, self.cells.below[self.top], self.top)
        pushing = (push == 1).nonzero().squeeze(1)
        top[pushing] = self.cells.add(contents[pushing], self.top[pushing])
        unsure = (shares.amax(1) < 1).nonzero().squeeze(1)
        if len(unsure):
            top[unsure] = self._mixed(self.top[unsure], shares[unsure], contents[unsure])
        return LinkedStacks(self.cells, top)

    def _mixed(self, top: Tensor, shares: Tensor, contents: Tensor) -> Tensor:
        """Tops of new chains: what unsure steps make of the stacks ``top`` ``(n,)``."""
        chain = [top]
        while chain[-1].any():
            chain.append(self.cells.below[chain[-1]])
        chain.append(chain[-1])
        before = self.cells.contents[torch.stack(chain)]  # (depth + 2, n, C), ending with two cells of 0
        push, pop, stay = shares.t()[:, None, :, None]
        pushed = torch.cat([contents[None], before[:-2]])
        after = push * pushed + pop * before[1:] + stay * before[:-1]  # (depth + 1, n, C)
        below, bottom_first = torch.zeros_like(top), after.flip(0)
        first = self.cells.count + torch.arange(len(after) * len(top), device=top.device).view(len(after), len(top))
        below = torch.cat([below[None], first[:-1]])
        return self.cells.add(bottom_first.flatten(0, 1), below.flatten())[-len(top) :]
