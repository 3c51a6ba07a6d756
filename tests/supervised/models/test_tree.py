"""The tree: its structure against the stack, its composition against a recursion, and what it learns from short words.

The laws that every architecture keeps (causality, padding, decoding) are in ``test_models.py``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from torch import Tensor

from bracket_env import BracketLanguage, BracketTokenizer, InputError
from supervised.evaluate import Evaluate
from supervised.evaluate import main as evaluate
from supervised.models import build_model
from supervised.models.parts.prefix_tree import prefix_tree
from supervised.models.parts.shift_reduce import forest
from supervised.models.tree import TreeEncoder
from supervised.predict import Predict
from supervised.predict import main as predict
from supervised.runs import RunFolder, load
from supervised.train.options import Train
from supervised.train.run import train

LANGUAGE = BracketLanguage()
TOKENIZER = BracketTokenizer(LANGUAGE)
VOCAB = TOKENIZER.vocab_size  # 11
BOS, OPENERS, CLOSERS = 1, {5, 7, 9}, {6, 8, 10}
NOTE = "structure given, not learned (what opens, what closes): "
words = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=10)
batches = st.lists(words, min_size=1, max_size=5)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(seed: int = 0) -> TreeEncoder:
    """Double precision, and weights so large that every child shows."""
    torch.manual_seed(seed)
    encoder = build_model("tree", {"embedding_size": 3, "units": 4}, VOCAB).encoder.double()
    assert isinstance(encoder, TreeEncoder)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    return encoder


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True), lengths


def recursive_features(encoder: TreeEncoder, row: list[int]) -> Tensor:
    """``(len(row), units)``: the same network as plain recursion over the tree, one node at a time."""

    def node(token: int, left: Tensor, right: Tensor) -> Tensor:
        embedded = encoder.embedding.weight[token]
        z = encoder.from_token(embedded) + encoder.from_children @ torch.cat([left, right])
        own, left_share, right_share = z[4:].softmax(0)
        return own * torch.tanh(z[:4]) + left_share * left + right_share * right

    nothing = torch.zeros(4, dtype=torch.double)

    @cache
    def top(read: tuple[int, ...]) -> tuple[Tensor, int, tuple[int, ...]]:
        """State and opener of the uppermost entry, and the prefix whose uppermost entry lies below it."""
        if not read:
            return nothing, BOS, ()
        *before, token = read
        state, opener, below = top(tuple(before))
        if token in OPENERS:
            return node(token, state, nothing), token, tuple(before)
        if token in CLOSERS and opener != BOS:
            beneath, outer, further = top(below)
            return node(token, beneath, state), outer, further
        return node(token, state, nothing), opener, below

    features = []
    for end in range(1, len(row) + 1):
        state, opener, _ = top(tuple(row[:end]))
        mark = next((token for token in reversed(row[:end]) if token < 5), BOS)
        seen = torch.cat([encoder.embedding.weight[opener], encoder.embedding.weight[mark], 0.1 * state])
        features.append(torch.tanh(encoder.combine(seen)))
    return torch.stack(features)


# Structure -----------------------------------------------------------------------------------------------------------


def structure(row: list[int]) -> tuple[list[int], ...]:
    """Left and right children, openers, entries below and marks after each token; entry 0 is the bottom."""
    entries, left, right, bounds = forest(prefix_tree(*padded([row]), VOCAB))
    assert bounds == list(range(len(row) + 1))
    return left.tolist(), right.tolist(), *(field[1:].tolist() for field in entries)


def test_the_trace_of_a_word() -> None:
    """``BOS ( { } SEP``, as in the docstring."""
    left, right, openers, below, marks = structure([1, 5, 9, 10, 2])
    assert left == [0, 1, 2, 2, 4]
    assert right == [0, 0, 0, 3, 0]
    assert openers == [BOS, 5, 9, 5, 5]
    assert below == [0, 1, 2, 1, 1]
    assert marks == [1, 1, 1, 1, 2]


def test_a_wrong_closer_closes_like_the_right_one() -> None:
    assert structure([1, 5, 9, 6, 8, 2]) == structure([1, 5, 9, 10, 6, 2])


def test_a_closer_that_finds_nothing_open_is_a_node_at_the_bottom() -> None:
    left, right, openers, below, _ = structure([1, 6, 5, 6, 8])
    assert left == [0, 1, 2, 2, 4]
    assert right == [0, 0, 0, 3, 0]
    assert openers == [BOS, BOS, 5, BOS, BOS]
    assert below == [0, 0, 2, 0, 0]


@given(st.lists(st.sampled_from([*LANGUAGE.openers, None]), max_size=30))
def test_the_openers_down_the_stack_are_the_languages_open_brackets(moves: list[str | None]) -> None:
    word = ""
    for move in moves:
        word += move or LANGUAGE.completion(word)[:1]
    row = [BOS, *TOKENIZER.encode(word), 2]
    _, _, openers, below, _ = structure(row)
    stack, entry = [], len(row)
    while openers[entry - 1] != BOS:
        stack.append(openers[entry - 1])
        entry = below[entry - 1]
    assert TOKENIZER.decode(reversed(stack)) == LANGUAGE.open_stack(word)


# Composition ---------------------------------------------------------------------------------------------------------


@given(batches)
@settings(max_examples=60, deadline=None)
def test_features_and_gradients_are_those_of_the_recursion(rows: list[list[int]]) -> None:
    batched, plain = make(), make()
    features = batched(*padded(rows))
    weight = torch.randn(features.shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    expected = [recursive_features(plain, row) for row in rows]
    losses: list[Tensor] = []
    for line, alone, w in zip(features, expected, weight, strict=True):
        torch.testing.assert_close(line[: len(alone)], alone, rtol=0, atol=1e-12)
        losses += [(part * w[: len(alone)]).sum() for part in (line[: len(alone)], alone)]
    torch.stack(losses).sum().backward()
    for (key, mine), reference in zip(batched.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, reference.grad, rtol=0, atol=1e-11, msg=key)


@given(batches, st.lists(words, min_size=2, max_size=2), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_next_is_read_as_in_one_go(
    rows: list[list[int]], more: list[list[int]], generator: random.Random
) -> None:
    """Openers, wrong closers and closers of nothing among it; rows leave and come twice on the way."""
    encoder = make()
    features, state = encoder.start(*padded(rows))
    written = [list(row) for row in rows]
    for tokens in zip(*more, strict=False):
        kept = [generator.randrange(len(written)) for _ in range(generator.randint(1, 4))]
        state = encoder.select(state, torch.tensor(kept))
        token = [generator.choice(tokens) for _ in kept]
        features, state = encoder.step(torch.tensor(token), state)
        written = [[*written[row], symbol] for row, symbol in zip(kept, token, strict=True)]
        expected = torch.stack([recursive_features(encoder, row)[-1] for row in written])
        torch.testing.assert_close(features, expected, rtol=0, atol=1e-12)


def test_one_state_can_be_continued_in_two_ways() -> None:
    """Both push and pop: what one writes into the stack is not seen by the other."""
    encoder = make()
    _, state = encoder.start(*padded([[1, 5, 7]]))
    for row in ([9, 10, 8, 6], [5, 5, 6, 6]):
        branch = state
        for token in row:
            features, branch = encoder.step(torch.tensor([token]), branch)
        torch.testing.assert_close(features[0], recursive_features(encoder, [1, 5, 7, *row])[-1], rtol=0, atol=1e-12)


def test_closing_copies_no_stack() -> None:
    encoder = make()
    _, state = encoder.start(*padded([[1, *[5] * 50, 2]]))
    assert len(state.stored.below) == 51
    _, after = encoder.step(torch.tensor([6]), state)
    assert after.stored_states is state.stored_states


def test_only_the_stacks_are_kept_of_a_prompt() -> None:
    """Nothing, and BOS below the open bracket, whatever was closed before."""
    _, state = make().start(*padded([[1, *[5, 6] * 100, 7, 2]]))
    assert len(state.stored.below) == 2


def test_a_thousand_open_brackets() -> None:
    states, _, numbers = make()._read(torch.tensor([[1, *[5] * 1000, *[6] * 1000, 2]]), None)
    assert numbers[0, -1] == len(states) - 1
    assert states.abs().max() <= 1


def test_mixed_precision_leaves_the_composition_alone() -> None:
    encoder = build_model("tree", {}, VOCAB).encoder
    ids = torch.randint(0, VOCAB, (3, 9), generator=torch.Generator().manual_seed(2))
    plain = encoder(ids)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(ids)
        mixed.float().sum().backward()
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), plain, rtol=0, atol=0.02)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_parameter_count() -> None:
    v, e, h = 17, 6, 10
    model = build_model("tree", {"embedding_size": e, "units": h}, v)
    composition = (h + 3) * (e + 1 + 2 * h)
    assert sum(p.numel() for p in model.parameters()) == v * e + composition + h * (2 * e + h + 1) + v * (h + 1)


# Learning ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, str]:
    """A run of a few seconds on the default task, words of at most 20 symbols and depth 5; and what it printed."""
    shown = StringIO()
    config = Train(
        name="short",
        runs_dir=str(tmp_path_factory.mktemp("runs")),
        arch="tree",
        batch_size=128,
        steps=60,
        warmup_steps=10,
        eval_every=60,
        eval_cases=300,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("supervised.learning.report._YARDSTICK_CASES", 20)
        train(config, ["train"], Console(file=shown, width=200))
    return RunFolder.open("short", root=config.runs_dir), shown.getvalue()


def long_prefix(generator: random.Random, length: int, depth: int) -> str:
    """A random walk that opens and closes, and never has more than ``depth`` brackets open."""
    word, stack = "", ""
    for _ in range(length):
        if not stack or (len(stack) < depth and generator.random() < 0.6):
            word, stack = word + (opener := generator.choice(LANGUAGE.openers)), stack + opener
        else:
            word, stack = word + LANGUAGE.closer_of[stack[-1]], stack[:-1]
    return word


def test_the_default_task_is_learned_in_seconds(trained: tuple[RunFolder, str]) -> None:
    assert trained[0].best_metadata()["exact"] >= 0.99


@pytest.mark.parametrize("depth", [1, 5, 10, 40])
def test_short_words_teach_long_and_deep_ones(trained: tuple[RunFolder, str], depth: int) -> None:
    """At 51 to 1000 symbols, and at twice the depth of training and more."""
    generator = random.Random(depth)
    prefixes = [long_prefix(generator, length, depth) for length in range(51, 1001, 25)]
    assert load(trained[0].path).complete(prefixes) == [LANGUAGE.completion(prefix) for prefix in prefixes]


def test_its_tables_say_that_the_structure_was_given(
    trained: tuple[RunFolder, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, printed = trained
    monkeypatch.setattr("supervised.learning.report._YARDSTICK_CASES", 20)
    config = Train(name="learns", runs_dir=str(folder.path.parent), units=4, steps=1, eval_cases=5)
    train(config, ["train"], Console(file=(shown := StringIO()), width=200))
    other = folder.path.parent / "learns"
    assert f"{NOTE}short\n" in printed
    assert NOTE not in shown.getvalue()
    evaluate(Evaluate(runs=(str(other), str(folder.path)), n=20))
    assert f"{NOTE}short\n" in capsys.readouterr().out
    evaluate(Evaluate(runs=(str(other),), n=20))
    assert NOTE not in capsys.readouterr().out


def test_a_prompt_that_cannot_be_completed_is_refused(trained: tuple[RunFolder, str], tmp_path: Path) -> None:
    run, cases = str(trained[0].path), tmp_path / "cases.txt"
    with pytest.raises(InputError, match=re.escape("'】' at position 3 meets an open '('")):
        predict(Predict(run=run, prefixes=("()", "((】")))
    cases.write_text("((\n())\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"cases.txt:2.*'\)' at position 3 closes nothing"):
        evaluate(Evaluate(runs=(run,), cases=str(cases)))
