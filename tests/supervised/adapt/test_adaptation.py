"""Adapting runs and models of transformers: whole runs, exact resume, the commands, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from paths import ROOT
from rich.console import Console

from bracket_env import BracketLanguage, InputError
from bracket_env.command import run as run_command
from supervised.adapt.__main__ import main as adapt_main
from supervised.adapt.check import check_adaptation
from supervised.adapt.options import PROG, Adapt
from supervised.adapt.run import AdaptationLesson, adapt
from supervised.learning.objective import TokenLoss
from supervised.learning.session import CHECKPOINT
from supervised.runs import ModelSolver, RunFolder, load, load_best
from supervised.train.check import check
from supervised.train.options import Train
from supervised.transfer.adapter_files import answering, with_adapters
from supervised.transfer.export import bracket_tokenizer

TINY = "bracket/CloseTiny-v0"
WITH_A_NEW_PAIR = ("()", "[]", "{}")
QUICK = Adapt(
    base="base", name="new", setting=TINY, batch_size=8, steps=30, warmup_steps=5, eval_every=10, eval_cases=20,
)  # fmt: skip
LORA = replace(QUICK, tune="lora", lora_rank=2, pairs=WITH_A_NEW_PAIR)
SIZES: dict[str, dict[str, Any]] = {
    "gru": {"units": 6, "embedding_size": 4},
    "lstm": {"units": 6, "embedding_size": 4},
    "stack": {"units": 6, "embedding_size": 4, "cell_size": 3},
    "tree": {"units": 6, "embedding_size": 4},
}


def make_run(root: Path, arch: str = "gpt", name: str = "base", seed: int = 1) -> RunFolder:
    torch.manual_seed(seed)
    sizes = SIZES.get(arch, {"width": 8, "heads": 2, "layers": 1})
    config = check(Train(arch=arch, setting=TINY, **sizes))  # type: ignore[arg-type]
    folder = RunFolder.create(name, config, ["train"], root=root)
    folder.save_best(config.build(), {"best_loss": 1.0})
    return folder


def make_pretrained(folder: Path, kind: str = "gpt2") -> Path:
    import transformers

    torch.manual_seed(3)
    tokenizer = bracket_tokenizer(BracketLanguage(("()", "[]", "<>")))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": len(tokenizer)}
    transformers.AutoModel.from_config(transformers.AutoConfig.for_model(kind, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


SHOWN = {"report": True}


def run(root: Path, config: Adapt, **changes: Any) -> tuple[RunFolder, str]:
    shown = Console(file=StringIO(), width=200)
    folder = adapt(replace(config, runs_dir=str(root), **changes), ["adapt"], shown, **SHOWN)
    assert folder is not None
    assert isinstance(shown.file, StringIO)
    return folder, shown.file.getvalue()


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what follows the training and takes longer: the plot and the tables."""
    monkeypatch.setitem(SHOWN, "report", False)


quick = pytest.mark.usefixtures("no_report")


@quick
@pytest.mark.parametrize("arch", ["transformer", "gpt", "bert"])
def test_lora_leaves_a_plain_run_and_the_adapter_alone(arch: str, tmp_path: Path) -> None:
    base = make_run(tmp_path, arch)
    before = (base.path / "best_model.safetensors").read_bytes()
    folder, shown = run(tmp_path, LORA)
    metadata = folder.best_metadata()
    assert f"tune lora: {metadata['trained_parameters']:,} of" in shown
    assert metadata["trained_share"] == pytest.approx(metadata["trained_parameters"] / metadata["parameters"], rel=0.5)
    saved = safetensors.torch.load_file(folder.path / "adapter" / "adapter_model.safetensors")
    assert sum(tensor.numel() for tensor in saved.values()) == metadata["trained_parameters"]
    assert (base.path / "best_model.safetensors").read_bytes() == before
    # The run is the merged model; on the base the adapter answers the same.
    prefixes = ["({[", "[[", "{", "((", "{[("]
    model = with_adapters(base, {"one": folder.path / "adapter"})
    solver = load(folder.path)
    assert ModelSolver(model, solver.tokenizer).complete(prefixes) == solver.complete(prefixes)
    assert folder.config.pairs == WITH_A_NEW_PAIR


