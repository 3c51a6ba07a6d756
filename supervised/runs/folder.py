"""Run folders: what a training run leaves behind, and how it is read back.

    runs/<name>/  config.json                  what was asked for: setting, pairs, architecture, every option
                  command.txt                  the command lines, one for each time that it was gone on with
                  metrics.jsonl                one line an evaluation
                  best_model.safetensors       weights of the best evaluation, keys encoder.* and head.*
                  best_model_metadata.json     its figures (best_loss among them) and the digest of the weights
                  checkpoint/                  everything needed to go on exactly
                  training_history.png  evaluation_result.txt

Runs of both families have the same form, so :func:`supervised.runs.loading.load` makes a solver of either, without
Stable-Baselines3 and without pickle. Every file but the growing log is replaced atomically.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from bracket_env import InputError, quote
from bracket_env.atomic import new_folder, write_bytes, write_json, write_text
from bracket_env.words.suggestions import did_you_mean
from supervised.runs.config import OCCUPANCY, RESUMED_BY, RunConfig

DEFAULT_ROOT = "runs"
CONFIG, COMMAND, METRICS = "config.json", "command.txt", "metrics.jsonl"
WEIGHTS, METADATA = "best_model.safetensors", "best_model_metadata.json"


class RunFolder:
    """One run on disk. Use :meth:`create` for a new one and :meth:`open` for one that is there."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path, self.config = path, config

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        """The folder for what resuming needs."""
        return self.path / "checkpoint"

    @classmethod
    def create(
        cls,
        name: str,
        config: RunConfig,
        command: Sequence[str],
        *,
        root: str | Path = DEFAULT_ROOT,
        replace: bool = False,
        fill: Callable[[RunFolder], None] | None = None,
    ) -> RunFolder:
        """Make ``root/name`` with its configuration.

        Args:
            replace: remove a run of that name first.
            fill: writes what else the folder is to have from the beginning.

        Raises:
            InputError: the run exists already, the folder holds something else, or it cannot be written.
        """
        path = checked_path(name, root)
        if os.path.exists(path) and not replace:
            go_on = f", or go on with --resume {shlex.quote(name)}" if config.kind in RESUMED_BY else ""
            raise InputError(f"run {path} exists: choose another --name{go_on}")
        with new_folder(path, "cannot make run folder", replace=replace) as beside:
            (beside / "checkpoint").mkdir()
            write_text(beside / COMMAND, shlex.join(command) + "\n")
            write_json(beside / CONFIG, config.to_json())
            if fill is not None:
                fill(cls(beside, config))
        return cls(path, config)

    @classmethod
    def open(cls, run: str | Path, *, root: str | Path = DEFAULT_ROOT, any_task: bool = False) -> RunFolder:
        """The run with this name in ``root``, or in this folder.

        Args:
            any_task: also one that knows no brackets.

        Raises:
            InputError: no such run, one whose configuration is missing, damaged or of another format, or that knows no
                brackets.
        """
        path = Path(root) / run
        if not os.path.isdir(path):
            path = Path(run)
        if not os.path.isdir(path):
            near = did_you_mean(str(run), (path.parent.name for path in Path(root).glob(f"*/{CONFIG}")))
            problem = f"no folder in {root} has this name or this path{near}"
            raise InputError(f"there is no run {quote(str(run), 200)}: {problem}")
        content = _read_json(path / CONFIG, "is not a run folder")
        try:
            config = RunConfig.from_json(content)
        except InputError as error:
            raise InputError(f"{path / CONFIG}: {error}") from None
        if config.kind == OCCUPANCY and not any_task:
            asked = f"python -m supervised.occupancy predict {shlex.quote(str(run))} FILE"
            raise InputError(
                f"{path} tells whether somebody is at home, and knows no brackets: ask it with {asked}; it was trained "
                "in one go, so it has no curve and is not gone on with"
            )
        return cls(path, config)

    def go_on(self, command: Sequence[str]) -> None:
        """Note a command that goes on with the run; :attr:`config` is written when that extends the run.

        Raises:
            InputError: a file cannot be read or written.
        """
        try:
            before = (self.path / COMMAND).read_text(encoding="utf-8")
        except FileNotFoundError:
            before = ""
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {self.path / COMMAND}: {error}") from None
        write_text(self.path / COMMAND, before + shlex.join(command) + "\n")
        # The configuration comes last: it is what makes the run longer.
        if _read_json(self.path / CONFIG, "is not a run folder") != json.loads(json.dumps(self.config.to_json())):
            write_json(self.path / CONFIG, self.config.to_json())

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Append one line to the metrics.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            with open(self.path / METRICS, "a", encoding="utf-8") as file:
                file.write(json.dumps(dict(metrics)) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.path / METRICS}: {error.strerror}") from None

    def metrics(self) -> list[dict[str, Any]]:
        """Everything logged so far. A last line cut short by a kill is left out.

        Raises:
            InputError: a damaged line before the last, or a file that cannot be read.
        """
        path = self.path / METRICS
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        entries: list[dict[str, Any]] = []
        for line in lines[:-1]:  # a whole line ends with a newline, so what follows the last one is empty or cut short
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                entry = None
            if not isinstance(entry, dict):
                raise InputError(f"{path}:{len(entries) + 1}: damaged line {quote(line)}")
            entries.append(entry)
        return entries

    def rewind(self, key: str, value: float) -> None:
        """Forget metrics whose ``key`` is beyond ``value``: a resumed run logs them again."""
        kept = [entry for entry in self.metrics() if entry.get(key, 0) <= value]
        write_text(self.path / METRICS, "".join(json.dumps(entry) + "\n" for entry in kept))

    def save_best(self, model: nn.Module, metadata: Mapping[str, Any], packed: bytes | None = None) -> None:
        """Replace the best model. The metadata names the digest of the weights it belongs to.

        A kill between the two files leaves the new weights beside the old figures: loading needs the weights alone,
        :meth:`best_metadata` refuses figures of others, and a resumed run writes both again.

        Args:
            packed: the model's weights as :func:`supervised.runs.files.weights.pack` makes them; plain by default.
        """
        weights = packed
        if weights is None:
            weights = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()})
        write_bytes(self.path / WEIGHTS, weights)
        described = {
            **metadata,
            "architecture": self.config.architecture,
            "params": self.config.params,
            "pairs": list(self.config.pairs),
            "parameters": sum(p.numel() for p in model.parameters()),
            "sha256": hashlib.sha256(weights).hexdigest(),
        }
        write_json(self.path / METADATA, described)

    def best_metadata(self) -> dict[str, Any]:
        """The figures of the best model.

        Raises:
            InputError: missing, no JSON object, or not the figures of the weights beside it.
        """
        metadata = _read_json(self.path / METADATA, "holds no trained model yet")
        try:
            weights = (self.path / WEIGHTS).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {self.path / WEIGHTS}: {error.strerror}") from None
        if metadata.get("sha256") != hashlib.sha256(weights).hexdigest():
            raise InputError(f"{self.path / METADATA} does not belong to {WEIGHTS} beside it: the sha256 differ")
        return metadata


def checked_path(name: str, root: str | Path = DEFAULT_ROOT) -> Path:
    """The folder of a run to be made.

    Raises:
        InputError: it is not the name of one folder, or of one that is there and no run.
    """
    path = Path(root) / name
    if Path(name).name != name or name in ("", ".."):
        raise InputError(f"a run's name is one folder name, not {quote(name)}")
    if os.path.exists(path) and not (path / CONFIG).is_file():
        raise InputError(f"{path} is not a run folder, so it is not replaced")
    return path


def free_name(stem: str, root: str | Path = DEFAULT_ROOT) -> str:
    """``stem-1``, or the first number that is not taken."""
    number = 1
    while (Path(root) / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


def _read_json(path: Path, otherwise: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path.parent} {otherwise}: no {path.name}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged: not a JSON object")
    return value
