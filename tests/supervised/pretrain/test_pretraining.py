"""Pre-training: runs that leave what supervised.train starts from, exact resume, refusals before any work."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from rich.console import Console

from bracket_env import PAD, BracketTokenizer, Case, InputError, get_setting
from bracket_env.command import run as run_command
from supervised.data.batches import EncodedCases
from supervised.data.words import MaskedWords
from supervised.learning import session
from supervised.learning.objective import MaskedLoss, MaskedTokens
from supervised.models import build_model
from supervised.pretrain.__main__ import main
from supervised.pretrain.check import check as check_pretraining
from supervised.pretrain.options import PROG, Pretrain
from supervised.pretrain.run import encode_words, pretrain, word_figures
from supervised.runs import RunFolder, load_best
from supervised.runs.files import checkpoint
from supervised.train.options import Train
from supervised.train.run import train

TINY = "bracket/CloseTiny-v0"
TOKENIZER = BracketTokenizer(get_setting(TINY).language())
SMALL = Pretrain(
    setting=TINY, units=6, embedding_size=4, dropout=0.2, batch_size=8, steps=70, warmup_steps=5, eval_every=30,
    eval_cases=20, name="run",
)  # fmt: skip
BERT = replace(SMALL, objective="mlm", arch="bert", units=None, embedding_size=None, width=8, heads=2, layers=1)
both = pytest.mark.parametrize("config", [SMALL, BERT], ids=["clm-gru", "mlm-bert"])


SHOWN = {"report": True}


def run(root: Path, config: Pretrain, **changes: Any) -> tuple[RunFolder, str]:
    shown = Console(file=StringIO(), width=200)
    folder = pretrain(replace(config, runs_dir=str(root), **changes), ["pretrain"], shown, **SHOWN)
    assert folder is not None
    assert isinstance(shown.file, StringIO)
    return folder, shown.file.getvalue()


@pytest.fixture
def no_plot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what follows the training: the plot and the figures of the test split."""
    monkeypatch.setitem(SHOWN, "report", False)


quick = pytest.mark.usefixtures("no_plot")


def test_a_run_leaves_its_files_and_figures(tmp_path: Path) -> None:
    folder, shown = run(tmp_path, SMALL, json=str(tmp_path / "figures.json"))
    assert {path.name for path in folder.path.iterdir()} >= {
        "config.json", "command.txt", "metrics.jsonl", "best_model.safetensors", "best_model_metadata.json",
        "checkpoint", "training_history.png", "tensorboard",
    }  # fmt: skip
    assert "finished after 70 steps" in shown
    assert f"start from it: python -m supervised.train --arch gru --init-from run --runs-dir {tmp_path}" in shown
    assert [entry["step"] for entry in folder.metrics()] == [0, 30, 60, 70]
    assert folder.best_metadata()["best_loss"] == min(entry["loss"] for entry in folder.metrics())
    told = json.loads((tmp_path / "figures.json").read_text())
    assert (told["objective"], told["setting"], told["words"], told["steps"]) == ("clm", TINY, 20, 70)
    assert 0 <= told["closers"] <= 1


@quick
@both
def test_a_run_that_was_stopped_goes_on_bit_for_bit(config: Pretrain, tmp_path: Path) -> None:
    def state(folder: RunFolder) -> tuple[dict[str, torch.Tensor], bytes, list[dict[str, Any]]]:
        metrics = [{k: v for k, v in entry.items() if k != "seconds"} for entry in folder.metrics()]
        weights = (folder.path / "best_model.safetensors").read_bytes()
        return checkpoint.read(folder.checkpoint / session.CHECKPOINT).tensors, weights, metrics

    tensors, weights, metrics = state(run(tmp_path / "whole", config)[0])
    _, shown = run(tmp_path / "parts", config, time_limit="0.001s")
    assert "go on with: python -m supervised.pretrain --resume run" in shown
    # The second part dies in the middle of a step.
    summed, count = session.Trainer._summed, iter(range(100))

    def dying(self: session.Trainer, *arguments: Any, learning: bool) -> torch.Tensor:
        if next(count) == 40:
            raise SystemExit
        return summed(self, *arguments, learning=learning)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session.Trainer, "_summed", dying)
        with pytest.raises(SystemExit):
            run(tmp_path / "parts", Pretrain(resume="run"))
    found, best, log = state(run(tmp_path / "parts", Pretrain(resume="run"))[0])
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert (best, log) == (weights, metrics)


