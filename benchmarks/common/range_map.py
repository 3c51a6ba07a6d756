"""A map of what a model can do, length by depth, and what one symbol costs it; both are drawn too.

In a cell of the map both lie in a range, and prefixes of one length are equally likely
(:mod:`benchmarks.common.depth_walk`), so that along a row only the length changes and along a column only the depth.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.common.depth_walk import DepthWalk
from benchmarks.common.plots import panels, save
from benchmarks.common.seeds import rounded_down
from bracket_env import EOS, BracketLanguage, BracketTokenizer, Case
from bracket_env.random_streams import below, bits, key
from bracket_env.sampling.sampler import PrefixSampler

if TYPE_CHECKING:
    from torch import Tensor

    from supervised.models import SequenceModel

LENGTHS = ((1, 40), (51, 100), (101, 200), (201, 500), (501, 1000))
DEPTHS = ((1, 10), (11, 20), (21, 40), (41, 80))
TRAINED, LONGER = DEPTHS[0], LENGTHS[1]
"""The depths of training, and the lengths at which depths are compared: of these cells there are more cases."""
_A_LINE = 4  # maps side by side
_TOKENS_AT_ONCE = 1 << 17
_TIMED_SYMBOLS = 48


def range_name(bounds: tuple[int, int]) -> str:
    """``1-10``, or ``500`` where both ends are the same."""
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]}-{bounds[1]}"


class Cell(NamedTuple):
    """A cell of the map: ``n`` prefixes whose length and depth lie in ranges."""

    lengths: tuple[int, int]
    depths: tuple[int, int]
    n: int

    def cases(self, language: BracketLanguage) -> list[Case]:
        """The cell's cases of the test split, the same ones for every model of the language."""
        # One symbol more than the depth at least: with none more there is a single shape.
        walk = DepthWalk(lengths=(max(self.lengths[0], self.depths[0] + 1), self.lengths[1]), depths=self.depths)
        return PrefixSampler(language, walk, split="test").cases(
            key(0, f"length_range/{range_name(self.lengths)}/{range_name(self.depths)}"), self.n
        )


def cells(*, marks: bool = False) -> tuple[Cell, ...]:
    """The map: every range of lengths with every range of depths that goes with it.

    Args:
        marks: also prefixes of exactly 500 and of exactly 1 000 symbols, no deeper than in training.
    """
    found = [
        Cell(lengths, depths, 1000 if depths == TRAINED or lengths == LONGER else 250)
        for lengths in LENGTHS
        for depths in DEPTHS
        if depths[1] <= lengths[1]
    ]
    if marks:
        found += [Cell((length, length), TRAINED, 1000) for length in (500, 1000)]
    return tuple(found)


class _UntilMistake:
    """A mask that stops a row after its first mistake, by leaving it nothing but EOS.

    A row that never made one was free all the time, so what is counted as exact is what free decoding writes, and
    rows that are lost cost no further steps.
    """

    def __init__(self, answers: Tensor, vocab_size: int) -> None:
        self._answers = answers  # (B, longest), EOS included
        self._written = answers.new_zeros(len(answers))
        self._vocab_size = vocab_size
        self.mistaken = answers.new_zeros(len(answers)).bool()

    def possible(self, rows: Tensor) -> Tensor:
        allowed = ~self.mistaken[rows, None].repeat(1, self._vocab_size)
        allowed[:, EOS] = True
        return allowed

    def write(self, rows: Tensor, tokens: Tensor) -> None:
        places = self._written[rows].clamp(max=self._answers.shape[1] - 1)
        self.mistaken[rows] |= tokens != self._answers[rows, places]
        self._written[rows] += 1


