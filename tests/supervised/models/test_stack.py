"""The stack: its operations against lists, decoding against reading, and what it discovers from short words.

The laws that every architecture keeps (causality, padding, decoding) are in ``test_models.py``.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from torch import Tensor

from bracket_env import BracketLanguage, get_setting
from supervised.models import build_model
from supervised.models.parts import linked_stack
from supervised.models.parts.linked_stack import LinkedStacks
from supervised.models.parts.soft_stack import operation_shares, stack_tops, used_cells
from supervised.models.stack import StackEncoder
from supervised.runs import RunFolder, load, load_best
from supervised.train.options import Train
from supervised.train.run import train

TINY = "bracket/CloseTiny-v0"
PUSH, POP, STAY = torch.eye(3, dtype=torch.double)
SURE = (PUSH, POP, STAY)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn(seed: int, rows: int, steps: int, unsure: float) -> tuple[Tensor, Tensor]:
    """Shares ``(rows, steps, 3)``, some of them mixed, and contents ``(rows, steps, 2)``."""
    generator = torch.Generator().manual_seed(seed)
    scores = 5 * torch.randn(rows, steps, 3, dtype=torch.double, generator=generator)
    sure = torch.nn.functional.one_hot(scores.argmax(2), 3).double()
    mixed = torch.rand(rows, steps, 1, generator=generator) < unsure
    shares = torch.where(mixed, operation_shares(scores / 10), sure)
    return shares, torch.randn(rows, steps, 2, dtype=torch.double, generator=generator)


def listed_tops(shares: Tensor, contents: Tensor) -> list[float]:
    """The tops of one row with cells of one number: the formula on a list."""
    cells: list[float] = []
    tops = []
    for (push, pop, stay), content in zip(shares.tolist(), contents.tolist(), strict=True):
        above, here, below = [content, *cells], [*cells, 0.0], [*cells, 0.0, 0.0][1:]
        cells = [push * a + stay * h + pop * b for a, h, b in zip(above, here, below, strict=True)]
        tops.append(cells[0])
    return tops


# Operations ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-30, 30), min_size=3, max_size=3))
def test_shares_are_a_softmax_without_its_small_parts(scores: list[float]) -> None:
    usual = torch.tensor(scores, dtype=torch.double)
    shares, softmax = operation_shares(usual), usual.softmax(0)
    assert float(shares.sum()) == pytest.approx(1.0)
    assert torch.equal(shares > 0, softmax > 0.1)
    if softmax.max() >= 0.9:
        assert shares.max() == 1.0
    assert (shares[softmax.argsort()].diff() >= 0).all()


def test_equal_scores_give_equal_shares() -> None:
    assert torch.equal(operation_shares(torch.zeros(3)), torch.full((3,), 1.0) / 3)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 14), st.sampled_from([0.0, 0.2, 1.0]))
def test_tops_are_those_of_a_list(seed: int, steps: int, unsure: float) -> None:
    shares, contents = drawn(seed, 3, steps, unsure)
    tops = stack_tops(shares, contents)
    for row, column in itertools.product(range(3), range(2)):
        assert tops[row, :, column].tolist() == pytest.approx(listed_tops(shares[row], contents[row, :, column]))


def test_sure_steps_copy_without_error_at_any_depth() -> None:
    """2 000 pushes and pops against a list; equality, not closeness."""
    generator = random.Random(0)
    operations = [generator.choice((0, 0, 1, 2)) for _ in range(2000)]
    contents = torch.randn(1, 2000, 2)
    stack: list[Tensor] = []
    expected = []
    for operation, content in zip(operations, contents[0], strict=True):
        if operation == 0:
            stack.append(content)
        elif operation == 1 and stack:
            stack.pop()
        expected.append(stack[-1] if stack else torch.zeros(2))
    shares = torch.eye(3)[operations][None]
    assert torch.equal(stack_tops(shares, contents)[0], torch.stack(expected))


@given(st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=10, deadline=None)
def test_gradients_are_those_of_differences(seed: int, steps: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, steps, 3, dtype=torch.double, generator=generator).mul_(2).requires_grad_()
    contents = torch.randn(2, steps, 2, dtype=torch.double, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, c: stack_tops(operation_shares(s), c), (scores, contents))


def test_no_more_cells_are_kept_than_are_in_use_or_can_come_back() -> None:
    third = torch.full((3,), 1 / 3, dtype=torch.double)
    assert used_cells(torch.stack([PUSH, PUSH, POP, POP, POP, PUSH, STAY, STAY])[:, :, None]) == [
        1,
        2,
        1,
        1,
        1,
        1,
        1,
        1,
    ]
    assert used_cells(torch.stack([third] * 7)[:, :, None]) == [1, 2, 3, 4, 3, 2, 1]


# Decoding ------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([0.0, 0.1, 1.0]), st.sampled_from([0, 20]))
def test_linked_stacks_are_the_same_stacks(seed: int, steps: int, unsure: float, few: int) -> None:
    """Also right after unneeded cells were dropped, and of an old value that was continued otherwise meanwhile."""
    shares, contents = drawn(seed, 4, steps, unsure)
    expected = stack_tops(shares, contents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linked_stack, "_FEW", few)
        stacks = LinkedStacks.empty(contents[:, 0])
        rows = torch.arange(4)
        for t in range(steps):
            stacks.after(shares[rows, t].flip(0), -contents[rows, t])
            stacks = stacks.after(shares[rows, t], contents[rows, t])
            torch.testing.assert_close(stacks.read(), expected[rows, t], rtol=0, atol=1e-9)
            if t == steps // 2:
                rows = torch.tensor([2, 0])
                stacks = stacks.select(rows)


@pytest.mark.parametrize("depth", [3, 3000])
def test_a_sure_step_writes_no_more_than_what_it_pushes(depth: int) -> None:
    content = torch.ones(1, 2, dtype=torch.double)
    stacks = LinkedStacks.empty(content)
    for number in range(1, depth + 1):
        stacks = stacks.after(PUSH[None], number * content)
    for number in range(depth, 0, -1):
        before = stacks.cells.count
        assert torch.equal(stacks.read(), number * content)
        pushed = stacks.after(PUSH[None], content)
        assert pushed.cells.count <= before + 1
        stacks = stacks.after(POP[None], content)
    assert not stacks.read().any()


def test_cells_that_no_stack_needs_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linked_stack, "_FEW", 10)
    content = torch.ones(3, 2, dtype=torch.double)
    stacks = LinkedStacks.empty(content)
    for step in range(2000):
        stacks = stacks.after(SURE[step % 2].expand(3, 3), content)
        assert stacks.cells.count <= 13


def test_a_state_made_for_inference_can_be_continued_anywhere() -> None:
    encoder = build_model("stack", {"layers": 2}, 11).encoder
    with torch.inference_mode():
        _, state = encoder.start(torch.tensor([[1, 5, 7]]), torch.tensor([3]))
    features, _ = encoder.step(torch.tensor([8]), state)
    torch.testing.assert_close(features[0], encoder(torch.tensor([[1, 5, 7, 8]]))[0, -1])


def test_mixed_precision_leaves_the_stack_alone() -> None:
    encoder = build_model("stack", {}, 11).encoder
    ids = torch.randint(0, 11, (3, 9), generator=torch.Generator().manual_seed(2))
    plain = encoder(ids)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(ids)
        mixed.float().sum().backward()
    torch.testing.assert_close(mixed.float(), plain, rtol=0, atol=0.03)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


# The network ---------------------------------------------------------------------------------------------------------


def test_nothing_is_known_of_any_token_at_the_start() -> None:
    encoder = build_model("stack", {"layers": 2}, 30).encoder
    assert isinstance(encoder, StackEncoder)
    shares, _ = encoder.layers[0].drive(encoder.embedding.weight, torch.ones(30, dtype=torch.bool))
    torch.testing.assert_close(shares, torch.full((30, 3), 1 / 3))


def test_parameter_count() -> None:
    v, e, h, c = 17, 6, 10, 4
    model = build_model("stack", {"embedding_size": e, "units": h, "cell_size": c, "layers": 3}, v)

    def layer(size: int) -> int:
        return (size + 1) * (3 + c + h) + c * h

    assert sum(p.numel() for p in model.parameters()) == v * e + layer(e) + 2 * layer(h) + v * (h + 1)


# Learning ------------------------------------------------------------------------------------------------------------

SHORT = Train(
    name="short", setting=TINY, arch="stack", steps=300, batch_size=64, learning_rate=1e-2, eval_every=300,
    eval_cases=200,
)  # fmt: skip


def trained(root: Path, config: Train = SHORT) -> RunFolder:
    folder = train(replace(config, runs_dir=str(root)), ["train"], Console(file=StringIO()))
    assert folder is not None
    return folder


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Trained on prefixes of at most 6 symbols."""
    return trained(tmp_path_factory.mktemp("runs"))


