"""The command: what it writes, that the other commands take it, and what it refuses before any work."""

from __future__ import annotations

import errno
import json
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from typed_commands import quickly

from bracket_env import InputError, atomic, get_setting
from bracket_env.command import run
from supervised.compress import check as plan
from supervised.compress import measure
from supervised.compress.__main__ import main
from supervised.compress.measure import LONGEST_OF, Candidate, longest_cases, measured, slowdowns
from supervised.compress.options import PROG, Compress
from supervised.compress.run import compress
from supervised.evaluate import Evaluate
from supervised.evaluate import main as evaluate
from supervised.learning.schedule import learning_rate
from supervised.models import SequenceModel
from supervised.predict import Predict
from supervised.predict import main as predict
from supervised.runs import RunFolder, load, load_best
from supervised.train.check import check
from supervised.train.further import cases_seen
from supervised.train.options import Train
from supervised.train.run import train
from supervised.transfer.transplant import initialise_from

TINY = "bracket/CloseTiny-v0"
QUICK: dict[str, Any] = {"fine_tune_steps": 12, "distill_steps": 12, "eval_every": 6, "eval_cases": 30}
QUICK["batch_size"] = 16


@pytest.fixture(autouse=True)
def _quick_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "SINGLES", 2)


def source(root: Path, name: str = "dense", **options: Any) -> RunFolder:
    """A supervised run whose model was never trained."""
    config = Train(name=name, runs_dir=str(root), setting=TINY, **{"units": 8, **options})
    torch.manual_seed(1)
    run_config = check(config)
    folder = RunFolder.create(name, run_config, ["train"], root=root)
    folder.save_best(run_config.build(), {"exact": 0.1, "best_loss": 2.0})
    return folder


def small(root: Path, **options: Any) -> RunFolder:
    config = Compress(**{"run": "dense", "runs_dir": str(root), "name": "small", **QUICK, **options})
    folder = compress(config, ["compress"], Console(file=StringIO()))
    assert folder is not None
    return folder


def load_fresh(folder: RunFolder) -> SequenceModel:
    torch.manual_seed(2)
    return folder.config.build()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def zeros(folder: RunFolder) -> float:
    weights = [p for name, p in load_best(folder, floats=True).named_parameters() if p.dim() > 1 and "emb" not in name]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


# What is written -----------------------------------------------------------------------------------------------------


def test_the_command_as_it_is_typed_and_the_commands_that_take_what_it_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dense = source(Path("runs"))
    before = contents(dense.path)
    options = ["--prune", "0.8", "--quantize", "int8-dynamic", "--fine-tune-steps", "10", "--eval-cases", "30"]
    shown = quickly("supervised.compress", ["dense", *options, "--json", "table.json"], tmp_path).ok()
    assert contents(dense.path) == before
    made = RunFolder.open("dense-small-1")
    assert made.config.kind == "compress"
    assert sorted(p.name for p in made.path.iterdir()) == [
        "best_model.safetensors", "best_model_metadata.json", "checkpoint", "command.txt", "config.json",
        "evaluation_result.txt", "metrics.jsonl",
    ]  # fmt: skip
    assert (made.path / "command.txt").read_text().startswith("python -m supervised.compress dense --prune 0.8")
    table = json.loads(Path("table.json").read_text())
    assert [row["name"] for row in table["rows"]] == ["dense", "dense-small-1"]
    assert table["rows"][1]["bytes"] == (made.path / "best_model.safetensors").stat().st_size
    assert table["rows"][1]["sparsity"] >= 0.8
    assert {row["exact"]["n"] for row in table["rows"]} == {30}
    for sentence in table["warnings"]:
        assert f"warning: {sentence}" in shown
    record = made.best_metadata()
    assert [step["step"] for step in record["compression"][0]["steps"]] == ["prune", "quantize"]
    assert record["compression"][0]["source"] == {"run": "dense", "sha256": dense.best_metadata()["sha256"]}

    evaluate(Evaluate(runs=("dense", "dense-small-1"), n=20))
    assert "dense-small-1" in capsys.readouterr().out
    predict(Predict(run="dense-small-1", prefixes=("(", "([")))
    assert len(capsys.readouterr().out.splitlines()) == 2
    fresh = load_fresh(made)
    initialise_from(fresh, made.config, made)
    kept, wanted = fresh.state_dict(), load_best(made, floats=True).state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in wanted.items())
    # Every training command says what it cannot do with such a run.
    with pytest.raises(InputError, match="is a compress run"):
        train(Train(resume="dense-small-1"), ["train"], Console(file=StringIO()))