@quick
@pytest.mark.parametrize(
    ("config", "at_least"),
    [
        (replace(SMALL, units=32, embedding_size=8, dropout=None, learning_rate=0.02, batch_size=32, steps=250), 0.95),
        (replace(BERT, width=24, layers=2, dropout=None, learning_rate=4e-3, batch_size=64, steps=300), 0.75),
    ],
    ids=["clm-gru", "mlm-bert"],
)
def test_pre_training_learns_which_closer_ends_what(config: Pretrain, at_least: float, tmp_path: Path) -> None:
    metrics = run(tmp_path, config, eval_every=100, eval_cases=200)[0].metrics()
    assert metrics[0]["closers"] < 0.7
    assert metrics[-1]["closers"] > at_least
    assert metrics[-1]["loss"] < 0.7 * metrics[0]["loss"]


@quick
def test_fixed_words_are_other_training_than_a_stream(tmp_path: Path) -> None:
    few, many = (run(tmp_path / words, SMALL, words=words)[0] for words in ("5", "stream"))
    assert few.metrics()[-1] != many.metrics()[-1]


@quick
@both
def test_training_starts_from_encoder_and_head(
    config: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_best(run(tmp_path, config, name="words", dropout=None)[0]).state_dict()
    sizes = {name: getattr(config, name) for name in ("units", "embedding_size", "width", "heads", "layers")}
    start = Train(setting=TINY, arch=config.arch, init_from="words", runs_dir=str(tmp_path), name="run", **sizes)
    shown = Console(file=StringIO(), width=200)
    folder = train(replace(start, steps=1, warmup_steps=10, eval_cases=5), ["train"], shown, report=False)
    assert folder is not None
    after = load_best(folder).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in before)
    assert isinstance(shown.file, StringIO)
    assert "(before)" not in shown.file.getvalue()  # words ask for nothing that could be forgotten


@quick
def test_each_command_resumes_its_own_runs(tmp_path: Path) -> None:
    run(tmp_path, SMALL, steps=1, warmup_steps=0)
    with pytest.raises(InputError, match="is a pretrain run: resume it with python -m"):
        train(Train(resume="run", runs_dir=str(tmp_path)), ["train"])
    with pytest.raises(InputError, match=r"--words 5 would make it another run \(it has stream\)"):
        run(tmp_path, Pretrain(resume="run", words="5"))


# What is measured


def test_words_are_prefix_and_completion_and_never_empty() -> None:
    words = encode_words([Case("(", ")"), Case("", ""), Case("[]", "")], TOKENIZER)
    assert [TOKENIZER.spell(row) for row in words.ids] == ["<bos>()<eos>", "<bos>[]<eos>"]


@pytest.mark.parametrize("objective", ["clm", "mlm"])
def test_figures_agree_with_a_count_by_hand(objective: Any) -> None:
    """A head of nothing but a bias tells ``]``, then ``)``, everywhere."""
    config = Pretrain(setting=TINY, objective=objective, arch="bert" if objective == "mlm" else "gru", eval_cases=300)
    model = check_pretraining(config).build()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, 0, 0, 0, 0, 0, 1, 0, 2]))
    words = encode_words(get_setting(TINY).evaluation_cases("validation", 300), TOKENIZER)
    figures = word_figures(model, objective, words, 5)
    symbols = "".join(TOKENIZER.decode(row) for row in words.ids)
    share = symbols.count("]") / (symbols.count("]") + symbols.count(")"))
    everywhere = symbols.count("]") / (len(symbols) + len(words.length))
    if objective == "clm":
        assert figures["closers"] == pytest.approx(share)
        assert figures["symbols"] == pytest.approx(everywhere)
    else:  # a sample of them
        assert figures["closers"] == pytest.approx(share, abs=0.15)
        assert figures["symbols"] == pytest.approx(symbols.count("]") / len(symbols), abs=0.1)
    assert figures == word_figures(model, objective, words, 5)


