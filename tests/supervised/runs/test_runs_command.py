"""``python -m supervised.runs``: what is there, several runs in one picture, and out of the way without being lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from small_runs import small_run
from typed_commands import typed

from supervised.runs.__main__ import main

LOG = [{"step": step, "exact": exact, "share": exact, "loss": 1 - exact, "seconds": step / 10}
       for step, exact in ((0, 0.0), (100, 0.25), (200, 0.999))]  # fmt: skip
PLAYED = [{"timesteps": n, "exact": n / 4096, "share": 0.5, "loss": 0.5, "seconds": 1.0} for n in (1024, 2048)]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    root = tmp_path / "runs"
    small_run(root, "gru-1", metrics=LOG, exact=0.9996)
    small_run(root, "ppo-tf", kind="ppo", architecture="transformer", pairs=("()", "<>"), metrics=PLAYED, exact=0.5)
    small_run(root, "words", kind="pretrain")
    small_run(root, "cut")
    (root / "cut" / "config.json").write_text('{"kind"')
    small_run(root, "torn", metrics=LOG)
    with (root / "torn" / "metrics.jsonl").open("a") as log:
        log.write("nonsense\n{}\n")
    (root / "notes").mkdir()
    (root / ".hidden").mkdir()
    return root


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("error: ")


def names(text: str) -> list[str]:
    known = {"gru-1", "ppo-tf", "words", "cut", "torn", "notes", ".hidden"}
    return [word for line in text.splitlines() if line[:1] == " " for word in line.split()[:1] if word in known]


def test_every_folder_is_a_row_and_a_damaged_one_says_what_is_wrong(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, "--json", "runs.json")
    assert sorted(names(text)) == ["cut", "gru-1", "notes", "ppo-tf", "torn", "words"]
    (agent,) = (line.split() for line in text.splitlines() if line.startswith(" ppo-tf"))
    assert agent[1:8] == ["ppo", "transformer", "CloseTiny", "with", "()", "<>", "2,048"]
    assert "cut: config.json: damaged" in text
    assert "torn: metrics.jsonl:4: damaged" in text
    assert "notes: no config.json: not a run" in text
    assert " 99.9 " in text  # 0.9996 is not all
    rows = {row["name"]: row for row in json.loads(Path("runs.json").read_text())["runs"]}
    assert (rows["gru-1"]["steps"], rows["gru-1"]["exact"], rows["gru-1"]["problem"]) == (200, 0.9996, None)
    assert (rows["ppo-tf"]["own_pairs"], rows["gru-1"]["own_pairs"], rows["words"]["steps"]) == (True, False, None)
    assert rows["gru-1"]["bytes"] > 1000


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["--sort", "exact"], ["gru-1", "torn", "ppo-tf", "cut", "notes", "words"]),
        (["--sort", "name", "--name", "*-*"], ["gru-1", "ppo-tf"]),
        (["list", "--kind", "ppo"], ["ppo-tf"]),
        (["--arch", "gru", "--sort", "name"], ["gru-1", "torn", "words"]),
        (["--min-exact", "0.5", "--sort", "steps"], ["ppo-tf", "gru-1", "torn"]),
        (["--setting", "CloseTiny", "--kind", "pretrain"], ["words"]),
        (["--setting", "bracket/CloseTiny-v0", "--kind", "pretrain"], ["words"]),
    ],
)
def test_runs_are_sorted_and_filtered(
    runs: Path, capsys: pytest.CaptureFixture[str], argv: list[str], found: list[str]
) -> None:
    assert names(shown(capsys, *argv)) == found


def test_what_cannot_be_listed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "none passes the filters" in shown(capsys, "--arch", "bert")
    assert refused(capsys, "--runs-dir", "nowhere").startswith("there are no runs in nowhere: No such file")
    assert "--min-exact must be from 0 to 1, not 95" in refused(capsys, "--min-exact", "95")
    assert "there are no studies in studies" in refused(capsys, "studies")


def test_several_runs_in_one_picture(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "plot", "gru-1", "ppo-tf", "runs/gru-1") == "runs.png: 3 runs\n"
    with Image.open("runs.png") as image:
        assert image.size[0] > 800
    shown(capsys, "plot", "gru-1", "--x", "seconds", "--measure", "loss", "--out", "loss.png")
    assert Path("loss.png").exists()
    assert "runs/words has no figure 'exact' over steps to draw" in refused(capsys, "plot", "words")
    assert "name at least one run" in refused(capsys, "plot")
    assert "there is no run 'no'" in refused(capsys, "plot", "no")


def test_runs_go_to_the_trash_and_come_back_by_hand(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "say so with --yes" in refused(capsys, "rm", "gru-1")
    before = (runs / "gru-1" / "config.json").read_bytes()
    text = shown(capsys, "rm", "gru-1", "cut", "--yes")
    assert "runs/gru-1 is now runs/.trash/gru-1; back with: mv runs/.trash/gru-1 runs/gru-1" in text
    assert sorted(path.name for path in (runs / ".trash").iterdir()) == ["cut", "gru-1"]
    small_run(runs, "gru-1")
    shown(capsys, "rm", str(runs / "gru-1"), "--yes")
    assert sorted(path.name for path in (runs / ".trash").iterdir()) == ["cut", "gru-1", "gru-1-2"]
    shutil.move(runs / ".trash" / "gru-1", runs / "gru-1")
    assert (runs / "gru-1" / "config.json").read_bytes() == before
    assert "gru-1" in names(shown(capsys))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert "nothing was moved" in shown(capsys, "rm", "gru-1")
    monkeypatch.setattr("builtins.input", lambda question: "y")
    shown(capsys, "rm", "gru-1")
    assert not (runs / "gru-1").exists()


def test_nothing_is_moved_when_one_name_is_wrong(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no run 'nowhere'" in refused(capsys, "rm", "gru-1", "nowhere", "--yes")
    assert "runs/notes holds no run" in refused(capsys, "rm", "gru-1", "notes", "--yes")
    assert "there is no run '..'" in refused(capsys, "rm", "..", "--yes")
    assert "there is no run ''" in refused(capsys, "rm", "", "--yes")
    assert (runs / "gru-1").exists()
    assert not (runs / ".trash").exists()


def test_help_of_every_word_answers_without_torch(tmp_path: Path) -> None:
    text = typed("supervised.runs", ["--help"], tmp_path).ok()
    assert "studies rm" in text
    for words in (["plot"], ["rm"], ["studies"], ["studies", "rm"]):
        assert main([*words, "--help"]) == 0