@quick
@pytest.mark.parametrize("tune", ["full", "lora", "head"])
@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_model_of_transformers_becomes_a_run(kind: str, tune: Any, tmp_path: Path) -> None:
    source = make_pretrained(tmp_path / "model", kind)
    config = replace(QUICK, base=None, pretrained=str(source), tune=tune, lora_rank=2 if tune == "lora" else 8)
    folder, _ = run(tmp_path, config)
    losses = [entry["loss"] for entry in folder.metrics()]
    assert min(losses) < losses[0]
    assert load(folder.path).complete(["(["])
    again, _ = run(tmp_path, QUICK, base="new", name="again", steps=2)  # a run like any other
    assert again.config.params == folder.config.params


@quick
def test_head_tuning_leaves_the_encoder_as_it_was(tmp_path: Path) -> None:
    base = make_run(tmp_path, "gru")
    folder, _ = run(tmp_path, QUICK, tune="head", learning_rate=0.05)
    before, after = load_best(base).state_dict(), load_best(folder).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"head.weight", "head.bias"}
    assert folder.best_metadata()["trained_parameters"] == sum(after[name].numel() for name in changed)


@quick
@pytest.mark.parametrize("arch", SIZES)
def test_full_tuning_takes_any_architecture_and_new_pairs(arch: str, tmp_path: Path) -> None:
    make_run(tmp_path, arch)
    folder, _ = run(tmp_path, QUICK, pairs=("{}", "[]", "()"), steps=5)
    assert folder.config.pairs == WITH_A_NEW_PAIR  # the known ones first: old ids stay
    assert folder.best_metadata()["trained_share"] == 1.0


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