@pytest.mark.parametrize("quantize", ["int8-weights", "int8-dynamic"])
def test_a_quantised_run_answers_as_before_it_was_written(tmp_path: Path, quantize: Any) -> None:
    dense = source(tmp_path, units=64)
    made = small(tmp_path, quantize=quantize)
    model = load_best(made)
    kinds = {type(module).__name__ for module in model.modules()}
    assert ("Int8Recurrent" in kinds) == ("Int8Linear" in kinds) == (quantize == "int8-dynamic")
    ids, lengths = torch.tensor([[1, 5, 7, 2], [1, 5, 2, 0]]), torch.tensor([4, 3])
    found, expected = (m.encoder.last(ids, lengths) for m in (model, load_best(dense)))
    assert torch.allclose(found, expected, atol=0.05)
    assert made.best_metadata()["parameters"] == dense.best_metadata()["parameters"]
    assert not any("int8" in name for name in load_best(made, floats=True).state_dict())
    cases = get_setting(TINY).evaluation_cases("validation", 30)
    answers = load(made.path).complete([case.prefix for case in cases])
    exact = sum(answer == case.completion for answer, case in zip(answers, cases, strict=True)) / 30
    assert made.best_metadata()["exact"] == exact


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"prune": 0.8}, 0.8),
        ({"prune": 0.9, "prune_schedule": "one-shot", "prune_scope": "layer"}, 0.9),
        ({"prune": 0.5, "fine_tune_steps": 0}, 0.5),
    ],
)
def test_a_pruned_run_has_its_zeros_after_fine_tuning(tmp_path: Path, options: dict[str, Any], left: float) -> None:
    dense = source(tmp_path)
    made = small(tmp_path, **options)
    assert zeros(made) == pytest.approx(left, abs=0.005)
    steps = options.get("fine_tune_steps", 12)
    assert [entry["step"] for entry in made.metrics()] == ([6, 12] if steps else [])
    embeddings = [load_best(folder).state_dict()["encoder.embedding.weight"] for folder in (dense, made)]
    assert torch.equal(*embeddings) == (steps == 0)  # it is never pruned, and learns
    with pytest.raises(InputError, match=r"has .* zeros already"):
        small(tmp_path, run="small", name="denser", prune=0.3)


def test_fine_tuning_goes_on_at_the_rate_of_the_run(tmp_path: Path) -> None:
    # At half of it, and with 500 steps, 80 % zeros cost 9 points on CloseDeep.
    source(tmp_path, learning_rate=0.03)
    (first, _) = small(tmp_path, prune=0.5).metrics()
    assert first["learning_rate"] == learning_rate(6, peak=0.03, steps=12, warmup_steps=1, kind="cosine")
    assert Compress(run="dense").fine_tune_steps >= 2000


def test_structured_pruning_makes_an_ordinary_smaller_run_that_training_starts_from(tmp_path: Path) -> None:
    source(tmp_path)
    made = small(tmp_path, prune=0.5, structured=True)
    assert made.config.params["units"] == 4
    assert made.best_metadata()["compression"][0]["steps"][0]["step"] == "remove units"
    more = check(Train(name="more", runs_dir=str(tmp_path), setting=TINY, units=4))
    assert more.params == made.config.params
    model = more.build()
    initialise_from(model, more, made)
    assert torch.equal(model.head.weight, load_best(made).head.weight)


def test_a_transformer_loses_heads_and_mlp_units(tmp_path: Path) -> None:
    source(tmp_path, arch="transformer", units=None, width=16, heads=4)
    made = small(tmp_path, prune=0.5, structured=True, quantize="int8-dynamic")
    assert made.config.params["heads"] == 2
    assert made.config.params["head_size"] == 4
    assert made.config.params["mlp_ratio"] == 2
    assert load(made.path).complete(["("]) is not None


