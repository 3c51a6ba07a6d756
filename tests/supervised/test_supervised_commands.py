"""The commands as they are typed: bad input is one line on standard error and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bracket_env.command import run
from supervised.dataset import PROG as DATASET
from supervised.dataset import MakeDataset
from supervised.dataset import main as make_dataset
from supervised.train.__main__ import main as train
from supervised.train.options import PROG as TRAIN
from supervised.train.options import Train

TINY = "bracket/CloseTiny-v0"


def refused(capsys: pytest.CaptureFixture[str], code: int) -> str:
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    return shown.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--units", "0"], "units"),
        (["--heads", "2"], "gru does not use the option 'heads'"),
        (["--no-such-option"], "--no-such-option"),
        (["--arch", "rnn"], "rnn"),
        (["--setting", "bracket/No-v0"], "bracket/No-v0"),
        (["--dataset", "nowhere"], "there is no case file or data set folder nowhere"),
        (["--resume", "nowhere"], "there is no run 'nowhere'"),
        (["--init-from", "nowhere"], "there is no run 'nowhere'"),
        (["--device", "cuda", "--precision", "bf16", "--batch-size", "0"], "--batch-size"),
        (["--precision", "bf16", "--device", "cpu"], "--precision bf16 needs a GPU"),
        (["--time-limit", "soon"], "not a duration: 'soon'"),
        (["--name", "a/b"], "a run's name is one folder name, not 'a/b'"),
        (["--json", "no/such/folder/x.json"], "cannot write --json"),
        (["--ncl-weight", "3"], "--ncl-weight goes with --instruction"),
        (["--ncl-encoder", "nonsense"], "--ncl-encoder goes with --instruction"),
        (["--unlabelled", "stream"], "--unlabelled goes with --instruction"),
        (["--replay-share", "0.5"], "--replay-share goes with --replay"),
        (
            ["--eval-every", "500", "--steps", "100"],
            "--eval-every 500 is more than --steps 100: nothing would be measured",
        ),
        (["--warmup-steps", "100", "--steps", "100"], "--warmup-steps 100 leaves nothing of --steps 100"),
        (["--micro-batch", "512"], "--micro-batch 512 is more than --batch-size 256"),
        (["--patience", "20"], "--patience 20 never stops anything: so many evaluations take 2500 of --steps 1500"),
        (["--arch", "gur"], "did you mean gru?"),
        (["--epochs", "3"], "unknown option --epochs; did you mean --steps?"),
        (["--setting", "Clsoe-v0"], "did you mean bracket/Close-v0?"),
    ],
)
def test_bad_options_of_train(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, run(Train, train, argv=options, prog=TRAIN))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--out"),
        (["--out", "data", "--n", "0"], "--n must be a whole number from 1 to 10000000, not 0"),
        (["--out", "data", "--seed", "-1"], "--seed"),
        (["--out", ".", "--n", "5"], "exists: choose another folder"),
        (["--out", "data", "--pairs", "(("], "a pair is two different characters"),
    ],
)
def test_bad_options_of_dataset(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, run(MakeDataset, make_dataset, argv=options, prog=DATASET))
    assert list(tmp_path.iterdir()) == []


def test_the_commands_run_as_modules(tmp_path: Path) -> None:
    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)

    data = str(tmp_path / "data")
    made = typed("supervised.dataset", "--setting", TINY, "--n", "30", "--n-test", "5", "--out", data)
    assert (made.returncode, made.stderr) == (0, "")
    assert "30 training and 5 test cases" in made.stdout
    wrong = typed("supervised.train", "--dataset", data, "--pairs", "{}", "--runs-dir", str(tmp_path))
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1
    assert "bracket_dataset.json" in wrong.stderr
    assert "item" in wrong.stderr
