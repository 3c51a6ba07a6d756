"""The Transformer: its positions against what is known of them in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_table import LENGTHS, VOCAB, batch, make
from torch import Tensor
from torch.nn import functional

from bracket_env import InputError
from supervised.models import build_model
from supervised.models.parts.positions import alibi_slopes, rotate, rotation


@pytest.mark.parametrize("positions", ["rope", "alibi", "learned", "none"])
def test_parameter_count_of_the_transformer(positions: str) -> None:
    v, w, layers, m = 17, 8, 3, 2
    learned = {"max_length": 20} if positions == "learned" else {}
    params = {"width": w, "layers": layers, "heads": 2, "mlp_ratio": m, "positions": positions, **learned}
    block = (4 + 2 * m) * w * w + (4 + m + 1 + 4) * w  # weights; biases and two LayerNorms
    expected = v * w + 20 * w * bool(learned) + layers * block + 2 * w + v * (w + 1)
    assert sum(p.numel() for p in build_model("transformer", params, v).parameters()) == expected


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.sampled_from([2, 6, 16]))
def test_rope_scores_depend_on_the_distance_only(m: int, n: int, shift: int, size: int) -> None:
    query, key = torch.randn(2, 1, size, dtype=torch.double, generator=torch.Generator().manual_seed(m)).unbind()

    def score(at: int, of: int) -> Tensor:
        return (
            rotate(query, rotation(torch.tensor([at]), size)) * rotate(key, rotation(torch.tensor([of]), size))
        ).sum()

    torch.testing.assert_close(score(m + shift, n + shift), score(m, n), rtol=0, atol=1e-3)


def test_rope_turns_each_pair_by_its_own_angle() -> None:
    x = torch.tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
    turned = rotate(x, rotation(torch.tensor([3, 100]), 4))
    slow = 10_000**-0.5
    expected = [
        [math.cos(3), math.sin(3), math.cos(3 * slow), math.sin(3 * slow)],
        [math.cos(100), math.sin(100), -math.sin(100 * slow), math.cos(100 * slow)],
    ]
    torch.testing.assert_close(turned, torch.tensor(expected), rtol=0, atol=1e-5)


def test_alibi_slopes_are_those_of_the_paper() -> None:
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]
    assert alibi_slopes(4).tolist() == [2.0 ** -(2 * i) for i in range(1, 5)]
    assert alibi_slopes(1).tolist() == [2.0**-8]
    torch.testing.assert_close(alibi_slopes(16), 2.0 ** -(torch.arange(1, 17) / 2))
    extra = torch.tensor([2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])
    torch.testing.assert_close(alibi_slopes(12), torch.cat([alibi_slopes(8), extra]))


def test_alibi_lowers_scores_in_proportion_to_distance() -> None:
    """With queries and keys zero, attention is the softmax of -slope·distance over the past."""
    encoder = build_model("transformer", {"width": 6, "layers": 1, "heads": 2, "positions": "alibi"}, VOCAB).encoder
    block = encoder.blocks[0]
    with torch.no_grad():
        block.query_key_value.weight.copy_(torch.cat([torch.zeros(12, 6), torch.eye(6)]))
        block.project.weight.copy_(torch.eye(6))
        block.shrink.weight.zero_()
    ids = torch.tensor([[5, 6, 6, 7, 5]])
    x = encoder.embedding(ids)[0]
    distance = torch.arange(5)[:, None] - torch.arange(5)
    slopes = torch.tensor([2.0**-4, 2.0**-8])[:, None, None]
    weights = torch.where(distance >= 0, -slopes * distance, -torch.inf).softmax(-1)  # (heads, 5, 5)
    values = block.norm_attention(x).unflatten(1, (2, 3)).transpose(0, 1)  # (heads, 5, 3)
    mixed = (weights @ values).transpose(0, 1).flatten(1)
    torch.testing.assert_close(encoder(ids)[0], encoder.norm(x + mixed), rtol=0, atol=1e-5)
    shown = encoder.attention(ids, torch.tensor([5]))
    torch.testing.assert_close(shown[0], weights.mean(0), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "told"), [("rope", True), ("alibi", True), ("learned", True), ("none", False)])
def test_one_layer_tells_the_order_of_the_past_only_from_positions(name: str, told: bool) -> None:
    encoder = make(name, layers=1).encoder.eval()
    ids = torch.tensor([[5, 6, 7, 8, 9], [7, 6, 8, 5, 9]])
    one, two = encoder(ids)[:, -1]
    assert ((one - two).abs().max() > 1e-4) == told


def test_a_longer_input_than_learned_positions_is_refused_with_both_numbers() -> None:
    encoder = make("learned", max_length=7).encoder
    encoder(functional.pad(batch(), (0, 20)), LENGTHS)
    with pytest.raises(InputError, match="an input of 9 tokens is longer than max_length 7"):
        encoder(functional.pad(batch(), (0, 2)))
    _, state = encoder.start(batch(), LENGTHS)
    with pytest.raises(InputError, match="an input of 8 tokens is longer than max_length 7"):
        encoder.step(torch.ones(5, dtype=torch.long), state)


def test_initial_weights_have_the_spread_of_gpt2() -> None:
    torch.manual_seed(0)
    encoder = build_model("transformer", {"width": 128, "layers": 8}, 200).encoder
    for key, parameter in encoder.named_parameters():
        if "norm" in key:
            assert torch.equal(parameter, torch.full_like(parameter, key.endswith("weight"))), key
        elif key.endswith("bias"):
            assert not parameter.any(), key
        else:
            residual = key.endswith(("project.weight", "shrink.weight"))
            assert parameter.std().item() == pytest.approx(0.02 / 4 if residual else 0.02, rel=0.05), key
