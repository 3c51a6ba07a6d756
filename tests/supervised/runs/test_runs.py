"""Run folders: what is written is read back, and whatever else is found there is refused in one line."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from bracket_env import EOS, BracketTokenizer, InputError, atomic
from supervised.models import SequenceModel
from supervised.runs import RunConfig, RunFolder, free_name, load, load_best

CONFIG = RunConfig(
    kind="ppo",
    setting="bracket/CloseTiny-v0",
    pairs=("()", "【】"),
    architecture="gru",
    params={"embedding_size": 4, "layers": 1, "units": 6, "dropout": 0.0},
    masked=False,
    options={"seed": 3, "learning_rate": 1e-3, "pairs": None},
)
FIGURES = {"timesteps": 512, "best_loss": 0.25, "exact": 0.5}


def create(root: Path, name: str = "run", config: RunConfig = CONFIG) -> RunFolder:
    return RunFolder.create(name, config, ["python", "-m", "train", "--pairs", "()", "a b"], root=root)


def model_of(config: RunConfig = CONFIG, seed: int = 0) -> SequenceModel:
    torch.manual_seed(seed)
    return config.build()


def trained(root: Path, name: str = "run", config: RunConfig = CONFIG) -> RunFolder:
    folder = create(root, name, config)
    folder.save_best(model_of(config), FIGURES)
    return folder


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def one_line(caught: pytest.ExceptionInfo[InputError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


# There and back ------------------------------------------------------------------------------------------------------


def test_a_run_reads_back_as_it_was_made(tmp_path: Path) -> None:
    made = create(tmp_path / "deep" / "runs")
    assert made.path == tmp_path / "deep" / "runs" / "run"
    assert made.name == "run"
    assert made.checkpoint.is_dir()
    for found in (RunFolder.open("run", root=tmp_path / "deep" / "runs"), RunFolder.open(made.path)):
        assert found.config == CONFIG
        assert found.config.language.pairs == CONFIG.pairs
        assert found.metrics() == []
    assert (made.path / "command.txt").read_text() == "python -m train --pairs '()' 'a b'\n"
    assert sorted(path.name for path in made.path.parent.iterdir()) == ["run"]


def test_a_name_in_the_root_goes_before_a_folder_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path / "runs", config=replace(CONFIG, kind="supervised"))
    create(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert RunFolder.open("run").config.kind == "supervised"
    assert RunFolder.open("run", root="elsewhere").config.kind == "ppo"


def test_the_best_model_reads_back_bit_by_bit(tmp_path: Path) -> None:
    folder = create(tmp_path)
    for seed in (0, 1):
        model = model_of(seed=seed)
        folder.save_best(model, FIGURES)
        found = load_best(folder)
        assert not found.training
        assert found.state_dict().keys() == model.state_dict().keys()
        assert all(torch.equal(found.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
        assert all(name.startswith(("encoder.", "head.")) for name in found.state_dict())
    weights = (folder.path / "best_model.safetensors").read_bytes()
    assert folder.best_metadata() == {
        **FIGURES,
        "architecture": "gru",
        "params": CONFIG.params,
        "pairs": ["()", "【】"],
        "parameters": sum(p.numel() for p in model.parameters()),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }


def test_load_makes_a_solver_of_the_best_model(tmp_path: Path) -> None:
    folder = create(tmp_path, config=replace(CONFIG, masked=True))
    model = model_of()
    with torch.no_grad():
        model.head.bias[EOS] = 100.0
    folder.save_best(model, FIGURES)
    solver = load("run", root=tmp_path)
    assert solver.masked
    assert solver.tokenizer.language.pairs == CONFIG.pairs
    assert solver.complete(["(", ""]) == ["", ""]


def test_free_name_is_the_first_number_not_taken(tmp_path: Path) -> None:
    assert free_name("gru", tmp_path / "none yet") == "gru-1"
    create(tmp_path, "gru-1")
    (tmp_path / "gru-2").write_text("in the way")
    assert free_name("gru", tmp_path) == "gru-3"


# Metrics -------------------------------------------------------------------------------------------------------------


def test_metrics_come_back_in_order_and_rewind_forgets_what_is_beyond(tmp_path: Path) -> None:
    folder = create(tmp_path)
    entries = [{"step": step, "loss": 1 / (step + 1), "note": "【\n"} for step in (0, 10, 20)]
    for entry in entries:
        folder.log(entry)
    assert folder.metrics() == entries
    folder.rewind("step", 10)
    assert folder.metrics() == entries[:2]
    folder.log({"step": 20, "loss": 0.0})
    assert folder.metrics() == [*entries[:2], {"step": 20, "loss": 0.0}]
    folder.rewind("step", -1)
    assert folder.metrics() == []


def test_a_log_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    folder = create(tmp_path)
    folder.log({"step": 0})
    folder.log({"step": 10})
    log = folder.path / "metrics.jsonl"
    whole = log.read_bytes()
    for cut in range(len(whole)):
        log.write_bytes(whole[:cut])
        lines = whole[:cut].count(b"\n")
        assert folder.metrics() == [{"step": 0}, {"step": 10}][:lines]
        folder.rewind("step", 100)
        folder.log({"step": 30})
        assert folder.metrics() == [*[{"step": 0}, {"step": 10}][:lines], {"step": 30}]


@pytest.mark.parametrize("line", ['{"step": 1', "", "5", "\x00" * 9, "[]"])
def test_a_damaged_line_before_the_last_is_named(tmp_path: Path, line: str) -> None:
    folder = create(tmp_path)
    folder.log({"step": 0})
    with open(folder.path / "metrics.jsonl", "a") as file:
        file.write(f"{line}\n")
    folder.log({"step": 2})
    before = contents(folder.path)
    for use in (folder.metrics, lambda: folder.rewind("step", 0)):
        with pytest.raises(InputError, match=r"metrics\.jsonl:2: damaged line ") as caught:
            use()
        one_line(caught)
    assert contents(folder.path) == before


# Making a run --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a/", "/abs", "../up"])
def test_a_name_is_one_folder_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="a run's name is one folder name, not ") as caught:
        create(tmp_path / "runs", name)
    assert repr(name) in one_line(caught)
    assert not list(tmp_path.iterdir())


def test_a_run_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"run exists: choose another --name, or go on with --resume run$"):
        create(tmp_path)
    assert contents(tmp_path) == before
    assert load_best(folder) is not None


def test_replacing_takes_runs_only(tmp_path: Path) -> None:
    trained(tmp_path)
    other = replace(CONFIG, masked=True)
    folder = RunFolder.create("run", other, ["x"], root=tmp_path, replace=True)
    assert sorted(contents(folder.path)) == ["command.txt", "config.json"]
    assert RunFolder.open("run", root=tmp_path).config == other
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.txt").write_text("years of work")
    with pytest.raises(InputError, match="thesis is not a run folder, so it is not replaced"):
        RunFolder.create("thesis", CONFIG, ["x"], root=tmp_path, replace=True)
    assert (tmp_path / "thesis" / "draft.txt").read_text() == "years of work"


def test_a_file_in_the_way_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(InputError, match=r"cannot make run folder .*run: Not a directory") as caught:
        create(tmp_path / "runs")
    one_line(caught)
    assert contents(tmp_path) == {"runs": b"a file"}


def test_a_name_too_long_for_the_system(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot make run folder .*: File name too long"):
        create(tmp_path, "x" * 300)
    with pytest.raises(InputError, match="there is no run 'xxx"):
        RunFolder.open("x" * 300, root=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_a_run_that_cannot_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(InputError, match="No space left on device") as caught:
        create(tmp_path / "runs")
    one_line(caught)
    monkeypatch.undo()
    assert not list((tmp_path / "runs").iterdir())
    assert create(tmp_path / "runs").config == CONFIG


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    before = contents(folder.path)
    for path in (folder.path, tmp_path):
        path.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"cannot make run folder .*: Permission denied"):
            create(tmp_path, "other")
        for use in (lambda: folder.log({}), lambda: folder.save_best(model_of(), {})):
            with pytest.raises(InputError, match=r"cannot write .*: Permission denied"):
                use()
    finally:
        for path in (tmp_path, folder.path):
            path.chmod(0o700)
    assert contents(folder.path) == before


# Reading what is not whole -------------------------------------------------------------------------------------------


def test_a_run_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for run in ("nothing", "file", str(tmp_path / "file"), "new\nline"):
        with pytest.raises(InputError, match="there is no run ") as caught:
            RunFolder.open(run, root=tmp_path)
        assert repr(run) in one_line(caught)


def test_a_run_whose_name_is_nearly_that(tmp_path: Path) -> None:
    for name in ("gru-1", "gru-2", "lstm-1"):
        create(tmp_path, name)
    for typed in ("gru-l", "GRU-1"):
        with pytest.raises(InputError, match=f"there is no run '{typed}': .*; did you mean gru-1\\?"):
            load(typed, root=tmp_path)


def test_a_folder_without_configuration(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty is not a run folder: no config\.json"):
        RunFolder.open("empty", root=tmp_path)


def test_a_configuration_cut_short(tmp_path: Path) -> None:
    config = create(tmp_path).path / "config.json"
    whole = config.read_bytes()
    for cut in range(0, len(whole) - 2, 7):
        config.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"config\.json is damaged: ") as caught:
            RunFolder.open("run", root=tmp_path)
        one_line(caught)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": 2}, "format 2 is of another version"),
        ({"pairs": ["()", "(]"]}, "'(' occurs in '()' and again in '(]'"),
        ({"pairs": "()"}, "pairs must be of type list, not '()'"),
        ({"pairs": [1]}, "a pair is two different characters, not 1"),
        ({"architecture": "mlp"}, "architecture 'mlp' is unknown"),
        ({"params": {"units": 0}}, "units must be a whole number of at least 1, not 0"),
        ({"params": {"heads": 2}}, "gru does not use the option 'heads'"),
        ({"masked": "no"}, "masked must be of type bool, not 'no'"),
        ({"options": None}, "options must be of type dict, not None"),
        ({"colour": "red"}, "'colour' is not known"),
        ({"extensions": {}}, "extensions must be of type list, not {}"),
        ({"extensions": [{"at": 3, "steps": 4}]}, "which is no extension"),
        ({"extensions": [{"at": 3, "steps": "4", "schedule": "floor"}]}, "which is no extension"),
        ({"extensions": [{"at": 3, "steps": 4, "schedule": "up"}]}, "which is no extension"),
    ],
)
def test_a_configuration_edited_by_hand(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    edit(create(tmp_path).path / "config.json", **changes)
    with pytest.raises(InputError) as caught:
        RunFolder.open("run", root=tmp_path)
    assert "config.json: " in one_line(caught)
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", sorted({*asdict(CONFIG), "format"} - {"extensions"}))
def test_a_configuration_with_something_missing(tmp_path: Path, name: str) -> None:
    path = create(tmp_path).path / "config.json"
    raw = json.loads(path.read_text())
    del raw[name]
    path.write_text(json.dumps(raw))
    with pytest.raises(InputError, match=rf"config\.json: '{name}' is missing"):
        RunFolder.open("run", root=tmp_path)


@pytest.mark.parametrize("content", [b"[]", b"null", b"\xff\xfe", b"7"])
def test_a_configuration_of_another_kind(tmp_path: Path, content: bytes) -> None:
    path = create(tmp_path).path / "config.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"config\.json is damaged: ") as caught:
        RunFolder.open("run", root=tmp_path)
    one_line(caught)


def test_no_weights_yet(tmp_path: Path) -> None:
    folder = create(tmp_path)
    with pytest.raises(InputError, match=r"run holds no trained model yet: no best_model\.safetensors"):
        load("run", root=tmp_path)
    with pytest.raises(InputError, match=r"run holds no trained model yet: no best_model_metadata\.json"):
        folder.best_metadata()


def test_weights_cut_short(tmp_path: Path) -> None:
    weights = trained(tmp_path).path / "best_model.safetensors"
    whole = weights.read_bytes()
    for cut in (0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1):
        weights.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"best_model\.safetensors is damaged: ") as caught:
            load("run", root=tmp_path)
        one_line(caught)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"params": {**CONFIG.params, "units": 7}}, r"encoder\.gru\.\w+ is \(21, .*\), not \(18, .*\)|\(21,\), not"),
        ({"params": {**CONFIG.params, "layers": 2}}, r"encoder\.gru\.bias_hh_l1 is not known to it"),
        ({"pairs": ("()", "【】", "[]")}, r"encoder\.embedding\.weight is \(11, 4\), not \(9, 4\)"),
        ({"architecture": "transformer", "params": {"width": 8, "heads": 2}}, r"encoder\.blocks\..* is not known"),
    ],
)
def test_weights_of_another_model(tmp_path: Path, other: dict[str, Any], problem: str) -> None:
    folder = create(tmp_path)
    safetensors.torch.save_file(model_of(replace(CONFIG, **other)).state_dict(), folder.path / "best_model.safetensors")
    with pytest.raises(InputError, match=problem) as caught:
        load_best(folder)
    assert "best_model.safetensors does not fit the gru of config.json: " in one_line(caught)


def test_weights_with_a_part_missing(tmp_path: Path) -> None:
    folder = create(tmp_path)
    weights = model_of().state_dict()
    del weights["head.bias"]
    safetensors.torch.save_file(weights, folder.path / "best_model.safetensors")
    with pytest.raises(InputError, match=r"head\.bias is missing"):
        load_best(folder)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    folder = create(tmp_path)
    model = model_of()
    with torch.no_grad():
        model.head.weight[1, 2] = value
    folder.save_best(model, FIGURES)
    with pytest.raises(
        InputError, match=r"best_model\.safetensors holds what is no number .* in head\.weight"
    ) as caught:
        load("run", root=tmp_path)
    one_line(caught)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"pairs": ["【】", "()"]},
            r"was trained with pairs \['\(\)', '【】'\], and config.json says \['【】', '\(\)'\]",
        ),
        ({"pairs": ["()", "[]"]}, r"was trained with pairs"),
        (
            {"params": {**CONFIG.params, "attention": True}},
            r"was trained with attention None, and config.json says True",
        ),
    ],
)
def test_a_configuration_edited_after_the_training(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    folder = trained(tmp_path)
    edit(folder.path / "config.json", **changes)
    with pytest.raises(InputError, match=problem) as caught:
        load("run", root=tmp_path)
    one_line(caught)
    (folder.path / "best_model_metadata.json").unlink()  # as where only the weights were kept
    edit(folder.path / "config.json", params=CONFIG.params)
    assert load("run", root=tmp_path).complete(["("])


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64}, {"sha256": None}])
def test_figures_that_are_not_about_the_weights(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = trained(tmp_path)
    edit(folder.path / "best_model_metadata.json", **changes)
    with pytest.raises(InputError, match=r"does not belong to best_model\.safetensors beside it: the sha256") as caught:
        folder.best_metadata()
    one_line(caught)
    assert load("run", root=tmp_path).complete(["("])  # the weights themselves are whole


def test_weights_exchanged_for_others(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    weights = safetensors.torch.save(model_of(seed=5).state_dict())
    (folder.path / "best_model.safetensors").write_bytes(weights)
    with pytest.raises(InputError, match="does not belong to"):
        folder.best_metadata()


def test_a_kill_between_weights_and_figures_leaves_a_run_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained(tmp_path)

    def killed(path: Path, text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("supervised.runs.folder.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.save_best(model_of(seed=1), {"timesteps": 1024})
    monkeypatch.undo()
    found = load("run", root=tmp_path).model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in model_of(seed=1).state_dict().items())
    with pytest.raises(InputError, match="does not belong to"):
        folder.best_metadata()
    folder.save_best(model_of(seed=1), {"timesteps": 1024})  # what the resumed run does
    assert folder.best_metadata()["timesteps"] == 1024


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_the_best_model_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    folder = trained(tmp_path)
    before = contents(folder.path)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic if call == "open" else os, call, full, raising=False)
    with pytest.raises(InputError, match=r"cannot write .*best_model\.safetensors: No space left on device") as caught:
        folder.save_best(model_of(seed=1), {})
    one_line(caught)
    monkeypatch.undo()
    assert contents(folder.path) == before


def test_the_vocabulary_follows_the_pairs(tmp_path: Path) -> None:
    folder = trained(tmp_path, config=replace(CONFIG, pairs=("()", "【】", "[]", "<>")))
    model = load_best(folder)
    assert model.head.weight.shape[0] == BracketTokenizer(folder.config.language).vocab_size == 13
