"""The command: what it shows, what it writes, what it refuses, what it does not do twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from bracket_env.command import run
from ncl_reward.explain import PROG, Explain, main
from ncl_reward.grounding.head import RULE_NAMES


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRACKETGYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")


def explain(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert run(Explain, main, argv=argv, prog=PROG) == 0
    return capsys.readouterr().out


def test_a_sentence_is_explained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "explained.json"
    text = "【←このトークンには必ず】←このトークンが一対一対応する"
    shown = explain(capsys, text, "--json", str(path))
    for part in (text, "one_to_one", "certain", "pairs 【】"):
        assert part in shown
    written = json.loads(path.read_text("utf-8"))
    assert set(written) == {"sentence", "encoder", "certainty", "slots", "rules"}
    assert (written["sentence"], written["encoder"], written["certainty"]) == (text, "default", "certain")
    assert written["slots"] == {"pairs": ["【】"]}
    assert sorted(rule["name"] for rule in written["rules"]) == sorted(RULE_NAMES)
    assert all(set(rule) == {"name", "similarity", "weight"} for rule in written["rules"])
    weights = [rule["weight"] for rule in written["rules"]]
    assert written["rules"][0]["name"] == "one_to_one"
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.5


def test_several_sentences_and_a_contradiction(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "explained.json"
    shown = explain(
        capsys,
        "Last opened, first closed.",
        "First opened, first closed.",
        "4時間以上、電力が少ないまま一定だったら不在の可能性が高い",
        "I like tea.",
        "『 is closed by 』",
        "--json",
        str(path),
    )
    assert "contradiction: nesting (Last opened, first closed.) against queue (First opened, first closed.)" in shown
    assert shown.count("no rule was recognised in this sentence") == 1
    found = json.loads(path.read_text("utf-8"))["sentences"]
    assert [entry["slots"] for entry in found] == [{}, {}, {"hours": 4.0}, {}, {"introduces": "『』"}]
    assert found[2]["certainty"] == "probable"
    assert "nesting: The bracket opened last is closed first." in shown
    assert all(rule["weight"] == 0 for rule in found[3]["rules"])


def test_a_language_that_the_encoder_does_not_know_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no rule was recognised in this sentence: the encoder bert does not know its language" in explain(
        capsys, "括弧は必ず閉じる", "--encoder", "bert"
    )


def test_the_setting_says_which_brackets_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert "pairs []" in explain(capsys, "[ is closed by ]", "--setting", "bracket/CloseTiny-v0")
    assert "introduces []" in explain(capsys, "[ is closed by ]")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the sentence is empty"),
        ([""], "the sentence is empty"),
        (["x" * 100_000], "at most 1000 characters"),
        (["[ must be closed"], "the bracket '[' is not in the language"),
        (["low power for 0 hours"], "'0 hours' is no duration"),
        (["close it", "--encoder", "gpt9"], "unknown encoder 'gpt9'"),
        (["close it", "--setting", "bracket/No-v0"], "unknown setting 'bracket/No-v0'"),
        (["close it", "--json", "no/such/folder/x.json"], "cannot write no/such/folder/x.json"),
    ],
)
def test_bad_input_is_one_line(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Explain, main, argv=argv, prog=PROG) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_explaining_a_new_sentence_fits_nothing_and_imports_no_learning_library() -> None:
    """What keeps the answer under a second once the head is in the cache."""
    code = (
        "import sys; from ncl_reward import explain; from ncl_reward.grounding import head\n"
        "if sys.argv[1] == 'again': head.fit = None  # to call it would raise\n"
        "explain.main(explain.Explain(sentences=(sys.argv[2],)))\n"
        "print(sorted({'torch', 'transformers', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    for when in ("first", "again"):
        shown = subprocess.run(
            [sys.executable, "-c", code, when, f"Asked {when}: the bracket that was opened last is closed first."],
            cwd=ROOT, check=True, capture_output=True, encoding="utf-8",
        ).stdout  # fmt: skip
        assert "nesting" in shown
        assert shown.endswith("[]\n")