def test_a_chain_of_commands_is_recorded_from_its_beginning(tmp_path: Path) -> None:
    source(tmp_path)
    first = small(tmp_path, distill_to="lstm", units=5)
    assert first.config.architecture == "lstm"
    assert first.config.params["units"] == 5
    second = small(tmp_path, run="small", name="smaller", prune=0.5, quantize="int8-weights")
    chain = second.best_metadata()["compression"]
    assert [[step["step"] for step in entry["steps"]] for entry in chain] == [["distil"], ["prune", "quantize"]]
    assert [entry["source"]["run"] for entry in chain] == ["dense", "small"]
    assert chain[1]["source"]["sha256"] == first.best_metadata()["sha256"]
    assert second.config.options["training"] == first.config.options["training"]
    assert first.config.options["cases_seen"] == cases_seen(RunFolder.open("dense", root=tmp_path).config)
    further = second.config.options["cases_seen"] - first.config.options["cases_seen"]
    assert further == QUICK["fine_tune_steps"] * QUICK["batch_size"]


def test_the_same_command_gives_the_same_bits(tmp_path: Path) -> None:
    source(tmp_path, dataset_size="40")
    made = [small(tmp_path, name=name, distill_to="gru", units=4, prune=0.5) for name in ("one", "two")]
    weights = [(folder.path / "best_model.safetensors").read_bytes() for folder in made]
    assert weights[0] == weights[1]


