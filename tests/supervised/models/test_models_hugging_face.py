"""GPT and BERT: thin clothes over transformers' classes, checked against those classes undressed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from model_table import LENGTHS, VOCAB, batch, make
from torch import Tensor

from bracket_env import MASK, InputError
from supervised.models import bert, build_model

both = pytest.mark.parametrize("arch", ["gpt", "bert"])

# Sockets are forbidden, and everything that is printed fails the test.
LAZY_OFFLINE_SILENT = """
import socket, sys
def forbidden(*args, **kwargs):
    raise AssertionError("the network was asked for something")
import torch
from supervised.models import build_model, check_params
check_params("gpt", {}), check_params("bert", {})
assert "transformers" not in sys.modules
socket.socket.connect = socket.getaddrinfo = forbidden
ids, lengths = torch.tensor([[1, 5, 6, 2], [1, 5, 2, 0]]), torch.tensor([4, 3])
for arch in ("gpt", "bert"):
    model = build_model(arch, {}, 11)
    model(ids, lengths).sum().backward()
    model.encoder.attention(ids, lengths)
    _, state = model.encoder.start(ids, lengths)
    model.encoder.step(lengths, state)
"""


def test_transformers_is_imported_late_offline_and_silently() -> None:
    command = [sys.executable, "-W", "error", "-c", LAZY_OFFLINE_SILENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@both
def test_without_transformers_the_line_to_install_it_is_shown(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r'needs transformers: pip install "transformers>=5,<6"$'):
        build_model(arch, {}, VOCAB)


@both
def test_a_longer_input_than_max_length_is_refused_with_both_numbers(arch: str) -> None:
    encoder = make(arch, max_length=7).encoder
    for read in (encoder, encoder.last, encoder.start, encoder.attention):
        read(torch.nn.functional.pad(batch(), (0, 20)), LENGTHS)
        with pytest.raises(InputError, match="an input of 9 tokens is longer than max_length 7"):
            read(torch.nn.functional.pad(batch(), (0, 2)), LENGTHS + 2)
    _, state = encoder.start(batch(), LENGTHS)
    with pytest.raises(InputError, match="an input of 8 tokens is longer than max_length 7"):
        encoder.step(torch.ones(5, dtype=torch.long), state)


@pytest.mark.parametrize(("arch", "norms", "positions"), [("gpt", 2 * 3 + 1, 20), ("bert", 2 * 3 + 1, 20 + 1 + 1)])
def test_parameter_count(arch: str, norms: int, positions: int) -> None:
    """BERT: one position more for the MASK, and the one row of its segment table; no pooler."""
    v, w, layers = 17, 8, 3
    model = build_model(arch, {"width": w, "layers": layers, "heads": 2, "max_length": 20}, v)
    block = 12 * w * w + (4 + 4 + 1) * w  # weights and biases of attention and MLP
    expected = (v + positions) * w + layers * block + norms * 2 * w + v * (w + 1)
    assert sum(p.numel() for p in model.parameters()) == expected


def test_gpt_is_gpt2_with_its_own_activation() -> None:
    from transformers import GPT2Config, GPT2Model

    encoder = make("gpt").encoder.eval()
    config = GPT2Config(vocab_size=VOCAB, n_positions=12, n_embd=12, n_layer=2, n_head=3, attn_implementation="eager")
    original = GPT2Model(config).eval()
    original.load_state_dict(encoder.gpt2.state_dict())
    read = original(batch()[:1], output_attentions=True)
    torch.testing.assert_close(encoder(batch()[:1]), read.last_hidden_state, rtol=0, atol=1e-5)
    shown = encoder.attention(batch()[:1], LENGTHS[:1])
    torch.testing.assert_close(shown, read.attentions[-1].mean(1), rtol=0, atol=1e-5)


def test_bert_reads_the_prefix_and_a_mask_and_nothing_else() -> None:
    encoder = make("bert").encoder.eval()
    features, shown = encoder(batch(), LENGTHS), encoder.attention(batch(), LENGTHS)
    encoder.bert.set_attn_implementation("eager")
    for row, length in enumerate(LENGTHS.tolist()):
        for t in range(length):
            sentence = torch.tensor([[*batch()[row, : t + 1].tolist(), MASK]])
            read = encoder.bert(input_ids=sentence, output_attentions=True)
            torch.testing.assert_close(features[row, t], read.last_hidden_state[0, -1], rtol=0, atol=1e-5)
            looks = read.attentions[-1].mean(1)[0, -1, :-1]
            torch.testing.assert_close(shown[row, t, : t + 1], looks / looks.sum(), rtol=0, atol=1e-5)


def test_bert_reads_many_sentences_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = make("bert").encoder
    whole = encoder(batch(), LENGTHS)
    widths: list[tuple[int, ...]] = []

    def watch(_: Any, args: tuple[Tensor]) -> None:
        widths.append(tuple(args[0].shape))

    encoder.bert.embeddings.word_embeddings.register_forward_pre_hook(watch)
    monkeypatch.setattr(bert, "_CHUNK", 4)
    torch.testing.assert_close(encoder(batch(), LENGTHS), whole, rtol=0, atol=1e-5)
    sizes = sorted(t + 1 for length in LENGTHS.tolist() for t in range(length))  # 21 sentences
    chunks = [sizes[low : low + 4] for low in range(0, len(sizes), 4)]
    assert widths == [(len(chunk), chunk[-1] + 1) for chunk in chunks]


def test_bert_sees_no_mask_but_the_one_it_fills() -> None:
    """A MASK that was read stays a token like others, and the MASK to fill is never part of the state."""
    encoder = make("bert").encoder.eval()
    _, state = encoder.start(batch(), LENGTHS)
    _, state = encoder.step(torch.tensor([5, 6, 7, 8, 9]), state)
    for row, length in enumerate(LENGTHS.tolist()):
        assert state.ids[row, : length + 1].tolist() == [*batch()[row, :length].tolist(), 5 + row]
    assert state.lengths.tolist() == (LENGTHS + 1).tolist()