def long_prefix(generator: random.Random, language: BracketLanguage, length: int, depth: int) -> str:
    """``length`` random symbols, at most ``depth`` of them open at once."""
    prefix, waiting = "", ""
    while len(prefix) < length:
        if not waiting or (len(waiting) < depth and generator.random() < 0.6):
            opener, closer = generator.choice(language.pairs)
            prefix, waiting = prefix + opener, closer + waiting
        else:
            prefix, waiting = prefix + waiting[0], waiting[1:]
    return prefix


def test_a_small_task_is_learned_in_seconds(short: RunFolder) -> None:
    assert short.best_metadata()["exact"] >= 0.95


def test_it_discovers_what_pushes_and_what_pops(short: RunFolder) -> None:
    encoder = load_best(short).encoder
    assert isinstance(encoder, StackEncoder)
    brackets = encoder.embedding.weight[5:]
    shares, _ = encoder.layers[0].drive(brackets, torch.ones(len(brackets), dtype=torch.bool))
    assert torch.equal(shares, torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 2))


@pytest.mark.parametrize("depth", [6, 12, 300])
def test_short_words_teach_long_and_deep_ones(short: RunFolder, depth: int) -> None:
    generator, language = random.Random(depth), get_setting(TINY).language()
    prefixes = [long_prefix(generator, language, length, depth) for length in range(50, 1001, 50)]
    assert load(short.path).complete(prefixes) == [language.completion(prefix) for prefix in prefixes]


def test_training_twice_gives_the_same_bits(tmp_path: Path) -> None:
    config = replace(SHORT, steps=30, layers=2, dropout=0.1, eval_every=30, eval_cases=20)
    one, two = (load_best(trained(tmp_path / name, config)).state_dict() for name in "ab")
    assert all(torch.equal(one[name], two[name]) for name in one)
