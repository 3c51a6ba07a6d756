"""The commands as they are typed: what they print and write, and one line with exit code 2 for whatever is wrong."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typed_commands import quickly, typed

from bracket_env import get_setting
from bracket_env.cases import Case, WriteFormat, write_cases
from supervised.runs import RunConfig, RunFolder, load

SETTING = "bracket/CloseTiny-v0"
TRAIN = [
    "--setting", SETTING, "--n-envs", "64", "--n-steps", "4", "--batch-size", "64", "--n-epochs", "2",
    "--learning-rate", "0.02", "--units", "16", "--embedding-size", "8", "--total-timesteps", "2000",
    "--eval-every", "1000", "--eval-cases", "60",
]  # fmt: skip


def instead(*more: str) -> list[str]:
    """TRAIN, with these options in the place of its own."""
    kept = [pair for pair in zip(TRAIN[::2], TRAIN[1::2], strict=True) if pair[0] not in more]
    return [word for pair in kept for word in pair] + list(more)


YARDSTICKS = ["oracle", "rising counters", "counters", "5-gram", "3-gram", "uniform"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: ``tiny``, trained as a user would; the others untrained, one of them half-written."""
    folder = tmp_path_factory.mktemp("home")
    trained = typed("agents.train_ppo", ["--name", "tiny", "--json", "scores.json", *TRAIN], folder)
    (folder / "trained.txt").write_text(trained.ok(), encoding="utf-8")
    tiny = RunFolder.open("tiny", root=folder / "runs").config
    torch.manual_seed(0)
    transformer = replace(
        tiny,
        architecture="transformer",
        params={"width": 8, "layers": 1, "heads": 2, "positions": "learned", "max_length": 16},
        masked=True,
    )
    runs: dict[str, RunConfig] = {
        "oracle": tiny,
        "short-sighted": transformer,
        "angular": replace(tiny, pairs=("<>", "«»")),
    }
    for name, config in runs.items():
        RunFolder.create(name, config, ["x"], root=folder / "runs").save_best(config.build(), {})
    RunFolder.create("unfinished", tiny, ["x"], root=folder / "runs")
    for name in ("no-config", "cut-config", "cut"):
        shutil.copytree(folder / "runs" / "tiny", folder / "runs" / name)
    (folder / "runs" / "no-config" / "config.json").unlink()
    for name in ("cut-config/config.json", "cut/best_model.safetensors", "cut/checkpoint/ppo.safetensors"):
        path = folder / "runs" / name
        path.write_bytes(path.read_bytes()[:-20])
    write_cases(folder / "cases.jsonl", [Case("([", "])"), Case("()", "")])
    return folder


# Training ------------------------------------------------------------------------------------------------------------


def test_training_prints_its_score_table(home: Path) -> None:
    text = (home / "trained.txt").read_text(encoding="utf-8")
    assert "run runs/tiny: PPO on bracket/CloseTiny-v0, gru of " in text
    assert "finished after 2,048 steps and 0:" in text
    rows = [line.split() for line in text.splitlines()]
    names = [row[0] for row in rows if row and row[0] in {"tiny", "oracle", "counters", "uniform"}]
    assert names == ["tiny", "oracle", "counters", "uniform"]
    (tiny,) = (row for row in rows if row[:1] == ["tiny"])
    assert tiny[-2] == "2,048"
    command = (home / "runs" / "tiny" / "command.txt").read_text()
    assert command == f"python -m agents.train_ppo --name tiny --json scores.json {' '.join(TRAIN)}\n"
    scores = json.loads((home / "scores.json").read_text())
    assert (scores["cases"], scores["setting"]) == (60, SETTING)
    assert [entry["name"] for entry in scores["solvers"]] == ["tiny", *YARDSTICKS]


def test_a_run_gets_the_first_free_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "runs" / "ppo-gru-1").mkdir(parents=True)
    quick = instead("--total-timesteps", "1", "--eval-every", "1", "--eval-cases", "5")
    assert "run runs/ppo-gru-2: " in quickly("agents.train_ppo", quick, tmp_path).ok()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["ppo-gru-1", "ppo-gru-2"]


# Evaluating ----------------------------------------------------------------------------------------------------------

