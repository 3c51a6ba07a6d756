"""GRU and LSTM: the prefix tree against torch's own layers, attention over the prefix against its formula."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_table import LENGTHS, batch, make
from torch import Tensor

from bracket_env import InputError
from supervised.models import build_model
from supervised.models.parts.prefix_tree import prefix_tree

ragged = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8)


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(lengths.max()) + 1), 3)
    for line, row in zip(ids, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return ids, lengths


@given(ragged)
def test_the_prefix_tree_holds_every_distinct_prefix_once(rows: list[list[int]]) -> None:
    tree = prefix_tree(*padded(rows), 4)
    spelled: list[tuple[int, ...]] = []
    before: list[tuple[int, ...]] = [()]
    for parent in tree.parents:
        tokens = tree.tokens[len(spelled) :].tolist()
        before = [(*before[p], token) for p, token in zip(parent.tolist(), tokens, strict=False)]
        spelled += before
    assert sorted(spelled) == sorted({tuple(row[:i]) for row in rows for i in range(1, len(row) + 1)})
    for row, nodes in zip(rows, tree.nodes.tolist(), strict=True):
        assert [spelled[node] for node in nodes[: len(row)]] == [tuple(row[:i]) for i in range(1, len(row) + 1)]


@pytest.mark.parametrize("bad", [-1, 4])
def test_an_id_outside_the_vocabulary_is_no_other_prefix(bad: int) -> None:
    with pytest.raises(InputError, match=f"token id {bad} is outside the vocabulary of 4"):
        prefix_tree(torch.tensor([[0, 3], [1, bad]]), torch.tensor([2, 2]), 4)


@pytest.fixture
def by_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree also where torch's layer would be faster: which one is, depends on the CPU."""
    monkeypatch.setattr("supervised.models.lstm.LSTMEncoder.fused", False)


@pytest.mark.usefixtures("by_tree")
@pytest.mark.parametrize("arch", ["gru", "lstm"])
@given(ragged, st.integers(1, 3))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])  # it sets the same every time
def test_states_and_gradients_of_the_tree_are_those_of_torch(arch: str, rows: list[list[int]], layers: int) -> None:
    torch.manual_seed(1)
    ids, lengths = padded(rows)
    shared = build_model(arch, {"embedding_size": 3, "units": 4, "layers": layers}, 4).encoder.double()
    plain = copy.deepcopy(shared)
    weight = torch.randn(len(rows), ids.shape[1], 4, dtype=torch.double)
    weight *= (torch.arange(ids.shape[1]) < lengths[:, None])[..., None]
    states, expected = shared(ids, lengths), plain.rnn(plain.embedding(ids))[0]
    torch.testing.assert_close(states * weight, expected * weight, rtol=0, atol=1e-12)
    (states * weight).sum().backward()
    (expected * weight).sum().backward()
    for (key, mine), reference in zip(shared.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, reference.grad, rtol=0, atol=1e-12, msg=key)


@pytest.mark.parametrize("name", ["lstm", "lstm-2"])
def test_an_lstm_says_the_same_by_the_tree_and_by_torchs_layer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, ids = make(name).encoder, batch()
    rows, positions = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0])
    answers = []
    for fused in (True, False):
        monkeypatch.setattr("supervised.models.lstm.LSTMEncoder.fused", fused)
        answers.append((encoder(ids, LENGTHS), encoder.at(ids, LENGTHS, rows, positions)))
    inside = (torch.arange(ids.shape[1]) < LENGTHS[:, None])[..., None]
    torch.testing.assert_close(answers[0][0] * inside, answers[1][0] * inside)
    torch.testing.assert_close(answers[0][1], answers[1][1])


@pytest.mark.parametrize("name", ["gru-2", "lstm-2"])
def test_each_row_draws_its_own_dropout_between_layers(name: str) -> None:
    encoder = make(name, dropout=0.5).encoder
    encoder.dropout = torch.nn.Identity()  # what is left is the dropout between the layers
    one, two = encoder.last(batch()[:1].expand(2, -1), LENGTHS[:1].expand(2))
    assert not torch.equal(one, two)


def test_attention_is_that_of_its_formula() -> None:
    encoder = make("gru-attention").encoder
    attend, ids = encoder.attend, batch()[:1]
    states = encoder.rnn(encoder.embedding(ids))[0][0]  # (7, 7)
    features, weights = encoder(ids)[0], encoder.attention(ids, LENGTHS[:1])[0]
    for t in range(7):
        scores = [torch.dot(attend.query(states[t]), attend.key(states[j])) / math.sqrt(7) for j in range(t + 1)]
        share = torch.stack(scores).softmax(0)
        context = sum(share[j] * states[j] for j in range(t + 1))
        expected = torch.tanh(attend.combine(torch.cat([states[t], context])))
        torch.testing.assert_close(weights[t, : t + 1], share, rtol=0, atol=1e-5)
        torch.testing.assert_close(features[t], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("arch", "gates"), [("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("attention", [False, True])
def test_parameter_count(arch: str, gates: int, layers: int, attention: bool) -> None:
    v, e, h = 17, 6, 10
    model = build_model(arch, {"embedding_size": e, "units": h, "layers": layers, "attention": attention}, v)
    recurrent = gates * h * (e + h + 2) + (layers - 1) * gates * h * (2 * h + 2)
    expected = v * e + recurrent + attention * (4 * h * h + 2 * h) + v * (h + 1)
    assert sum(p.numel() for p in model.parameters()) == expected


def test_the_keys_of_a_checkpoint_name_the_cell() -> None:
    for arch in ("gru", "lstm"):
        keys = set(build_model(arch, {}, 11).state_dict())
        cell = {f"encoder.{arch}.{kind}_{of}_l0" for kind in ("weight", "bias") for of in ("ih", "hh")}
        assert keys == cell | {"encoder.embedding.weight", "head.weight", "head.bias"}
