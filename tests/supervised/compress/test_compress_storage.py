"""The weights' file: every form reads back, sizes are what they promise, and damage is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from supervised.compress.quantization import quantize, quantized_weights
from supervised.models import build_model
from supervised.runs.files.weights import Quantized, pack, unpack


def matrix(rows: int, columns: int, zeros: float, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator)
    return weight * (torch.rand(rows, columns, generator=generator) >= zeros)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.integers(0, 5), st.booleans())
def test_what_is_packed_comes_back_bit_by_bit(rows: int, columns: int, zeros: float, seed: int, int8: bool) -> None:
    weight, bias = matrix(rows, columns, zeros, seed), torch.randn(rows)
    quantized = {"a.weight": quantize(weight)} if int8 else {}
    stored = unpack(pack({"a.weight": weight, "a.bias": bias}, quantized, "int8" if int8 else "float"))
    assert stored.compute == ("int8" if int8 else "float")
    assert stored.weights.keys() == {"a.weight", "a.bias"}
    assert torch.equal(stored.weights["a.bias"], bias)
    assert stored.quantized.keys() == quantized.keys()
    if int8:
        assert torch.equal(stored.quantized["a.weight"].values, quantized["a.weight"].values)
        assert torch.equal(stored.weights["a.weight"], quantized["a.weight"].floats())
    else:
        assert torch.equal(stored.weights["a.weight"], weight)


@pytest.mark.parametrize(
    ("zeros", "int8", "share"),
    [(0.0, False, 1.0), (0.0, True, 0.25), (0.8, False, 1 / 32 + 0.2), (0.8, True, 1 / 32 + 0.05)],
)
def test_the_size_is_that_of_the_form(zeros: float, int8: bool, share: float) -> None:
    weight = matrix(400, 500, zeros)
    data = pack({"w": weight}, {"w": quantize(weight)} if int8 else {})
    kept = float((weight != 0).float().mean()) / (1 - zeros)  # the draw is not exactly the share asked for
    assert len(data) == pytest.approx(share * kept * weight.nbytes, rel=0.03)


@pytest.mark.parametrize("arch", ["gru", "lstm", "transformer"])
def test_int8_takes_at_most_30_percent_of_the_floats_at_width_256(arch: str) -> None:
    model = build_model(arch, {"width" if arch == "transformer" else "units": 256}, 11)
    floats, int8 = (pack(model.state_dict(), quantized) for quantized in ({}, quantized_weights(model)))
    assert len(int8) <= 0.3 * len(floats)


def test_the_worked_mask_of_the_documentation() -> None:
    data = pack({"w": torch.tensor([[0.0] * 60, [7.0, *[0.0] * 59]])}, {})
    stored = safetensors.torch.load(data)
    assert sorted(stored) == ["w:mask", "w:shape", "w:values"]
    assert stored["w:values"].tolist() == [7.0]
    assert stored["w:shape"].tolist() == [2, 60]
    assert stored["w:mask"].tolist() == [0] * 7 + [0b00001000] + [0] * 7  # element 60 of 120


def test_a_plain_file_is_read_as_it_is() -> None:
    stored = unpack(safetensors.torch.save({"w": torch.ones(2, 3)}))
    assert stored.compute == "float"
    assert not stored.quantized
    assert torch.equal(stored.weights["w"], torch.ones(2, 3))


GOOD = {
    "w:values": torch.ones(2),
    "w:mask": torch.tensor([0b11000000], dtype=torch.uint8),
    "w:shape": torch.tensor([8]),
}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"w": torch.ones(2, 2, dtype=torch.int8)}, "w is torch.int8 without a scale"),
        ({"w": torch.ones(2, 2), "w:scale": torch.ones(2, 1)}, "w is torch.float32 with a scale"),
        (
            {"w": torch.ones(2, 2, dtype=torch.int8), "w:scale": torch.ones(3, 1)},
            r"scale \(3, 1\) does not fit \(2, 2\)",
        ),
        ({"w": torch.ones(2, 2, dtype=torch.int8), "w:scale": torch.ones(2)}, r"scale \(2,\) does not fit"),
        ({"w:values": torch.ones(2)}, "w lies in no known form: values"),
        ({"w": torch.ones(2), "w:odd": torch.ones(2)}, "w lies in no known form: , odd"),
        ({**GOOD, "w:values": torch.ones(3)}, "the mask keeps 2 elements, and there are 3"),
        ({**GOOD, "w:shape": torch.tensor([9])}, r"the mask has 1 bytes for \[9\]"),
    ],
)
def test_a_file_in_no_form_is_refused(tensors: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpack(safetensors.torch.save(tensors))


def test_damage_and_an_unknown_way_to_compute_are_refused(tmp_path: Path) -> None:
    data = pack({"w": torch.ones(2)}, {"w2": Quantized(torch.ones(1, 1, dtype=torch.int8), torch.ones(1, 1))})
    for cut in (0, 5, 9, len(data) - 1):
        with pytest.raises(ValueError, match=r"[Hh]eader|[Mm]etadata"):
            unpack(data[:cut])
    odd = safetensors.torch.save({"w": torch.ones(2)}, metadata={"compute": "int4"})
    with pytest.raises(ValueError, match="compute is 'int4'"):
        unpack(odd)
    assert json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"] == {"compute": "float"}