Json = dict[str, Any]


def check_estimate(estimate: Any, *, of_solver_with_probabilities: bool = True) -> None:
    if not of_solver_with_probabilities:
        assert estimate is None
    if estimate is None:
        return
    assert estimate.keys() == {"value", "low", "high", "n"}
    assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
    assert type(estimate["n"]) is int
    assert estimate["n"] >= 1


def check_form(scores: Json) -> None:
    """The JSON of the design, key by key."""
    assert scores.keys() - {"pairs"} == {"cases", "setting", "solvers"}
    for solver in scores["solvers"]:
        assert solver.keys() == {"name", "exact", "share", "closing", "needs_stack", "by"}
        probabilities = solver["name"] in YARDSTICKS
        for name in ("exact", "share"):
            check_estimate(solver[name])
            assert solver[name]["n"] == scores["cases"]
        check_estimate(solver["closing"], of_solver_with_probabilities=probabilities)
        check_estimate(solver["needs_stack"])
        assert list(solver["by"]) == ["closers", "depth", "length", "distance"]
        for table in solver["by"].values():
            assert [int(value) for value in table] == sorted(int(value) for value in table)
            total = 0
            for measures in table.values():
                assert measures.keys() == {"exact", "share", "closing"}
                check_estimate(measures["exact"])
                check_estimate(measures["share"])
                check_estimate(measures["closing"], of_solver_with_probabilities=probabilities)
                total += measures["exact"]["n"] if measures["exact"] else 0
            assert total == scores["cases"]


