"""Export: the file computes what the model does, at any batch and length, and says itself how it is run."""

from __future__ import annotations

import importlib
import json
import runpy
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from model_table import MODELS, make
from paths import ROOT
from rich.console import Console

from bracket_env import BracketLanguage, BracketTokenizer, InputError, get_setting
from supervised.compress.onnx.check import Agreement, OnnxModel, compare
from supervised.compress.onnx.export import METADATA_KEY, check_exportable, export
from supervised.compress.options import Compress
from supervised.compress.run import compress
from supervised.models import ENCODERS, SequenceModel
from supervised.models.parts.forms import initial
from supervised.runs import ModelSolver, RunFolder, load
from supervised.train.check import check
from supervised.train.options import Train

EXAMPLE = ROOT / "examples" / "close_with_onnx.py"
PAIRS = ("()", "[]", "{}")  # 11 tokens, as the table's models
TOKENIZER = BracketTokenizer(BracketLanguage(PAIRS))
EXPORTED = [name for name, (arch, _) in MODELS.items() if ENCODERS[arch].form is not None]
SMALL_ROOM = {"gpt": 20, "bert": 20, "learned": 20}


def prefixes(n: int = 60) -> list[str]:
    sampler = get_setting("bracket/CloseTiny-v0").sampler(split="all", pairs=PAIRS)
    return ["", *(case.prefix for case in sampler.cases(3, n))]


def model_of(name: str) -> SequenceModel:
    return make(name, **({"max_length": SMALL_ROOM[name]} if name in SMALL_ROOM else {})).eval()


def agrees(name: str, *, masked: bool) -> bytes:
    model = model_of(name)
    data = export(model, PAIRS, masked=masked)
    agreement = compare(data, model, TOKENIZER, prefixes(), masked=masked)
    assert agreement.cases == 61
    agreement.require()
    said = json.loads(onnxruntime.InferenceSession(data).get_modelmeta().custom_metadata_map[METADATA_KEY])
    assert said["pairs"] == list(PAIRS)
    assert said["masked"] == masked
    assert said["special"] == {"PAD": 0, "BOS": 1, "SEP": 2, "EOS": 3, "FIRST_SYMBOL": 5}
    return data


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_a_file_answers_as_its_model_does(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(agrees(name, masked=name == "stack"))
    close = runpy.run_path(str(EXAMPLE))["close"]
    answers = ModelSolver(model_of(name), TOKENIZER, masked=name == "stack").complete(prefixes())
    # A model that was never trained also writes special tokens, which the solver spells out.
    wanted = [answer for answer in answers if "<" not in answer]
    found = close(onnxruntime.InferenceSession(str(path)), prefixes())
    assert [f for f, answer in zip(found, answers, strict=True) if "<" not in answer] == wanted


def test_the_command_exports_a_run_and_the_example_closes_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Train(name="dense", runs_dir=str(tmp_path), setting="bracket/CloseTiny-v0", units=8)
    torch.manual_seed(1)
    folder = RunFolder.create("dense", check(config), ["train"], root=tmp_path)
    folder.save_best(folder.config.build(), {"best_loss": 2.0})
    file = tmp_path / "dense.onnx"
    shown = StringIO()
    asked: dict[str, Any] = {"run": "dense", "runs_dir": str(tmp_path), "onnx": str(file), "eval_cases": 50}
    assert compress(Compress(**asked), ["compress"], Console(file=shown)) is None
    assert "give the same answer to all 50 test cases" in shown.getvalue()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dense", "dense.onnx"]
    session = onnxruntime.InferenceSession(str(file))
    asked_for = ["([", "", "()", "[[("]
    found = runpy.run_path(str(EXAMPLE))["close"](session, asked_for)
    for answer, right in zip(found, load(folder.path).complete(asked_for), strict=True):
        assert "<" in right or answer == right
    for arguments, message in (
        ([file, "([", "{"], "'{' in '{' is none of ( ) [ ]"),
        ([tmp_path / "no.onnx", "("], "no.onnx"),
    ):
        done = subprocess.run([sys.executable, EXAMPLE, *arguments], capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert message in done.stderr
    with pytest.raises(InputError, match="exists: choose another file, or replace it with --force"):
        compress(Compress(**asked), ["compress"], Console(file=StringIO()))


def test_a_file_that_computes_something_else_is_not_written() -> None:
    Agreement(1000, 0, 9e-5).require()
    with pytest.raises(InputError, match=r"3 of 1000 answers differ, logits by up to 1\.0e-06; nothing is written"):
        Agreement(1000, 3, 1e-6).require()
    with pytest.raises(InputError, match=r"0 of 1000 answers differ, logits by up to 2\.0e-04"):
        Agreement(1000, 0, 2e-4).require()


@pytest.mark.parametrize("name", ["stack", "stack-2", "gru-2", "lstm-2-attention"])
def test_a_step_reads_token_after_token_what_the_model_reads_at_once(name: str) -> None:
    model = model_of(name)
    assert model.encoder.form is not None
    form = model.encoder.form(model.encoder, model.head)
    ids = torch.tensor([[1, 5, 7, 8, 5, 2, 6, 6, 6], [1, 9, 9, 10, 2, 10, 3, 0, 0]])
    states = initial(form.states, len(ids))
    with torch.no_grad():
        expected = model(ids)
        for t in range(ids.shape[1]):
            logits, *states = form(ids[:, t], *states)
            assert torch.allclose(logits, expected[:, t], atol=1e-5)
    for state, end in zip(form.states, states, strict=True):
        assert end.shape == (2, state.shape[0] + ids.shape[1] * state.grows, *state.shape[1:])


@pytest.mark.parametrize("arch", ENCODERS)
def test_every_architecture_has_a_form_or_is_refused_by_name(arch: str) -> None:
    if arch == "tree":
        with pytest.raises(InputError, match=f"--onnx: {arch} finds its structure in Python"):
            check_exportable(arch)
    else:
        check_exportable(arch)


def test_a_model_that_onnxruntime_computes_needs_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install -e '.\[onnx\]'"):
        OnnxModel(b"")
