"""Stacks for decoding: cells that point at the cell below, so that a sure step costs the same at any depth.

A stack is the number of its top cell. Cells are only ever added, so stacks share what they have in common, an old
stack stays what it was, and copying one copies a number:

    cell      0        1    2    3              the stack of ( {      is 2: { on (
    content   empty    (    {    (              the one of   ( { }    is 1: (
    below     0        0    1    1              the one of   ( { } (  is 3: ( on the same cell 1

A step that is unsure mixes a whole stack (:mod:`supervised.models.parts.soft_stack`): that one writes a new chain of
cells, in time that grows with the depth. The values are those of :func:`supervised.models.parts.soft_stack.stack_tops`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_FEW = 1024  # cells that are not worth a search for those no longer needed
# A mixed stack ends with its last number of more than this: after many unsure steps little is left far below the top.
_NOTHING = 1e-12


class Cells:
    """The cells of some stacks. Nothing written is ever changed.

    Args:
        contents: ``(n, C)``; cell 0 is the empty stack, of content 0.
        below: int64 ``(n,)``: the cell below each; 0 for cell 0.
    """

    def __init__(self, contents: Tensor, below: Tensor) -> None:
        self._contents, self._below = contents, below
        self.count = len(below)
        self.crowded = max(_FEW, 2 * self.count)
        """The count from which on most cells may well be needed by no stack any more."""

    @property
    def contents(self) -> Tensor:
        """``(count, C)``."""
        return self._contents[: self.count]

    @property
    def below(self) -> Tensor:
        """``(count,)``."""
        return self._below[: self.count]

    def add(self, contents: Tensor, below: Tensor) -> Tensor:
        """New cells with contents ``(n, C)`` on the cells ``below`` ``(n,)``. Returns their numbers ``(n,)``."""
        end = self.count + len(below)
        if end > len(self._below):
            room = max(end, 2 * len(self._below)) - len(self._below)
            with torch.inference_mode(False):  # what is made in inference mode could not be written to outside it
                self._contents = torch.cat([self._contents, self._contents.new_empty(room, self._contents.shape[1])])
                self._below = torch.cat([self._below, self._below.new_empty(room)])
        self._contents[self.count : end] = contents
        self._below[self.count : end] = below
        numbers = torch.arange(self.count, end, device=below.device)
        self.count = end
        return numbers


@dataclass(frozen=True)
class LinkedStacks:
    """A batch of stacks. A value: :meth:`after` makes new ones. No gradient passes through them."""

    cells: Cells
    """All that came from the same empty stacks share their cells."""
    top: Tensor
    """int64 ``(B,)``: the number of each stack's top cell."""

    @classmethod
    def empty(cls, like: Tensor) -> LinkedStacks:
        """B empty stacks whose top cells will be like those of ``like`` ``(B, C)``."""
        below = torch.zeros(1, dtype=torch.long, device=like.device)
        return cls(Cells(like.new_zeros(1, like.shape[1]), below), below.repeat(len(like)))

    def read(self) -> Tensor:
        """``(B, C)``: the top cells; 0 where a stack is empty."""
        return self.cells.contents[self.top]

    def select(self, rows: Tensor) -> LinkedStacks:
        """Some of the stacks, in the order of ``rows`` (int64)."""
        return LinkedStacks(self.cells, self.top[rows])

    @torch.no_grad()
    def after(self, shares: Tensor, contents: Tensor) -> LinkedStacks:
        """The stacks after one step.

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
        stacks = LinkedStacks(self.cells, top)
        return stacks.compact() if self.cells.count > self.cells.crowded else stacks

    def compact(self) -> LinkedStacks:
        """The same stacks with cells of their own, those that they need only."""
        needed = torch.zeros_like(self.cells.below, dtype=torch.bool)
        needed[0] = True
        reached = self.top
        while len(reached := reached[~needed[reached]]):
            needed[reached] = True
            reached = self.cells.below[reached]
        number = needed.cumsum(0) - 1
        with torch.inference_mode(False):
            cells = Cells(self.cells.contents[needed], number[self.cells.below[needed]])
        return LinkedStacks(cells, number[self.top])

    def _mixed(self, top: Tensor, shares: Tensor, contents: Tensor) -> Tensor:
        """Tops ``(n,)`` of new chains: what unsure steps make of the stacks ``top`` ``(n,)``."""
        chain = [top]
        while chain[-1].any():
            chain.append(self.cells.below[chain[-1]])
        chain.append(chain[-1])
        before = self.cells.contents[torch.stack(chain)]  # (depth + 2, n, C), the last two cells being 0
        push, pop, stay = shares.t()[:, None, :, None]
        after = push * torch.cat([contents[None], before[:-2]]) + pop * before[1:] + stay * before[:-1]
        kept = (after.abs().amax((1, 2)) > _NOTHING).nonzero()
        if not len(kept):
            return torch.zeros_like(top)
        after = after[: int(kept[-1]) + 1]
        levels = torch.arange(len(after) * len(top), device=top.device).view(len(after), len(top))
        below = torch.cat([torch.zeros_like(top)[None], self.cells.count + levels[:-1]])  # the bottom cells come first
        return self.cells.add(after.flip(0).flatten(0, 1), below.flatten())[-len(top) :]