def test_evaluating_runs_of_different_kinds(home: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("an older file")
    arguments = [
        "runs/tiny", "short-sighted", "--n", "150", "--by", "closers", "depth", "length", "distance", "--heat-map",
        "--json", str(tmp_path / "scores.json"), "--csv", str(tmp_path / "scores.csv"), "--split", "validation",
        "--seed", "3", "--threads", "1", "--device", "cpu", "--setting", SETTING,
    ]  # fmt: skip
    out = quickly("agents.evaluate", arguments, home).ok()
    assert "bracket/CloseTiny-v0, validation split" in out
    for part in ("exact % by closers", "exact % by depth", "exact % by length", "exact % by distance", "short-sighted"):
        assert part in out
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    check_form(scores)
    assert (scores["cases"], scores["setting"]) == (150, SETTING)
    assert [entry["name"] for entry in scores["solvers"]] == ["tiny", "short-sighted", *YARDSTICKS]
    solvers = {entry["name"]: entry for entry in scores["solvers"]}
    assert solvers["oracle"]["exact"]["value"] == 1.0
    cases = get_setting(SETTING).evaluation_cases("validation", 150, seed=3)
    answers = load(home / "runs" / "tiny").complete([case.prefix for case in cases])
    right = sum(answer == case.completion for answer, case in zip(answers, cases, strict=True))
    assert solvers["tiny"]["exact"]["value"] == right / 150

    with open(tmp_path / "scores.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    total = {(row["solver"], row["measure"]): float(row["value"]) for row in rows if not row["by"]}
    assert total["tiny", "exact"] == right / 150
    assert total["oracle", "share"] == 1.0


def test_the_test_split_is_the_default(home: Path, tmp_path: Path) -> None:
    out = quickly("agents.evaluate", ["tiny", "--n", "40", "--json", str(tmp_path / "s.json")], home).ok()
    assert "bracket/CloseTiny-v0, test split" in out
    cases = get_setting(SETTING).evaluation_cases("test", 40)
    answers = load(home / "runs" / "tiny").complete([case.prefix for case in cases])
    right = sum(answer == case.completion for answer, case in zip(answers, cases, strict=True))
    assert json.loads((tmp_path / "s.json").read_text())["solvers"][0]["exact"]["value"] == right / 40


def test_a_run_named_as_a_yardstick_keeps_its_row(home: Path, tmp_path: Path) -> None:
    arguments = ["oracle", "oracle", "--n", "60", "--json", str(tmp_path / "s.json")]
    quickly("agents.evaluate", arguments, home).ok()
    solvers = json.loads((tmp_path / "s.json").read_text())["solvers"]
    assert [solver["name"] for solver in solvers] == ["oracle", "runs/oracle", *YARDSTICKS]
    assert [solver["exact"]["value"] < 0.9 for solver in solvers[:3]] == [True, True, False]


def test_cases_over_the_runs_own_pairs(home: Path, tmp_path: Path) -> None:
    arguments = ["angular", "--n", "30", "--setting", "bracket/Close-v0", "--json", str(tmp_path / "s.json")]
    assert "bracket/Close-v0 with <> «», test split" in quickly("agents.evaluate", arguments, home).ok()
    scores = json.loads((tmp_path / "s.json").read_text())
    check_form(scores)
    assert (scores["setting"], scores["pairs"]) == ("bracket/Close-v0", ["<>", "«»"])
    assert next(entry for entry in scores["solvers"] if entry["name"] == "oracle")["exact"]["value"] == 1.0


@pytest.mark.parametrize("format", ["jsonl", "bigbench", "array", "text"])
def test_evaluating_on_a_file_of_each_format(home: Path, tmp_path: Path, format: WriteFormat) -> None:
    cases = get_setting(SETTING).evaluation_cases("test", 30)
    path = tmp_path / f"cases.{format}"
    write_cases(path, cases, format=format)
    answers = load(home / "runs" / "tiny").complete([case.prefix for case in cases])
    right = sum(answer == case.completion for answer, case in zip(answers, cases, strict=True))
    named = [] if format in ("jsonl", "array") else ["--format", format]
    arguments = ["tiny", "--cases", str(path), *named, "--json", str(tmp_path / "s.json")]
    assert path.name in quickly("agents.evaluate", arguments, home).ok().replace("\n", "")
    scores = json.loads((tmp_path / "s.json").read_text())
    check_form(scores)
    assert (scores["cases"], scores["setting"]) == (30, str(path))
    assert scores["solvers"][0]["exact"]["value"] == right / 30


# Predicting ----------------------------------------------------------------------------------------------------------


def test_predicting_what_is_given_as_arguments(home: Path) -> None:
    expected = load(home / "runs" / "tiny").complete(["([", "", "()", "[[("])
    out = quickly("agents.predict", ["tiny", "( [", "", "()", " [ [ ("], home).ok()
    assert out.split("\n") == [*expected, ""]


def test_predicting_several_drawn_answers(home: Path, tmp_path: Path) -> None:
    options = ["--temperature", "3", "--samples", "20", "--json", str(tmp_path / "p.json")]
    out = quickly("agents.predict", ["tiny", "([", "(", *options], home).ok()
    lines = out.removesuffix("\n").split("\n")
    assert len(lines) == 40
    assert len(set(lines[:20])) > 1
    assert quickly("agents.predict", ["tiny", "([", "(", *options], home).ok() == out
    written = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert written == [{"prefix": p, "completion": c} for p, c in zip(["(["] * 20 + ["("] * 20, lines, strict=True)]


def test_predicting_line_by_line_from_a_pipe(home: Path) -> None:
    """A mistake in one line does not end the session."""
    expected = load(home / "runs" / "tiny").complete(["([", "", "[["])
    done = typed("agents.predict", ["runs/tiny"], home, stdin=b"([\n(]\n\nx\n[[")
    assert done.code == 0
    assert done.out.split("\n") == [*expected, ""]
    assert done.err.splitlines() == [
        "error: ']' at position 2 meets an open '(', so it cannot be completed",
        "error: symbol 'x' at position 1 is not in the language () []",
    ]


def test_bytes_that_are_no_text(home: Path) -> None:
    done = quickly("agents.predict", ["tiny"], home, stdin=b"\xff\xfe([\n")
    if done.code == 0:  # in the C locale Python takes any byte for a symbol
        assert "is not in the language" in done.err
    else:
        assert "standard input is not text" in done.refused()
    assert "Traceback" not in done.err


# What is wrong -------------------------------------------------------------------------------------------------------

BAD_TRAINING: list[tuple[list[str], str]] = [
    (["--setting", "bracket/Close-v9"], "unknown setting 'bracket/Close-v9': use one of bracket/Close-v0, "),
    (["--pairs", "()", "["], "a pair is two different characters, not '['"),
    (["--pairs", "()", "[("], "'(' occurs in '()' and again in '[('"),
    (["--pairs", *(chr(0x4E00 + 2 * i) + chr(0x4E01 + 2 * i) for i in range(101))], "1 to 100 pairs, not 101"),
    (["--units", "0"], "--units must be a whole number from 1 to 10000, not 0"),
    (["--units", "many"], "many"),
    (["--eval-every", "5000"], "--eval-every 5000 is more than --total-timesteps 2000: nothing would be measured"),
    (["--penalty", "2"], "--penalty goes with --on-mistake penalty"),
    (["--batch-size", "512"], "--batch-size 512 is larger than the rollout of 256 (n_envs 64 x n_steps 4)"),
    (["--batch-size", "100"], "--batch-size 100 does not divide the rollout of 256 (n_envs 64 x n_steps 4): try 32"),
    (["--learning-rate", "nan"], "--learning-rate must be above 0 and at most 100, not nan"),
    (["--learning-rate", "-1"], "--learning-rate must be above 0 and at most 100, not -1.0"),
    (["--encoder", "transformer"], "transformer does not use the option 'units'"),
    (["--heads", "3"], "gru does not use the option 'heads'"),
    (["--encoder", "lstm5"], "lstm5"),
    (["--colour", "red"], "--colour"),
    (["--time-limit", "soon"], "not a duration: 'soon'"),
    (["--target", "1.5"], "--target must be above 0 and at most 1, not 1.5"),
    (["--max-answer", "2"], "max_answer must be an integer of at least 7 (bracket/CloseTiny-v0), not 2"),
    (["--name", "a/b"], "a run's name is one folder name, not 'a/b'"),
    (["--ncl-base", "1"], "--ncl-base goes with --instruction"),
    (["--json", "missing/s.json"], "cannot write --json missing/s.json: it is a folder, or in one that"),
    (["--name", "tiny"], "run runs/tiny exists: choose another --name, or go on with --resume tiny"),
    (["--runs-dir", "cases.jsonl"], "cannot make run folder cases.jsonl/new: Not a directory"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "problem"), BAD_TRAINING, ids=lambda part: part if isinstance(part, str) else "")
def test_training_refuses(home: Path, tmp_path: Path, arguments: list[str], problem: str) -> None:
    before = contents(home)
    name = [] if "--name" in arguments else ["--name", "new"]
    assert problem in quickly("agents.train_ppo", [*name, *instead(*arguments)], home).refused()
    assert contents(home) == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nothing"], "there is no run 'nothing': no folder in runs has this name or this path"),
        (["no-config"], "runs/no-config is not a run folder: no config.json"),
        (["cut-config"], "runs/cut-config/config.json is damaged: "),
        (["tiny", "--seed", "7"], "--seed 7 would make it another run (it has 0): leave it out"),
        (["cut"], "cannot resume from runs/cut/checkpoint/ppo.safetensors: "),
    ],
)
def test_resuming_refuses(home: Path, tmp_path: Path, arguments: list[str], problem: str) -> None:
    before = contents(home)
    assert problem in quickly("agents.train_ppo", ["--resume", *arguments], home).refused()
    assert contents(home) == before


