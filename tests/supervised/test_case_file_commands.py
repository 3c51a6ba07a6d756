"""Case files in the commands: --dataset, --cases, --check and --wrong-targets, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typed_commands import quickly

from bracket_env import Case, get_setting, split_of

TINY = "bracket/CloseTiny-v0"
SETTING = get_setting(TINY)
KEEP = ["--wrong-targets", "keep"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of 40 cases, 4 of them wrong, and a run that learned them as they are."""
    made = tmp_path_factory.mktemp("cases")
    cases = [case for case in SETTING.sampler(split="train").cases(3, 200) if len(set(case.completion)) > 1][:4]
    wrong = [Case(case.prefix, case.completion[::-1]) for case in cases]
    right = SETTING.sampler(split="train").cases(4, 36)
    rows = [f"input:{prefix},output:{target}," for prefix, target in [*right[:10], *wrong, *right[10:]]]
    (made / "old.json").write_text(json.dumps(rows, indent=4))
    options = ["--setting", TINY, "--dataset", "old.json", "--steps", "2", "--eval-cases", "20", "--name", "run"]
    shown = quickly("supervised.train", [*options, *KEEP], made).ok()
    assert "old.json: 4 of 40 targets are wrong (4 wrong order) and kept as they are" in shown
    return made


def test_training_is_refused_by_default(folder: Path) -> None:
    line = quickly("supervised.train", ["--setting", TINY, "--dataset", "old.json"], folder).refused()
    assert line.startswith("old.json:12: item 11: target ")
    assert "4 of 40 targets are wrong (4 wrong order; next line 13, item 12 and line 14, item 13)" in line
    assert [path.name for path in (folder / "runs").iterdir()] == ["run"]


def test_evaluate_scores_against_kept_targets(folder: Path) -> None:
    options = ["run", "--cases", "old.json", "--by", "closers", "--heat-map", "--json", "kept.json"]
    shown = quickly("supervised.evaluate", [*options, *KEEP], folder).ok()
    assert "old.json: 4 of 40 targets are wrong (4 wrong order) and kept as they are" in shown
    assert "a solver that is always right scores 90.0 % here" in shown
    assert "40 of 40 prefixes belong to the train split: a run may have learned from them" in shown
    told = json.loads((folder / "kept.json").read_text())
    assert told["always_right"]["value"] == 0.9
    assert next(row for row in told["solvers"] if row["name"] == "oracle")["exact"] == told["always_right"]


@pytest.mark.parametrize(("setting", "cases", "what"), [("drop", 36, "left out"), ("correct", 40, "replaced by the")])
def test_evaluate_drops_and_corrects(folder: Path, setting: str, cases: int, what: str) -> None:
    options = ["run", "--cases", "old.json", "--wrong-targets", setting, "--json", "scores.json"]
    shown = quickly("agents.evaluate", options, folder).ok()
    assert f"4 of 40 targets are wrong (4 wrong order) and {what}" in shown
    told = json.loads((folder / "scores.json").read_text())
    assert "always_right" not in told
    assert (told["cases"], told["solvers"][1]["exact"]["value"]) == (cases, 1.0)


def test_evaluate_refuses_by_default(folder: Path) -> None:
    assert "4 of 40 targets" in quickly("supervised.evaluate", ["run", "--cases", "old.json"], folder).refused()


def test_predict_answers_a_file_whatever_its_targets_are(folder: Path) -> None:
    answers = quickly("supervised.predict", ["run", "--cases", "old.json", "--json", "told.json"], folder).ok()
    rows = json.loads((folder / "told.json").read_text())
    assert [row["completion"] for row in rows] == answers.split("\n")[:40]
    (folder / "prefixes.jsonl").write_text('{"prefix": "[ ("}\n{"inputs": "［"}\n')
    assert len(quickly("agents.predict", ["run", "--cases", "prefixes.jsonl"], folder).ok().splitlines()) == 2
    (folder / "tabs.txt").write_text("(\n[\t]\n")
    assert (
        "tabs.txt:2: '\\t' in a line" in quickly("supervised.predict", ["run", "--cases", "tabs.txt"], folder).refused()
    )