def exact_answers(model: SequenceModel, tokenizer: BracketTokenizer, cases: Sequence[Case]) -> int:
    """How many prefixes the model completes exactly, its likeliest tokens decoded freely."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    from supervised.models import decode

    exact = 0
    by_length = sorted(cases, key=lambda case: len(case.prefix))
    rows_at_once = max(_TOKENS_AT_ONCE // (len(by_length[-1].prefix) + 2), 1)
    for low in range(0, len(by_length), rows_at_once):
        chosen = by_length[low : low + rows_at_once]
        ids, lengths = tokenizer.encode_prompts([case.prefix for case in chosen])
        answers = [torch.tensor([*tokenizer.encode(case.completion), EOS]) for case in chosen]
        mask = _UntilMistake(pad_sequence(answers, batch_first=True), tokenizer.vocab_size)
        most = torch.tensor([len(answer) + 1 for answer in answers])
        decode(
            model,
            torch.as_tensor(ids, dtype=torch.long),
            torch.as_tensor(lengths),
            max_new=most,
            eos=EOS,
            mask=mask,
        )
        exact += int((~mask.mistaken).sum())
    return exact


def seconds_a_symbol(model: SequenceModel, tokenizer: BracketTokenizer, length: int) -> float:
    """Median time of one step of decoding, for one row, after a prefix of ``length`` brackets that are all open."""
    import torch

    openers, closer_of = tokenizer.language.openers, tokenizer.language.closer_of
    stream = key(0, "length_range/cost")
    prefix = "".join(openers[below(bits(stream, i), len(openers))] for i in range(length))
    ids, lengths = tokenizer.encode_prompts([prefix])
    seconds = []
    with torch.inference_mode():
        _, state = model.encoder.start(torch.as_tensor(ids, dtype=torch.long), torch.as_tensor(lengths))
        for opener in reversed(prefix[-_TIMED_SYMBOLS:]):
            token = torch.tensor(tokenizer.encode(closer_of[opener]))
            began = time.perf_counter()
            features, state = model.encoder.step(token, state)
            model.head(features).argmax(1).item()
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def plot_maps(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Exact match of the median seed, one map a model; the corner at the bottom left is what it was trained on."""
    lengths, depths = [range_name(bounds) for bounds in LENGTHS], [range_name(bounds) for bounds in DEPTHS]
    lines, columns = -(-len(rows) // _A_LINE), min(len(rows), _A_LINE)
    figure, axes = panels(columns, 3.2 * columns, 2.6 * lines + 0.3, lines)
    for axis in axes.flat[len(rows) :]:
        axis.set_visible(False)
    for number, (axis, row) in enumerate(zip(axes.flat, rows, strict=False)):
        written = rounded_down(0)  # as in the tables
        percent = np.full((len(depths), len(lengths)), np.nan)
        for cell in row["cells"]:
            if cell["length"] in lengths:
                place = depths.index(cell["depth"]), lengths.index(cell["length"])
                percent[place] = 100 * statistics.median_low(cell["exact"])
        axis.imshow(percent, cmap="viridis", vmin=0, vmax=100, origin="lower", aspect="auto")
        for (y, x), value in np.ndenumerate(percent):
            if np.isfinite(value):
                axis.text(
                    x, y, written(value / 100), ha="center", va="center", color="white" if value < 60 else "black"
                )
        axis.set_xticks(range(len(lengths)), lengths, fontsize=7)
        axis.set_yticks(range(len(depths)), depths, fontsize=8)
        axis.set_title(f"{row['model']} ({len(row['seeds'])} seed{'s' * (len(row['seeds']) > 1)})", fontsize=10)
        if number % _A_LINE == 0:
            axis.set_ylabel("depth")
        if number + _A_LINE >= len(rows):
            axis.set_xlabel("length of the prefix")
    figure.suptitle("exact match, %; trained at the bottom left")
    save(figure, path)


def plot_costs(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Time of one written symbol by the length of what was read, for the models that were timed."""
    figure, ((axis,),) = panels(1, 6, 3.6)
    timed = [row for row in rows if row["cost"]]
    for row, colour in zip(timed, ("#D55E00", "#0072B2", "#009E73", "#CC79A7"), strict=False):
        lengths = [point["length"] for point in row["cost"]]
        axis.plot(lengths, [1e3 * point["seconds"] for point in row["cost"]], "o-", color=colour, label=row["model"])
    axis.set_xscale("log", base=2)
    ticks = sorted({point["length"] for row in timed for point in row["cost"]})
    axis.set_xticks(ticks, [str(length) for length in ticks])
    axis.set(xlabel="open brackets read before", ylabel="ms a written symbol, one row, one thread")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
    save(figure, path)