@quick
@pytest.mark.parametrize("kind", ["run", "transformers"])
def test_a_killed_adaptation_goes_on_as_if_it_had_not_been(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(LORA, dropout=0.2)
    if kind == "transformers":
        config = replace(config, base=None, pretrained=str(make_pretrained(tmp_path / "model")))
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
        make_run(tmp_path / name)
    straight, _ = run(tmp_path / "straight", config)
    with monkeypatch.context() as patch:
        die_at(patch, 17)
        with pytest.raises(Killed):
            run(tmp_path / "killed", config)
    killed, shown = run(tmp_path / "killed", Adapt(resume="new"))
    assert "from step 10" in shown
    assert_same_weights(straight, killed)
    metrics = [
        [{k: v for k, v in entry.items() if k != "seconds"} for entry in folder.metrics()]
        for folder in (straight, killed)
    ]
    assert metrics[0] == metrics[1]


def die_at(patch: pytest.MonkeyPatch, number: int) -> None:
    forward: Callable[..., Any] = TokenLoss.forward
    count = iter(range(10**9))

    def dying(self: TokenLoss, *inputs: torch.Tensor) -> Any:
        if self.training and next(count) == number:
            raise Killed
        return forward(self, *inputs)

    patch.setattr(TokenLoss, "forward", dying)


def assert_same_weights(a: RunFolder, b: RunFolder) -> None:
    for file in ("best_model.safetensors", "adapter/adapter_model.safetensors"):
        assert (a.path / file).read_bytes() == (b.path / file).read_bytes()
    first, second = (safetensors.torch.load_file(folder.checkpoint / CHECKPOINT) for folder in (a, b))
    names = [name for name in first if "generator" not in name]
    assert all(torch.equal(first[name], second[name]) for name in names)


@quick
def test_random_weights_are_a_control(tmp_path: Path) -> None:
    source = make_pretrained(tmp_path / "model")
    config = replace(QUICK, base=None, pretrained=str(source), tune="head", steps=2)
    known, _ = run(tmp_path, config, name="known")
    fresh, _ = run(tmp_path, config, name="fresh", random_weights=True)
    assert known.config.params == fresh.config.params
    name = "encoder.gpt2.h.0.attn.c_attn.weight"
    original = safetensors.torch.load_file(source / "model.safetensors")["h.0.attn.c_attn.weight"]
    assert torch.equal(load_best(known).state_dict()[name], original)
    assert not torch.equal(load_best(fresh).state_dict()[name], original)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name a run to adapt, or a model of transformers with --pretrained"),
        (["base", "--pretrained", "bert"], "one of the two"),
        (["nowhere"], "there is no run 'nowhere'"),
        (["--pretrained", "."], ". is not a model folder: it has no config.json"),
        (["recurrent", "--tune", "lora"], "gru takes no LoRA adapter: use one of transformer, gpt, bert"),
        (
            ["base", "--tune", "lora", "--lora-target", "nope"],
            "'nope' matches no linear map of gpt: it has attn.c_attn",
        ),
        (["base", "--tune", "lora", "--lora-rank", "9"], "--lora-rank 9 is above the width 8"),
        (["base", "--tune", "lora", "--lora-rank", "0"], "--lora-rank must be a whole number"),
        (["base", "--tune", "lora", "--lora-alpha", "0"], "--lora-alpha must be positive"),
        (["base", "--tune", "lora", "--lora-target"], "--lora-target is empty"),
        (["base", "--lora-rank", "4"], "--lora-rank goes with --tune lora, not with --tune full"),
        (["base", "--random-weights"], "--random-weights goes with --pretrained"),
        (["base", "--pairs", "()"], "knows the pair '[]', which is not among --pairs"),
        (["base", "--tune", "head", "--pairs", "()", "[]", "{}"], "--tune head cannot teach the new pair '{}'"),
        (["base", "--augment", "all"], "--augment goes with --dataset-size"),
        (["base", "--dataset-size", "0"], "--dataset-size must be stream or at least 1"),
        (["base", "--steps", "0"], "--steps"),
        (["base", "--setting", "bracket/No-v0"], "bracket/No-v0"),
        (["recurrent", "--dropout", "1"], "--dropout must be from 0"),
        (["base", "--adapters", "recurrent"], "recurrent is no adapter"),
        (["base", "--adapters"], "--adapters is empty"),
        (["recurrent", "--export-transformers", "out"], "only gpt and bert can be exported"),
        (["--export-transformers", "out"], "--export-transformers writes a trained run"),
        (["--resume", "base"], "is a supervised run: resume it with python -m"),
    ],
)
def test_bad_requests_are_one_line(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    make_run(tmp_path / "runs")
    make_run(tmp_path / "runs", "gru", "recurrent")
    there = {path.name for path in (tmp_path / "runs").iterdir()}
    monkeypatch.chdir(tmp_path)
    assert run_command(Adapt, adapt_main, argv=options, prog=PROG) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert {path.name for path in (tmp_path / "runs").iterdir()} == there


def test_the_learning_rate_suits_what_is_tuned() -> None:
    from bracket_env.command import configuration

    def rate(*typed: str) -> float:
        return configuration(Adapt, list(typed), PROG).learning_rate

    assert rate("x") == 1e-3
    assert rate("x", "--tune", "lora") == 4e-3
    assert rate("--pretrained", "bert") == 3e-4
    assert rate("--pretrained", "bert", "--learning-rate", "0.5") == 0.5


def test_a_longer_task_gets_more_positions(tmp_path: Path) -> None:
    base = make_run(tmp_path)
    _, new = check_adaptation(replace(QUICK, runs_dir=str(tmp_path), setting="bracket/CloseDeep-v0", pairs=None))
    assert new.params["max_length"] > base.config.params["max_length"]
    assert new.pairs == base.config.pairs


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path)
    make_run(tmp_path, name="other", seed=2)
    config = replace(LORA, runs_dir=str(tmp_path), steps=1)
    model = AdaptationLesson(*check_adaptation(config)).model(begun=False)
    from supervised.transfer.adapter_files import Base, base_digest, save_adapter

    owner = Base("base", base_digest(RunFolder.open("base", root=tmp_path)), TINY, WITH_A_NEW_PAIR)
    save_adapter(tmp_path / "mine", model, "adapter", owner)
    shown = Console(file=StringIO(), width=200)
    scored = Adapt(base="base", runs_dir=str(tmp_path), adapters=(str(tmp_path / "mine"),), eval_cases=10)
    assert adapt(scored, ["adapt"], shown) is None
    assert isinstance(shown.file, StringIO)
    assert "base (adapters off)" in shown.file.getvalue()
    with pytest.raises(InputError, match="belongs to another base: base, not other"):
        adapt(replace(scored, base="other"), ["adapt"], shown)


