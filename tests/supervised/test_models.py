"""Every architecture against the one contract of encoders, and each against what is known of it in closed form."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import torch
import tyro
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.tokenizer import EOS, BracketTokenizer
from supervised.models import ENCODERS, SequenceModel, build_model, check_params, greedy_complete
from supervised.models.gru import prefix_tree
from supervised.models.transformer import alibi_slopes, rotate

VOCAB = 11
LENGTHS = torch.tensor([7, 1, 4, 7, 2])
SMALL_TRANSFORMER = {"width": 12, "layers": 2, "heads": 3}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gru": ("gru", {"embedding_size": 5, "units": 7}),
    "gru-2": ("gru", {"embedding_size": 5, "units": 7, "layers": 2}),
    "rope": ("transformer", SMALL_TRANSFORMER),
    "alibi": ("transformer", {**SMALL_TRANSFORMER, "positions": "alibi"}),
    "learned": ("transformer", {**SMALL_TRANSFORMER, "positions": "learned", "max_length": 12}),
    "none": ("transformer", {**SMALL_TRANSFORMER, "positions": "none"}),
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(name: str, **more: Any) -> SequenceModel:
    """A model of the table, with weights large enough that a wrong position or neighbour shows."""
    torch.manual_seed(0)
    arch, params = MODELS[name]
    model = build_model(arch, {**params, **more}, VOCAB)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.5)
    return model


def batch(columns: int = 7) -> Tensor:
    """Ids ``(5, columns)``; the first three rows begin alike."""
    ids = torch.randint(1, VOCAB, (len(LENGTHS), columns), generator=torch.Generator().manual_seed(3))
    ids[1:3, :3] = ids[0, :3]
    return ids.masked_fill(torch.arange(columns) >= LENGTHS[:, None], 0)


def valid(columns: int = 7) -> Tensor:
    return torch.arange(columns) < LENGTHS[:, None]


# The contract --------------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("training", [True, False])
def test_features_see_the_past_only_and_all_of_it(name: str, training: bool) -> None:
    encoder = make(name).encoder.train(training)
    ids, lengths = torch.randint(1, VOCAB, (4, 8)), torch.full((4,), 8)
    before = encoder(ids, lengths)
    for t in range(7):
        changed = ids.clone()
        changed[:, t + 1] = (ids[:, t + 1] % (VOCAB - 1)) + 1
        after = encoder(changed, lengths)
        torch.testing.assert_close(after[:, : t + 1], before[:, : t + 1], rtol=0, atol=1e-6)
        for later in range(t + 1, 8):
            assert (after[:, later] - before[:, later]).abs().amax(1).min() > 1e-6, (t, later)


@every_model
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_in_the_padding_changes_nothing(name: str, training: bool) -> None:
    encoder = make(name).encoder.train(training)
    clean = encoder(batch(), LENGTHS)
    dirty = encoder(torch.where(valid(), batch(), 9), LENGTHS)
    wide = encoder(functional.pad(batch(), (0, 3)), LENGTHS)
    assert clean.shape == (5, 7, encoder.width)
    assert wide.shape == (5, 10, encoder.width)
    assert wide.isfinite().all()
    for other in (dirty, wide[:, :7]):
        torch.testing.assert_close(other[valid()], clean[valid()], rtol=0, atol=1e-6)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(batch()[row : row + 1, :length])
        torch.testing.assert_close(alone[0], clean[row, :length], rtol=0, atol=1e-5)


@every_model
@pytest.mark.parametrize("training", [True, False])
def test_last_is_the_feature_at_the_last_token(name: str, training: bool) -> None:
    encoder = make(name).encoder.train(training)
    expected = encoder(batch(), LENGTHS)[torch.arange(5), LENGTHS - 1]
    torch.testing.assert_close(encoder.last(batch(), LENGTHS), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(encoder.last(functional.pad(batch(), (0, 30)), LENGTHS), expected, rtol=0, atol=1e-6)


@every_model
def test_decoding_step_by_step_equals_reading_the_whole(name: str) -> None:
    encoder = make(name).encoder.eval()
    more = torch.randint(1, VOCAB, (5, 4), generator=torch.Generator().manual_seed(4))
    whole = torch.zeros(5, 11, dtype=torch.long)
    for row, length in enumerate(LENGTHS.tolist()):
        whole[row, :length], whole[row, length : length + 4] = batch()[row, :length], more[row]
    expected = encoder(whole, LENGTHS + 4)
    features, state = encoder.start(batch(), LENGTHS)
    for i in range(5):
        torch.testing.assert_close(features, expected[torch.arange(5), LENGTHS - 1 + i], rtol=0, atol=1e-5)
        if i < 4:
            features, state = encoder.step(more[:, i], state)


@every_model
def test_a_state_is_a_value_and_its_rows_can_be_chosen(name: str) -> None:
    encoder = make(name).encoder.eval()
    _, state = encoder.start(batch(), LENGTHS)
    token = torch.tensor([5, 6, 7, 8, 9])
    first, _ = encoder.step(token, state)
    rows = torch.tensor([4, 0, 2])
    chosen, _ = encoder.step(token[rows], encoder.select(state, rows))
    again, _ = encoder.step(token, state)
    assert torch.equal(again, first)
    torch.testing.assert_close(chosen, first[rows], rtol=0, atol=1e-6)


@every_model
@pytest.mark.parametrize("training", [True, False])
def test_gradients_reach_every_parameter(name: str, training: bool) -> None:
    model = make(name).train(training)
    ids, lengths = torch.randint(0, VOCAB, (40, 12)), torch.full((40,), 12)
    functional.cross_entropy(model(ids, lengths).flatten(0, 1), ids.roll(-1, 1).flatten()).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        rows = parameter.grad.flatten(1).abs().amax(1) if parameter.dim() > 1 else parameter.grad.abs().amax(0)
        assert (rows > 0).all(), key


@every_model
def test_lengths_outside_the_batch_are_refused(name: str) -> None:
    encoder = make(name).encoder
    for bad in (0, 8, -1):
        for read in (encoder, encoder.last, encoder.start):
            with pytest.raises(InputError, match=f"between 1 and 7, not at {bad}$"):
                read(batch(), torch.tensor([7, bad, 4, 7, 2]))


@every_model
def test_dropout_works_in_training_only_and_row_by_row(name: str) -> None:
    encoder = make(name, dropout=0.5).encoder
    twins, lengths = batch()[:1].expand(2, -1), LENGTHS[:1].expand(2)
    for read in (encoder, encoder.last):
        one, two = read(twins, lengths)
        assert not torch.equal(one, two)
    encoder.eval()
    one, two = encoder(twins, lengths)
    torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


@every_model
def test_the_seed_decides_the_weights(name: str) -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in build_model(*MODELS[name], VOCAB).parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@every_model
def test_weights_survive_safetensors_under_encoder_and_head(name: str, tmp_path: Any) -> None:
    model = make(name).eval()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    loaded = load_file(tmp_path / "model.safetensors")
    assert {key.split(".")[0] for key in loaded} == {"encoder", "head"}
    torch.manual_seed(99)
    other = build_model(*MODELS[name], VOCAB).eval()
    other.load_state_dict(loaded, strict=True)
    assert torch.equal(other(batch(), LENGTHS), model(batch(), LENGTHS))


def count(model: SequenceModel) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("layers", [1, 3])
def test_parameter_count_of_the_gru(layers: int) -> None:
    v, e, h = 17, 6, 10
    model = build_model("gru", {"embedding_size": e, "units": h, "layers": layers}, v)
    expected = v * e + 3 * h * (e + h + 2) + (layers - 1) * 3 * h * (2 * h + 2) + v * (h + 1)
    assert count(model) == expected


@pytest.mark.parametrize("positions", ["rope", "alibi", "learned", "none"])
def test_parameter_count_of_the_transformer(positions: str) -> None:
    v, w, layers, m = 17, 8, 3, 2
    learned = {"max_length": 20} if positions == "learned" else {}
    params = {"width": w, "layers": layers, "heads": 2, "mlp_ratio": m, "positions": positions, **learned}
    block = (4 + 2 * m) * w * w + (4 + m + 1 + 4) * w  # weights; biases and two LayerNorms
    expected = v * w + 20 * w * bool(learned) + layers * block + 2 * w + v * (w + 1)
    assert count(build_model("transformer", params, v)) == expected


def test_supervised_itself_imports_no_torch() -> None:
    code = "import sys, supervised; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Options -------------------------------------------------------------------------------------------------------------

BAD_OPTIONS = [
    ("rnn", {}, "architecture 'rnn' is unknown: choose one of gru, transformer"),
    (None, {}, "architecture None is unknown"),
    ("gru", [], "options of gru must be a mapping"),
    ("gru", {"heads": 4}, "gru does not use the option 'heads': it uses embedding_size, layers, units, dropout"),
    ("transformer", {"units": 4}, "transformer does not use the option 'units': it uses width, layers, heads"),
    ("gru", {3: 4}, "gru does not use the option 3"),
    ("gru", {"layers": 0}, "gru: layers must be a whole number of at least 1, not 0"),
    ("gru", {"layers": "2"}, "layers must be a whole number of at least 1, not '2'"),
    ("gru", {"layers": True}, "layers must be a whole number of at least 1, not True"),
    ("gru", {"units": 0}, "units must be a whole number"),
    ("gru", {"units": 8.0}, "units must be a whole number of at least 1, not 8.0"),
    ("gru", {"embedding_size": -3}, "embedding_size must be a whole number"),
    ("gru", {"dropout": 1}, "dropout must be a number from 0 up to but not including 1, not 1"),
    ("gru", {"dropout": -0.1}, "not -0.1"),
    ("gru", {"dropout": math.nan}, "not nan"),
    ("gru", {"dropout": "0.1"}, "not '0.1'"),
    ("gru", {"dropout": False}, "not False"),
    ("transformer", {"width": 0}, "transformer: width must be a whole number"),
    ("transformer", {"layers": None}, "layers must be a whole number of at least 1, not None"),
    ("transformer", {"mlp_ratio": 2.5}, "mlp_ratio must be a whole number of at least 1, not 2.5"),
    ("transformer", {"dropout": 1.5}, "not 1.5"),
    ("transformer", {"heads": 0}, "heads must be a whole number"),
    (
        "transformer",
        {"width": 12, "heads": 5, "positions": "alibi"},
        "heads must divide width 12: 1, 2, 3, 4, 6, 12, not 5",
    ),
    ("transformer", {"width": 12, "heads": 4}, "width 12 into even parts for 'rope': 1, 2, 3, 6, not 4"),
    ("transformer", {"width": 9, "heads": 3}, "width must be even, not 9"),
    ("transformer", {"positions": "sine"}, "positions must be one of rope, alibi, learned, none, not 'sine'"),
    ("transformer", {"positions": []}, "positions must be one of rope, alibi, learned, none, not []"),
    ("transformer", {"positions": "learned"}, "positions 'learned' needs max_length"),
    (
        "transformer",
        {"positions": "learned", "max_length": 0},
        "max_length must be a whole number of at least 1, not 0",
    ),
    ("transformer", {"max_length": 20}, "max_length is used by positions 'learned' only, not by 'rope'"),
]


@pytest.mark.parametrize(("arch", "params", "message"), BAD_OPTIONS)
def test_bad_options_are_refused_in_one_clear_line(arch: Any, params: Any, message: str) -> None:
    for make_it in (lambda: check_params(arch, params), lambda: build_model(arch, params, VOCAB)):
        with pytest.raises(InputError) as error:
            make_it()
        assert message in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("vocab_size", [0, -1, True, "11", 7.0])
def test_a_vocabulary_that_is_no_size_is_refused(vocab_size: Any) -> None:
    with pytest.raises(InputError, match="vocab_size must be a whole number"):
        build_model("gru", {}, vocab_size)


@pytest.mark.parametrize(("arch", "params"), MODELS.values())
def test_options_survive_json(arch: str, params: dict[str, Any]) -> None:
    config = check_params(arch, params)
    again = json.loads(json.dumps(config.to_dict()))
    assert check_params(arch, again) == config
    assert params.items() <= again.items()


@pytest.mark.parametrize("arch", ENCODERS)
def test_every_option_carries_its_help_text(arch: str, capsys: pytest.CaptureFixture[str]) -> None:
    config_class, _ = ENCODERS[arch]
    with pytest.raises(SystemExit):
        tyro.cli(config_class, args=["--help"])
    options = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split()).split(" --")
    described = {text.split()[0].replace("-", "_") for text in options if ". (default:" in text}
    assert described == {field.name for field in fields(config_class)}


gru_options = st.fixed_dictionaries(
    {
        "embedding_size": st.integers(1, 9),
        "layers": st.integers(1, 6),
        "units": st.integers(1, 9),
        "dropout": st.sampled_from([0.0, 0.3, 0.9]),
    }
)


@st.composite
def transformer_options(draw: st.DrawFn) -> dict[str, Any]:
    positions = draw(st.sampled_from(["rope", "alibi", "learned", "none"]))
    heads = draw(st.integers(1, 5))
    return {
        "heads": heads,
        "width": heads * (2 if positions == "rope" else 1) * draw(st.integers(1, 4)),
        "layers": draw(st.integers(1, 6)),
        "mlp_ratio": draw(st.integers(1, 4)),
        "dropout": draw(st.sampled_from([0.0, 0.3, 0.9])),
        "positions": positions,
        "max_length": 9 if positions == "learned" else None,
    }


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.tuples(st.just("gru"), gru_options), st.tuples(st.just("transformer"), transformer_options())),
    st.lists(st.integers(1, 8), min_size=1, max_size=4),
    st.booleans(),
)
def test_any_legal_options_give_finite_features(
    chosen: tuple[str, dict[str, Any]], lengths: list[int], training: bool
) -> None:
    model = build_model(*chosen, VOCAB).train(training)
    ids, sizes = torch.randint(0, VOCAB, (len(lengths), 8)), torch.tensor(lengths)
    assert model(ids, sizes).isfinite().all()
    model.encoder.last(ids, sizes).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    features, state = model.encoder.start(ids, sizes)
    features, _ = model.encoder.step(ids[:, 0], state)
    assert features.shape == (len(lengths), model.encoder.width)
    assert features.isfinite().all()


# GRU -----------------------------------------------------------------------------------------------------------------

ragged = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8)


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(lengths.max()) + 1), 3)
    for line, row in zip(ids, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return ids, lengths


@given(ragged)
@settings(deadline=None)
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


@given(ragged, st.integers(1, 3))
@settings(deadline=None, max_examples=50)
def test_states_and_gradients_of_the_tree_are_those_of_nn_gru(rows: list[list[int]], layers: int) -> None:
    torch.manual_seed(1)
    ids, lengths = padded(rows)
    shared = build_model("gru", {"embedding_size": 3, "units": 4, "layers": layers}, 4).encoder.double()
    plain = copy.deepcopy(shared)
    weight = torch.randn(len(rows), ids.shape[1], 4, dtype=torch.double)
    weight *= (torch.arange(ids.shape[1]) < lengths[:, None])[..., None]
    (shared(ids, lengths) * weight).sum().backward()
    (plain.gru(plain.embedding(ids))[0] * weight).sum().backward()
    for (key, mine), reference in zip(shared.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, reference.grad, rtol=0, atol=1e-12, msg=key)


def test_each_row_draws_its_own_dropout_between_layers() -> None:
    encoder = make("gru-2", dropout=0.5).encoder
    encoder.dropout = torch.nn.Identity()  # what is left is the dropout between the layers
    one, two = encoder.last(batch()[:1].expand(2, -1), LENGTHS[:1].expand(2))
    assert not torch.equal(one, two)


# Transformer ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.sampled_from([2, 6, 16]))
@settings(deadline=None)
def test_rope_scores_depend_on_the_distance_only(m: int, n: int, shift: int, size: int) -> None:
    query, key = torch.randn(2, 1, size, dtype=torch.double, generator=torch.Generator().manual_seed(m)).unbind()

    def score(at: int, of: int) -> Tensor:
        return (rotate(query, torch.tensor([at])) * rotate(key, torch.tensor([of]))).sum()

    torch.testing.assert_close(score(m + shift, n + shift), score(m, n), rtol=0, atol=1e-3)


def test_rope_turns_each_pair_by_its_own_angle() -> None:
    x = torch.tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
    turned = rotate(x, torch.tensor([3, 100]))
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


# Decoding ------------------------------------------------------------------------------------------------------------


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
@pytest.mark.parametrize("allowed", [None, [6, 8, 10, EOS]])
def test_greedy_decoding_equals_the_naive_loop(name: str, allowed: list[int] | None) -> None:
    model = make(name, **({"max_length": 20} if name == "learned" else {}))
    with torch.no_grad():
        model.head.weight.normal_(std=0.7)
    model.eval()
    budgets = [9, 9, 0, 3, 9]
    expected = [
        naive(model, ids[:length].tolist(), budget, allowed or list(range(VOCAB)))
        for ids, length, budget in zip(batch(), LENGTHS.tolist(), budgets, strict=True)
    ]
    only = None if allowed is None else Only(allowed)
    model.train()
    got = greedy_complete(model, batch(), LENGTHS, max_new=torch.tensor(budgets), eos=EOS, mask=only)
    assert got == expected
    assert model.training
    if allowed is not None:
        lengths = {len(row) for row in expected}
        assert len(lengths) > 2, "rows must finish at different steps for this to test anything"
    if only is not None:
        for row, written in enumerate(expected):
            assert [token for told, token in only.told if told == row] == written


def test_greedy_decoding_of_nothing_and_of_too_little() -> None:
    model = make("gru")
    assert greedy_complete(model, batch()[:0], LENGTHS[:0], max_new=3, eos=EOS) == []
    assert greedy_complete(model, batch(), LENGTHS, max_new=0, eos=EOS) == [[]] * 5
    with pytest.raises(InputError, match="max_new must be at least 0, not -2"):
        greedy_complete(model, batch(), LENGTHS, max_new=-2, eos=EOS)


@pytest.mark.parametrize(
    ("arch", "params"),
    [("gru", {"units": 32}), ("transformer", {"width": 32, "layers": 1}), ("transformer", {"positions": "alibi"})],
)
def test_a_few_cases_are_learned_in_seconds(arch: str, params: dict[str, Any]) -> None:
    language = BracketLanguage()
    tokenizer = BracketTokenizer(language)
    prefixes = ["({【", "{(", "【】", "(((", "{【()", "【【{("]
    torch.manual_seed(0)
    model = build_model(arch, params, tokenizer.vocab_size)
    rows = [torch.tensor(tokenizer.encode_case(prefix, language.completion(prefix))) for prefix in prefixes]
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(150):
        loss = functional.cross_entropy(model(ids[:, :-1], lengths - 1).transpose(1, 2), ids[:, 1:], ignore_index=0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    prompts, sizes = tokenizer.encode_prompts(prefixes)
    answers = greedy_complete(model, torch.from_numpy(prompts).long(), torch.from_numpy(sizes), max_new=10, eos=EOS)
    assert answers == [[*tokenizer.encode(language.completion(prefix)), EOS] for prefix in prefixes]
