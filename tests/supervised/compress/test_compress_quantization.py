"""int8: the error is bounded, zeros stay, and the layers compute what their numbers say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_table import LENGTHS, MODELS, VOCAB, batch, every_model, make, valid
from torch.nn.utils.rnn import PackedSequence

from bracket_env import InputError
from supervised.compress.matrices import output_axes, weight_matrices
from supervised.compress.quantization import check_int8, quantize, quantized_weights
from supervised.models import ENCODERS, build_model, decode
from supervised.models.parts.recurrent import RecurrentEncoder
from supervised.runs.files.int8 import Int8Linear, Int8Recurrent, compute_in_int8


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1), st.integers(0, 9))
def test_a_weight_is_off_by_half_a_scale_at_most(rows: int, columns: int, axis: int, seed: int) -> None:
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    weight[0, 0] = 0.0
    found = quantize(weight, axis)
    assert found.values.dtype == torch.int8
    assert found.scale.shape == ((rows, 1) if axis == 0 else (1, columns))
    assert found.values[0, 0] == 0
    assert ((found.floats() - weight).abs() <= 0.5001 * found.scale).all()
    largest = found.values.abs().amax(1 - axis)
    assert (largest[weight.abs().amax(1 - axis) > 0] == 127).all()
    again = quantize(found.floats(), axis)  # what was rounded once is not rounded again
    assert torch.equal(again.values, found.values)


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not quantize(torch.zeros(3, 4)).floats().any()


@every_model
def test_the_matrices_are_all_that_multiplies(name: str) -> None:
    model = make(name)
    weights = weight_matrices(model)
    assert "head.weight" in weights
    assert not any("embed" in key or ".wte" in key or ".wpe" in key for key in weights)
    turned = {key for key, axis in output_axes(model).items() if axis == 1}
    assert bool(turned) == (name == "gpt")
    assert all(".c_" in key for key in turned)


@every_model
def test_a_model_computes_with_int8_almost_as_with_the_floats_that_it_stands_for(name: str) -> None:
    model = make(name).eval()
    arch, _ = MODELS[name]
    if arch == "tree":
        with pytest.raises(InputError, match="the composition of tree is no layer that int8 kernels exist for"):
            check_int8(arch)
        return
    check_int8(arch)
    quantized = quantized_weights(model)
    with torch.no_grad():
        for key, weight in weight_matrices(model).items():
            weight.copy_(quantized[key].floats())
        expected = model(batch(), LENGTHS)
        compute_in_int8(model, quantized)
        found = model(batch(), LENGTHS)
        started = model.head(model.encoder.start(batch(), LENGTHS)[0])
    assert not any(isinstance(module, torch.nn.Linear | torch.nn.RNNBase) for module in model.modules())
    spread = expected[valid()].std()
    assert (found - expected)[valid()].abs().mean() < 0.05 * spread
    newest = expected[torch.arange(len(LENGTHS)), LENGTHS - 1]
    assert (started - newest).abs().mean() < 0.05 * spread
    assert [len(row) for row in decode(model, batch(), LENGTHS, max_new=3, eos=-1)] == [3] * len(LENGTHS)


def test_every_architecture_is_said_to_have_int8_or_not() -> None:
    refused = []
    for arch in ENCODERS:
        try:
            check_int8(arch)
        except InputError:
            refused.append(arch)
    assert refused == ["tree"]


def test_without_kernels_int8_dynamic_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervised.compress.quantization.kernels", list)
    with pytest.raises(InputError, match="this build of torch has no int8 kernels; int8-weights works"):
        check_int8("gru")


def test_a_linear_layer_is_the_integer_product() -> None:
    """By hand: inputs rounded to 7 bits of their range, whole-number products, scales."""
    torch.manual_seed(0)
    weight, bias, x = torch.randn(5, 4), torch.randn(5), torch.randn(3, 4)
    found = quantize(weight)
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    step = (high - low) / 127
    zero = round(-low / step)
    rounded = ((x / step).round() + zero).clamp(0, 127) - zero
    expected = step * rounded @ (found.values.float() * found.scale).t() + bias
    assert torch.allclose(Int8Linear(found, bias)(x), expected, atol=2e-2)


@pytest.mark.parametrize("name", ["gru-2", "lstm-2"])
def test_rows_of_a_packed_batch_come_back_in_their_order(name: str) -> None:
    model = make(name).eval()
    encoder = model.encoder
    assert isinstance(encoder, RecurrentEncoder)
    layer = encoder.rnn
    prefix = next(key for key, module in model.named_modules() if module is layer)
    twin = Int8Recurrent(layer, quantized_weights(model), prefix)
    x = encoder.embedding(batch()).detach()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    states, carried = twin(packed)
    assert isinstance(states, PackedSequence)
    hidden = carried[0] if name.startswith("lstm") else carried
    rectangle, sizes = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
    assert sizes.tolist() == LENGTHS.tolist()
    assert torch.equal(rectangle[torch.arange(len(LENGTHS)), LENGTHS - 1], hidden[-1])
    own = layer(packed)[1]
    own = own[0] if name.startswith("lstm") else own
    assert torch.allclose(hidden, own, atol=0.2)


def test_building_the_layers_warns_of_nothing_that_torch_takes_away(recwarn: pytest.WarningsRecorder) -> None:
    model = build_model("gru", {"units": 4}, VOCAB).eval()
    compute_in_int8(model, quantized_weights(model))
    assert not list(recwarn)