def test_a_hidden_symbol_is_read_from_both_sides_and_itself_is_not_seen() -> None:
    torch.manual_seed(0)
    model = build_model("bert", {"width": 8, "heads": 2, "layers": 2, "max_length": 10}, TOKENIZER.vocab_size).eval()
    loss = MaskedLoss(model)

    def logits(ids: list[int]) -> torch.Tensor:
        masked = MaskedWords(np.array([ids]), np.array([[PAD, PAD, 5, PAD, PAD]]), np.array([5]))
        return loss.predict(*MaskedTokens().inputs(masked, torch.device("cpu")))[0]

    seen = logits([1, 5, 4, 6, 3])
    assert not torch.allclose(seen, logits([1, 5, 4, 8, 3]))  # what comes after it
    assert not torch.allclose(seen, logits([1, 7, 4, 6, 3]))  # what comes before it
    padded = MaskedWords(np.array([[1, 5, 4, 6, 3, 7]]), np.array([[0, 0, 5, 0, 0, 0]]), np.array([5]))
    assert torch.allclose(seen, loss.predict(*MaskedTokens().inputs(padded, torch.device("cpu")))[0], atol=1e-6)


def test_a_model_that_reads_from_left_to_right_fills_no_masks() -> None:
    with pytest.raises(TypeError, match="GRUEncoder reads in one direction only"):
        MaskedLoss(build_model("gru", {}, 9))


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "mlm"], "--objective mlm needs an architecture that reads both ways (bert): gru only reads"),
        (["--objective", "mlm", "--arch", "gpt"], "gpt only reads from left to right"),
        (["--objective", "nsp"], "nsp"),
        (["--words", "some"], "--words must be stream or a whole number from 1 to 10000000, not 'some'"),
        (["--words", "0"], "--words"),
        (["--steps", "0"], "--steps"),
        (["--heads", "2"], "gru does not use the option 'heads'"),
        (["--resume", "nowhere"], "there is no run 'nowhere'"),
        (["--init-from", "nowhere"], "there is no run 'nowhere'"),
    ],
)
def test_bad_options(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(Pretrain, main, argv=options, prog=PROG) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_options_that_train_has_too_are_the_same() -> None:
    ours, theirs = get_type_hints(Pretrain), get_type_hints(Train)
    defaults = {field.name: field.default for field in fields(Train)}
    shared = [field for field in fields(Pretrain) if field.name in theirs]
    assert len(shared) > 30
    for field in shared:
        assert (ours[field.name], field.default) == (theirs[field.name], defaults[field.name]), field.name


@pytest.mark.slow
def test_the_commands_run_as_modules(tmp_path: Path) -> None:
    def typed(*words: str) -> str:
        command = [sys.executable, "-W", "error", "-m", *words, "--runs-dir", str(tmp_path), "--units", "8"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    quick = ("--setting", TINY, "--steps", "20", "--eval-cases", "20")
    assert "start from it" in typed("supervised.pretrain", "--objective", "clm", *quick)
    shown = typed("supervised.train", "--init-from", "clm-gru-1", "--dataset-size", "30", "--augment", "all", *quick)
    assert "test split" in shown
    assert RunFolder.open("gru-1", root=tmp_path).config.options["augment"] == ["all"]


def test_encoded_words_have_a_prompt_of_one() -> None:
    words: EncodedCases = encode_words([Case("((", "))")], TOKENIZER)
    assert words.token_count(everywhere=False) == words.token_count(everywhere=True) == 5