BAD_CASES: list[tuple[str, str]] = [
    ('{"input": "(", "target": ")"}\n{"input": "(x", "target": ")"}\n', ":2: symbol 'x' at position 2 is not in the"),
    ('{"input": "(]", "target": ""}\n', ":1: ']' at position 2 meets an open '(', so it cannot be completed"),
    ('{"input": "(", "target": "]"}\n', ":1: target ']' is not the completion ')' of '(': they differ at position 1"),
    ('{"input": "(", "target": ")"}\n{"input": "("', ":2: malformed JSON"),
    ("", ": the file is empty"),
    ("(\n)\n", ":2: ')' at position 1 closes nothing, so it cannot be completed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), BAD_CASES, ids=[problem for _, problem in BAD_CASES])
def test_evaluating_refuses_a_file(home: Path, tmp_path: Path, text: str, problem: str) -> None:
    path, scores = tmp_path / "bad.jsonl", tmp_path / "scores.json"
    path.write_text(text, encoding="utf-8")
    scores.write_text("an older file")
    arguments = ["tiny", "--cases", str(path), "--json", str(scores), "--csv", str(tmp_path / "scores.csv")]
    assert quickly("agents.evaluate", arguments, home).refused().startswith(f"{path}{problem}")
    assert scores.read_text() == "an older file"
    assert not (tmp_path / "scores.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "name at least one run, or a folder of one"),
        (["nothing"], "there is no run 'nothing'"),
        (["tiny", "nothing"], "there is no run 'nothing'"),
        (["unfinished"], "runs/unfinished holds no trained model yet: no best_model.safetensors"),
        (["no-config"], "runs/no-config is not a run folder: no config.json"),
        (["cut-config"], "runs/cut-config/config.json is damaged: "),
        (["cut"], "runs/cut/best_model.safetensors is damaged: "),
        (["tiny", "angular"], "runs of different languages cannot share a table: tiny has () [], angular has <> «»"),
        (["angular", "--cases", "cases.jsonl"], "cases.jsonl:1: symbol '(' at position 1 is not in the language <> «»"),
        (["tiny", "--cases", "missing.jsonl"], "cannot read missing.jsonl: No such file or directory"),
        (["tiny", "--setting", "Clothes"], "unknown setting 'Clothes'"),
        (["tiny", "--n", "0"], "--n must be a whole number from 1 to 10000000, not 0"),
        (["tiny", "--n", "lots"], "lots"),
        (["tiny", "--by", "colour"], "colour"),
        (["tiny", "--format", "yaml"], "yaml"),
        (["tiny", "--format", "text"], "--format goes with --cases"),
        (["tiny", "--cases", "cases.jsonl", "--n", "5"], "--n says which cases are drawn, and --cases cases.jsonl has"),
        (["tiny", "--threads", "999999999"], "--threads must be a whole number from 1 to 1024, not 999999999"),
        (["tiny", "--n", "5", "--json", "missing/s.json"], "cannot write --json missing/s.json: it is a folder, or in"),
        (
            ["tiny", "--n", "5", "--csv", "runs"],
            "cannot write --csv runs: it is a folder, or in one that does not exist",
        ),
        (["short-sighted", "--setting", "bracket/Close-v0"], "tokens is longer than max_length 16"),
    ],
)
def test_evaluating_refuses(home: Path, tmp_path: Path, arguments: list[str], problem: str) -> None:
    before = contents(home)
    assert problem in quickly("agents.evaluate", arguments, home).refused()
    assert contents(home) == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "run"),
        (["nothing", "("], "there is no run 'nothing'"),
        (["unfinished", "("], "runs/unfinished holds no trained model yet"),
        (["cut", "("], "runs/cut/best_model.safetensors is damaged: "),
        (["tiny", "(", "(<"], "symbol '<' at position 2 is not in the language () []"),
        (["tiny", "(", "(]"], "']' at position 2 meets an open '(', so it cannot be completed"),
        (["tiny", "())"], "')' at position 3 closes nothing, so it cannot be completed"),
        (["tiny", "(", "--temperature", "-1"], "--temperature must be from 0 to 1000, not -1.0"),
        (["tiny", "(", "--samples", "0"], "--samples must be a whole number from 1 to 1000000, not 0"),
        (["tiny", "--json", "p.json"], "--json p.json needs prefixes on the command line"),
        (["short-sighted", "(" * 30], "an input of 32 tokens is longer than max_length 16"),
    ],
)
def test_predicting_refuses(home: Path, tmp_path: Path, arguments: list[str], problem: str) -> None:
    done = quickly("agents.predict", arguments, home)
    assert problem in done.refused()
    assert done.out == ""  # not even the answers before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    ("module", "arguments"), [("agents.train_ppo", ["--name", "new", *TRAIN]), ("agents.evaluate", ["tiny"])]
)
def test_a_gpu_that_is_not_there(home: Path, tmp_path: Path, module: str, arguments: list[str]) -> None:
    line = quickly(module, [*arguments, "--device", "cuda"], home).refused()
    assert line == "--device cuda: torch sees no CUDA device here (use cpu or auto)"
    assert not (home / "runs" / "new").exists()