@quick
def test_the_order_of_several_adapters_does_not_matter(tmp_path: Path) -> None:
    base = make_run(tmp_path)
    wider, plain = run(tmp_path, LORA)[0], run(tmp_path, LORA, name="plain", pairs=None, steps=10)[0]
    runs = {"wider": wider, "plain": plain}
    prefixes = ["([", "[[", "(("]
    for names in (["wider", "plain"], ["plain", "wider"]):
        model = with_adapters(base, {name: runs[name].path / "adapter" for name in names})
        last = load(runs[names[-1]].path)
        assert ModelSolver(model, last.tokenizer).complete(prefixes) == last.complete(prefixes)
        for name in names:
            tokenizer = answering(model, name, runs[name].path / "adapter")
            assert ModelSolver(model, tokenizer).complete(prefixes) == load(runs[name].path).complete(prefixes)


def test_what_an_agent_knew_is_told_without_the_mask_that_its_successor_lacks(tmp_path: Path) -> None:
    base = make_run(tmp_path, "gru")
    masked = RunFolder.create("agent", replace(base.config, kind="ppo", masked=True), ["ppo"], root=tmp_path)
    masked.save_best(load_best(base), {"best_loss": 1.0})
    _, shown = run(tmp_path, QUICK, base="agent", tune="head", learning_rate=1e-12, steps=1, warmup_steps=0)
    assert "agent writes under a mask, new does not: both are scored without one" in shown
    before, after = (line.split() for line in shown.splitlines() if "(before)" in line or "(after)" in line)
    assert before[2:] == after[2:]


@pytest.mark.slow
def test_the_commands_as_they_are_typed(tmp_path: Path) -> None:
    """Every adapted model is a run that the other commands take."""

    def typed(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    make_run(tmp_path / "runs")
    small = ["--steps", "4", "--eval-every", "2", "--eval-cases", "10", "--batch-size", "8"]
    lora = ["--tune", "lora", "--lora-rank", "2", "--pairs", "()", "[]", "{}", "--name", "new"]
    shown = typed("supervised.adapt", "base", *lora, *small)
    assert "what was trained" in shown
    assert "the task before" in shown
    assert "base (adapters off)" in typed("supervised.adapt", "base", "--adapters", "new", "--eval-cases", "10")
    assert "new" in typed("supervised.evaluate", "new", "--n", "10")
    assert typed("supervised.predict", "new", "({").strip()
    typed("supervised.adapt", "base", "--export-transformers", "gpt-folder")
    shown = typed("supervised.adapt", "--pretrained", "gpt-folder", "--setting", TINY, "--name", "moved", *small)
    assert "moved" in shown
    typed("supervised.train", "--init-from", "moved", "--setting", TINY, *small)
    typed("supervised.adapt", "moved", "--tune", "head", *small)
