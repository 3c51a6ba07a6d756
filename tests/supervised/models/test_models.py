"""Every architecture against the one contract of encoders."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_table import LENGTHS, MODELS, VOCAB, batch, every_model, make, valid
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from bracket_env import InputError
from supervised.models import build_model


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
@pytest.mark.parametrize("training", [True, False])
def test_some_features_alone_are_those_of_all(name: str, training: bool) -> None:
    """In any order, some twice; and their gradients are the same."""
    one, two = make(name).encoder.train(training), make(name).encoder.train(training)
    rows, positions = torch.tensor([4, 0, 2, 0, 3, 0, 1, 2]), torch.tensor([1, 6, 0, 2, 5, 6, 0, 3])
    ids, wide = batch(), functional.pad(batch(), (0, 5))
    weight = torch.randn(len(rows), one.width, generator=torch.Generator().manual_seed(6))
    some, all_of_them = one.at(wide, LENGTHS, rows, positions), two(ids, LENGTHS)[rows, positions]
    torch.testing.assert_close(some, all_of_them, rtol=0, atol=1e-6)
    assert one.at(ids, LENGTHS, rows[:0], positions[:0]).shape == (0, one.width)
    (some * weight).sum().backward()
    (all_of_them * weight).sum().backward()
    for (key, mine), reference in zip(one.named_parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, reference.grad, rtol=1e-4, atol=1e-4, msg=key)


@every_model
def test_a_position_outside_its_row_is_refused(name: str) -> None:
    encoder = make(name).encoder
    with pytest.raises(InputError, match="position 4 is outside row 2 of 4 tokens"):
        encoder.at(batch(), LENGTHS, torch.tensor([0, 2, 1]), torch.tensor([6, 4, 1]))
    with pytest.raises(InputError, match="position -1 is outside row 1 of 1 tokens"):
        encoder.at(batch(), LENGTHS, torch.tensor([1]), torch.tensor([-1]))


@every_model
def test_attention_to_display_is_a_share_of_the_past(name: str) -> None:
    arch, params = MODELS[name]
    encoder = make(name, dropout=0.5).encoder.train()
    weights = encoder.attention(functional.pad(batch(), (0, 2)), LENGTHS)
    assert encoder.training
    if arch in ("gru", "lstm", "stack", "tree") and not params.get("attention"):
        assert weights is None
        return
    assert weights is not None
    assert weights.shape == (5, 9, 9)
    torch.testing.assert_close(weights.sum(2), valid(9).float(), rtol=0, atol=1e-5)
    assert not weights.triu(1).any()
    assert (weights >= 0).all()
    alone = encoder.attention(batch()[2:3, :4], LENGTHS[2:3])
    torch.testing.assert_close(weights[2:3, :4, :4], alone, rtol=0, atol=1e-5)
    uniform = (torch.ones(7, 7).tril() / torch.arange(1, 8)[:, None]).expand(2, -1, -1)
    assert (weights[[0, 3], :7, :7] - uniform).abs().max() > 1e-3


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

    def some(ids: Tensor, lengths: Tensor) -> Tensor:
        return encoder.at(ids, lengths, torch.tensor([0]), torch.tensor([0]))

    for bad in (0, 8, -1):
        for read in (encoder, encoder.last, encoder.start, encoder.attention, some):
            with pytest.raises(InputError, match=f"between 1 and 7, not at {bad}$"):
                read(batch(), torch.tensor([7, bad, 4, 7, 2]))


@every_model
def test_dropout_works_in_training_only_and_row_by_row(name: str) -> None:
    encoder = make(name, dropout=0.5).encoder
    twins, lengths = batch()[:1].expand(2, -1), LENGTHS[:1].expand(2)
    for read in (encoder, encoder.last, lambda ids, sizes: encoder.at(ids, sizes, torch.arange(2), sizes - 1)):
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
