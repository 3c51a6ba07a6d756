"""An architecture is one file and one line: with a toy in a copy of the package every command knows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

FILE = '''
"""Bag: the sum of the embeddings so far."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from supervised.models.parts.base import Encoder, EncoderConfig


@dataclass(frozen=True)
class BagConfig(EncoderConfig):
    """Options of the bag."""

    units: int = 8
    """Size of the features."""

    @classmethod
    def suggest(cls, trial, prefix=""):
        return {"units": trial.suggest_int(f"{prefix}units", 4, 16)}


class BagEncoder(Encoder[Tensor]):
    config_class = BagConfig

    def __init__(self, config, vocab_size):
        super().__init__()
        self.width = config.units
        self.embedding = nn.Embedding(vocab_size, config.units)
        self.mix = nn.Linear(config.units, config.units)

    def forward(self, ids, lengths=None):
        return torch.tanh(self.mix(self.embedding(ids).cumsum(1)))

    def start(self, ids, lengths):
        return self.step(ids[:, 0], None) if ids.shape[1] == 1 else self._after(self._sums(ids, lengths))

    def step(self, token, state):
        added = self.embedding(token)
        return self._after(added if state is None else state + added)

    def select(self, state, rows):
        return state[rows]

    def _sums(self, ids, lengths):
        return self.embedding(ids).cumsum(1)[torch.arange(len(ids)), lengths - 1]

    def _after(self, state):
        return torch.tanh(self.mix(state)), state


ENCODER = BagEncoder
'''

TINY = "--eval-cases 20 --name"
COMMANDS = [  # what is typed, the exit code, a part of what is shown
    ("supervised.train", f"--arch bag --units 6 --setting bracket/CloseTiny-v0 --steps 4 {TINY} a", 0, "bag of"),
    ("supervised.train", "--arch bag --heads 2", 2, "bag does not use the option 'heads'"),
    ("supervised.evaluate", "a --n 20", 0, "percent of 20 cases"),
    ("supervised.predict", "a ([", 0, ""),
    ("supervised.compress", f"a --prune 0.5 --fine-tune-steps 0 --quantize int8-dynamic {TINY} b", 0, "zeros %"),
    ("supervised.compress", f"a --distill-to bag --units 4 --distill-steps 3 {TINY} c", 0, "into a bag"),
    ("supervised.compress", "a --prune 0.5 --structured", 2, "removes units of gru, lstm, transformer, not of bag"),
    ("supervised.compress", "a --onnx a.onnx", 2, "--onnx: bag has no function of tensors alone"),
    ("supervised.adapt", "a --tune lora", 2, "bag takes no LoRA adapter"),
    ("supervised.adapt", "a --export-transformers out", 2, "only gpt and bert can be exported"),
    ("supervised.pretrain", "--arch bag --objective mlm", 2, "bag only reads from left to right"),
    ("supervised.tune", f"--arch bag --steps 2 --n-trials 1 --dataset-size 20 {TINY} s", 0, "units"),
    ("agents.train_ppo", f"--arch bag --total-timesteps 4096 {TINY} d", 0, "bag"),
]
SCRIPT = """
import contextlib, io, json, runpy, sys

for module, words, code, text in json.loads(sys.argv[1]):
    sys.argv, shown = [module, *words.split()], io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            assert end.code == code, (module, words, shown.getvalue())
    assert text in " ".join(shown.getvalue().split()), (module, words, shown.getvalue())
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package with one file and one name more."""
    shutil.copytree(ROOT / "supervised", tmp_path / "supervised")  # what is compiled too: it keeps the files' times
    (tmp_path / "supervised" / "models" / "bag.py").write_text(FILE)
    names = tmp_path / "supervised/options/groups.py"
    line = 'ArchitectureName = Literal["gru", '
    text = names.read_text("utf-8")
    assert text.count(line) == 1
    names.write_text(text.replace(line, line.replace('"gru", ', '"gru", "bag", ')), "utf-8")
    return tmp_path


def test_a_new_architecture_is_one_file_and_one_line(copy: Path) -> None:
    paths = os.pathsep.join(map(str, (copy, ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(COMMANDS)],
        cwd=copy,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
