"""Free decoding against the naive loop, and learning to decode."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_table import LENGTHS, MODELS, VOCAB, batch, every_model, make, valid
from torch import Tensor
from torch.nn import functional

from bracket_env import EOS, BracketLanguage, BracketTokenizer, InputError
from supervised.models import SequenceModel, build_model, decode


class Only:
    """A mask that lets every row write the same few tokens."""

    def __init__(self, allowed: list[int]) -> None:
        self.mask = torch.zeros(VOCAB, dtype=torch.bool)
        self.mask[allowed] = True
        self.told: list[tuple[int, int]] = []

    def possible(self, rows: Tensor) -> Tensor:
        return self.mask.expand(len(rows), VOCAB)

    def write(self, rows: Tensor, tokens: Tensor) -> None:
        self.told += zip(rows.tolist(), tokens.tolist(), strict=True)


def naive(model: SequenceModel, prompt: list[int], budget: int, allowed: list[int]) -> list[int]:
    """One row, one token at a time, everything read again at every step."""
    written: list[int] = []
    while len(written) < budget and EOS not in written:
        logits = model(torch.tensor([prompt + written]))[0, -1].tolist()
        written.append(max(allowed, key=lambda token: logits[token]))
    return written


@every_model
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("allowed", [None, [6, 8, 10, EOS]])
def test_greedy_decoding_equals_the_naive_loop(name: str, allowed: list[int] | None, padded: bool) -> None:
    model = make(name, **({"max_length": 20} if "max_length" in MODELS[name][1] else {}))
    model.eval()
    with torch.no_grad():  # logits of what makes a prefix different from the others
        model.head.weight.normal_()
        model.head.bias.copy_(-model.head.weight @ model.encoder(batch(), LENGTHS)[valid()].mean(0))
    budgets = [9, 9, 0, 3, 9]
    lengths = LENGTHS if padded else torch.full_like(LENGTHS, batch().shape[1])
    expected = [
        naive(model, ids[:length].tolist(), budget, allowed or list(range(VOCAB)))
        for ids, length, budget in zip(batch(), lengths.tolist(), budgets, strict=True)
    ]
    only = None if allowed is None else Only(allowed)
    model.train()
    got = decode(model, batch(), lengths, max_new=torch.tensor(budgets), eos=EOS, mask=only)
    assert got == expected
    assert model.training
    if allowed is not None and padded:
        assert len({len(row) for row in expected}) > 2, "rows must finish at different steps for this to test anything"
    if only is not None:
        for row, written in enumerate(expected):
            assert [token for told, token in only.told if told == row] == written


def test_greedy_decoding_of_nothing_and_of_too_little() -> None:
    model = make("gru")
    assert decode(model, batch()[:0], LENGTHS[:0], max_new=3, eos=EOS) == []
    assert decode(model, batch(), LENGTHS, max_new=0, eos=EOS) == [[]] * 5
    with pytest.raises(InputError, match="max_new must be at least 0, not -2"):
        decode(model, batch(), LENGTHS, max_new=-2, eos=EOS)


LEARNERS: list[tuple[str, dict[str, Any], float]] = [
    ("gru", {"units": 32}, 5e-3),
    ("gru", {"units": 32, "attention": True}, 5e-3),
    ("lstm", {"units": 32}, 5e-3),
    ("transformer", {"width": 32, "layers": 1}, 5e-3),
    ("transformer", {"positions": "alibi"}, 5e-3),
    ("gpt", {"width": 32, "layers": 1}, 5e-3),
    ("bert", {"width": 32, "layers": 1}, 5e-3),
    ("stack", {}, 5e-3),
    ("tree", {"units": 32}, 5e-3),
]


@pytest.mark.parametrize(("arch", "params", "learning_rate"), LEARNERS)
def test_a_few_cases_are_learned_in_seconds(arch: str, params: dict[str, Any], learning_rate: float) -> None:
    language = BracketLanguage()
    tokenizer = BracketTokenizer(language)
    prefixes = ["({【", "{(", "【】", "(((", "{【()", "【【{("]
    torch.manual_seed(0)
    model = build_model(arch, params, tokenizer.vocab_size)
    rows = [torch.tensor(tokenizer.encode_case(prefix, language.completion(prefix))) for prefix in prefixes]
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    begin = torch.tensor([len(prefix) + 1 for prefix in prefixes])  # SEP, after which the answer starts
    columns = torch.arange(ids.shape[1])
    answers_at = (columns >= begin[:, None]) & (columns < lengths[:, None] - 1)
    at = answers_at.nonzero(as_tuple=True)
    targets = ids.roll(-1, 1)[at]
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    for _ in range(150):
        loss = functional.cross_entropy(model.head(model.encoder.at(ids, lengths, *at)), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    prompts, sizes = tokenizer.encode_prompts(prefixes)
    answers = decode(model, torch.from_numpy(prompts).long(), torch.from_numpy(sizes), max_new=10, eos=EOS)
    assert answers == [[*tokenizer.encode(language.completion(prefix)), EOS] for prefix in prefixes]


def test_drawn_tokens_have_the_models_probabilities_sharpened_by_the_temperature() -> None:
    model = make("gru")
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.linspace(-2, 2, VOCAB))
    ids = torch.full((20_000, 1), 1)
    for temperature in (0.5, 1.0, 2.0):
        generator = torch.Generator().manual_seed(0)
        rows = decode(
            model, ids, torch.ones(len(ids), dtype=torch.long), max_new=1, eos=EOS, temperature=temperature,
            generator=generator,
        )  # fmt: skip
        shares = torch.bincount(torch.tensor(rows).flatten(), minlength=VOCAB) / len(ids)
        expected = (model.head.bias / temperature).softmax(0)
        # Five standard deviations of a share.
        assert torch.all((shares - expected).abs() <= 5 * (expected * (1 - expected) / len(ids)).sqrt())


def test_a_generators_seed_gives_the_same_draws_and_the_mask_holds() -> None:
    model = make("gru")

    def drawn(seed: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(seed)
        return decode(
            model, batch(), LENGTHS, max_new=9, eos=EOS, mask=Only([6, 8, EOS]), temperature=5.0, generator=generator
        )

    assert drawn(0) == drawn(0) != drawn(1)
    assert {token for row in drawn(0) for token in row} <= {6, 8, EOS}


def test_a_tiny_temperature_writes_the_likeliest_tokens() -> None:
    model = make("gru")
    greedy = decode(model, batch(), LENGTHS, max_new=9, eos=EOS)
    assert decode(model, batch(), LENGTHS, max_new=9, eos=EOS, temperature=1e-6) == greedy


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature must be"):
        decode(make("gru"), batch(), LENGTHS, max_new=1, eos=EOS, temperature=temperature)