def test_an_agent_is_fine_tuned_on_fresh_cases_and_keeps_its_mask(tmp_path: Path) -> None:
    folder = source(tmp_path)
    config = json.loads((folder.path / "config.json").read_text())
    changed = {**config, "kind": "ppo", "masked": True, "options": {"seed": 7, "instruction": ["x"], "batch_size": 9}}
    (folder.path / "config.json").write_text(json.dumps(changed))
    made = small(tmp_path, prune=0.5)
    assert made.config.masked
    assert made.config.options["training"] == {"seed": 7}
    student = small(tmp_path, name="student", distill_to="gru", units=4)
    assert student.config.masked


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands below meet and must not touch."""
    found = tmp_path_factory.mktemp("refusals")
    runs = found / "runs"
    source(runs)
    source(runs, "other")
    (source(runs, "empty").path / "best_model.safetensors").unlink()
    words = source(runs, "words").path / "config.json"
    words.write_text(words.read_text().replace('"supervised"', '"pretrain"'))
    moved = source(runs, "moved").path / "config.json"
    moved.write_text(moved.read_text().replace('"dataset": null', '"dataset": "nowhere"'))
    (runs / "thesis").mkdir()
    (found / "taken.onnx").write_text("mine")
    return found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere", "--prune", "0.5"], "there is no run 'nowhere'"),
        (["dense"], "nothing to do: add --prune, --quantize, --distill-to or --onnx"),
        (["dense", "--prune", "1"], "--prune must be above 0 and below 1, not 1.0"),
        (["dense", "--prune", "-0.1"], "--prune must be above 0 and below 1, not -0.1"),
        (["dense", "--prune", "nan"], "--prune must be above 0 and below 1, not nan"),
        (["dense", "--quantize", "int4"], "int4"),
        (["dense", "--structured", "--quantize", "int8-weights"], "--structured goes with --prune"),
        (["dense", "--prune-scope", "layer", "--onnx", "x.onnx"], "--prune-scope goes with --prune"),
        (["dense", "--prune", "0.5", "--structured", "--prune-scope", "layer"], "--prune-scope is about single"),
        (["dense", "--prune", "0.5", "--units", "8"], "--units goes with --distill-to"),
        (["dense", "--prune", "0.5", "--distill-steps", "3000"], "--distill-steps goes with --distill-to"),
        (["dense", "--distill-to", "gru", "--fine-tune-steps", "3"], "--fine-tune-steps goes with --prune"),
        (["dense", "--quantize", "int8-weights", "--batch-size", "5"], "--batch-size goes with --distill-to, or"),
        (["dense", "--onnx", "x.onnx", "--json", "x.json"], "--json x.json goes with --prune, --quantize or"),
        (["dense", "--distill-to", "gru", "--units", "1", "--prune", "0.5", "--structured"], "removes none of this"),
        (["moved", "--distill-to", "gru", "--prune", "0.5"], "there is no case file or data set folder nowhere"),
        (["dense", "--distill-to", "gru", "--heads", "2"], "gru does not use the option 'heads'"),
        (["dense", "--distill-to", "gpt", "--max-length", "3"], "--max-length 3 is less than"),
        (["dense", "--distill-to", "gpt", "--prune", "0.5", "--structured"], "--structured removes units of"),
        (["dense", "--distill-to", "tree", "--quantize", "int8-dynamic"], "the composition of tree is no layer"),
        (["dense", "--distill-to", "tree", "--onnx", "x.onnx"], "--onnx: tree finds its structure in Python"),
        (["dense", "--quantize", "int8-dynamic", "--onnx", "x.onnx"], "--onnx holds floats"),
        (["dense", "--onnx", "x.onnx", "--name", "y"], "--name y goes with --prune, --quantize or --distill-to"),
        (["dense", "--prune", "0.5", "--name", "other"], "exists: choose another --name, or replace it with --force"),
        (["dense", "--prune", "0.5", "--name", "dense", "--force"], "--name dense is the run to make smaller"),
        (["dense", "--prune", "0.5", "--name", "thesis", "--force"], "thesis is not a run folder"),
        (["dense", "--prune", "0.5", "--name", "a/b"], "a run's name is one folder name, not 'a/b'"),
        (["dense", "--onnx", "taken.onnx"], "--onnx taken.onnx exists: choose another file, or replace"),
        (["dense", "--onnx", "no/such/x.onnx"], "cannot write --onnx no/such/x.onnx"),
        (["dense", "--prune", "0.5", "--json", "runs"], "cannot write --json runs"),
        (["words", "--prune", "0.5"], "is a pretrain run, which answers nothing yet"),
        (["empty", "--prune", "0.5"], "holds no trained model yet"),
        (["dense", "--prune", "0.5", "--learning-rate", "0"], "--learning-rate must be above 0"),
        (["dense", "--prune", "0.5", "--fine-tune-steps", "-1"], "--fine-tune-steps must be a whole number from 0"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_is_written(
    options: list[str],
    message: str,
    folders: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folders)
    before = contents(folders)
    monkeypatch.setattr("supervised.compress.run.train_further", lambda *a, **k: pytest.fail("work began"))
    code = run(Compress, main, argv=options, prog=PROG)
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert message in shown.err
    assert contents(folders) == before


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"--onnx needs the package {package}: pip install -e '.\[onnx\]'$"):
        plan.check(Compress(run="dense", runs_dir=str(tmp_path), onnx=str(tmp_path / "x.onnx")))


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source(tmp_path)
    before = contents(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device") as caught:
        small(tmp_path, prune=0.5, fine_tune_steps=0)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dense"]


def test_force_replaces_a_run_only_when_everything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source(tmp_path)
    small(tmp_path, prune=0.5, fine_tune_steps=0)
    before = contents(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("supervised.compress.run.measured", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            small(tmp_path, prune=0.9, fine_tune_steps=0, force=True)
    assert contents(tmp_path) == before
    assert zeros(small(tmp_path, prune=0.9, fine_tune_steps=0, force=True)) == pytest.approx(0.9, abs=0.01)


# The table -----------------------------------------------------------------------------------------------------------


def test_the_longest_cases_are_the_longest_of_ten_times_as_many() -> None:
    setting = get_setting("bracket/Close-v0")
    drawn = setting.evaluation_cases("test", LONGEST_OF * 20)
    longest = longest_cases(setting, None, 20)
    assert len(longest) == 20
    cut = min(len(case.prefix) for case in longest)
    assert sum(len(case.prefix) > cut for case in drawn) <= 20
    assert max(len(case.prefix) for case in drawn) == max(len(case.prefix) for case in longest)


def test_what_a_model_waits_for_is_not_its_own_time() -> None:
    class Waits:
        def complete(self, prefixes: list[str]) -> list[str]:
            time.sleep(0.02)
            return prefixes

    solver: Any = Waits()
    [speed] = measure.speeds([solver], ["("] * 3)
    assert speed.milliseconds < 10
    assert speed.prefixes_per_s > 256 / 0.01


def test_only_what_became_slower_is_warned_of(tmp_path: Path) -> None:
    folder = source(tmp_path)
    solver, floats = load(folder.path), load_best(folder)
    setting = get_setting(TINY)
    (row,), cases = measured([Candidate("a", solver, floats, 100)], setting, None, setting.language(), 10)
    assert len(cases) == 10
    assert row.speed.milliseconds > 0
    assert row.speed.prefixes_per_s > 0
    faster, slower = ({**row.__dict__, "speed": type(row.speed)(ms, rate)} for ms, rate in ((1.0, 900.0), (2.0, 450.0)))
    assert slowdowns(type(row)(**slower), type(row)(**faster)) == []
    assert slowdowns(type(row)(**faster), type(row)(**slower)) == [
        "one answer takes longer than before: 2.00 ms, not 1.00",
        "a batch takes longer than before: 450 prefixes/s, not 900",
    ]