def test_predict_reads_what_keyboards_and_editors_write(folder: Path) -> None:
    plain = quickly("supervised.predict", ["run"], folder, b"([\n[\n")
    typed = quickly(
        "supervised.predict",
        [
            "run",
        ],
        folder,
        "\ufeff（ ［\r\n［\n".encode(),
    )
    assert typed.ok() == plain.ok()


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("supervised.train", KEEP, "--wrong-targets goes with --dataset"),
        ("supervised.train", ["--format", "text"], "--format goes with --dataset"),
        (
            "supervised.train",
            ["--dataset", "old.json", "--augment", "all", *KEEP],
            "--augment mirror puts answers into",
        ),
        ("supervised.evaluate", ["run", *KEEP], "--wrong-targets goes with --cases"),
        ("supervised.predict", ["run", "--format", "text"], "--format goes with --cases"),
        (
            "supervised.predict",
            ["run", "(", "--cases", "old.json"],
            "--cases old.json and prefixes on the command line",
        ),
        ("supervised.dataset", ["--check", "old.json", "--n", "3"], "--n does not go with --check"),
        ("supervised.dataset", ["--check", "old.json", "--out", "x"], "--out does not go with --check"),
        ("supervised.dataset", ["--out", "x", "--json", "y"], "--json goes with --check"),
        ("supervised.dataset", ["--check", "nothing.json"], "there is no case file or data set folder nothing.json"),
    ],
)
def test_options_that_do_not_fit(folder: Path, module: str, options: list[str], message: str) -> None:
    assert message in quickly(module, options, folder).refused()


def test_check_counts_and_is_no_failure(folder: Path) -> None:
    lines = ['{"input": "(", "target": ")"}', '{"input": "(["}', '{"input": ")", "target": ""}', '{"input": "x"}']
    (folder / "mixed.jsonl").write_text("\n".join(lines))
    options = ["--setting", TINY, "--json", "counts.json"]
    shown = quickly("supervised.dataset", ["--check", "mixed.jsonl", *options], folder).ok()
    assert "mixed.jsonl: 4 cases" in shown
    assert "line 4: symbol 'x' at position 1" in shown
    told = json.loads((folder / "counts.json").read_text())
    assert (told["cases"], told["right"], told["unusable"]["cases"]) == (4, 1, 2)
    assert told["wrong"]["no target"]["first"][0]["place"] == "mixed.jsonl:2"
    assert told["wrong_targets"]["drop"] == "refused: 2 prefixes cannot be used (--setting or --pairs?)"
    shown = quickly("supervised.dataset", ["--check", "old.json", *options], folder).ok()
    assert "--wrong-targets keep:    40 cases, 4 of them wrong: always right scores 90.0 %" in shown
    right = quickly("supervised.dataset", ["--setting", TINY, "--n", "9", "--n-test", "3", "--out", "data"], folder)
    assert "9 training" in right.ok()
    quickly("supervised.dataset", ["--check", "data", *options], folder).ok()
    told = json.loads((folder / "counts.json").read_text())
    assert (told["cases"], told["right"], told["wrong"]) == (9, 9, {})
    assert told["files"] == ["data/original/bracket_dataset.json"]


def test_prefixes_of_other_splits_are_not_learned_from_a_file(folder: Path) -> None:
    held_out = SETTING.sampler(split="test").cases(1, 3)
    assert {split_of(case.prefix) for case in held_out} == {"test"}
    (folder / "held_out.txt").write_text("".join(f"{case.prefix}\n" for case in held_out))
    line = quickly("supervised.train", ["--setting", TINY, "--dataset", "held_out.txt"], folder).refused()
    assert "every prefix belongs to the validation or test split" in line
