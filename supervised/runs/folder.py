"""Run folders: what a training run leaves behind, and how it is read back.

    runs/<name>/  config.json                  what was asked for: setting, pairs, architecture, every option
                  command.txt                  the command line
                  metrics.jsonl                one line an evaluation
                  best_model.safetensors       weights of the best evaluation, keys encoder.* and head.*
                  best_model_metadata.json     its figures (best_loss among them) and the digest of the weights
                  checkpoint/                  everything needed to go on exactly
                  training_history.png  evaluation_result.txt

Runs of both families have the same form, so :func:`load` makes a solver of either, without Stable-Baselines3 and
without pickle. Every file but the growing log is replaced atomically.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from bracket_env.atomic import write_bytes, write_text
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from bracket_env.tokenizer import BracketTokenizer
from ncl_reward.reading.instruction import parse_instruction
from supervised.models import SequenceModel, build_model, check_params
from supervised.models.parts.int8 import compute_in_int8
from supervised.runs.sentences import is_conditioned, say, sentence_vectors, with_sentences
from supervised.runs.solver import ModelSolver
from supervised.runs.weights import Stored, unpack

FORMAT = 1
DEFAULT_ROOT = "runs"
CONFIG, COMMAND, METRICS = "config.json", "command.txt", "metrics.jsonl"
WEIGHTS, METADATA = "best_model.safetensors", "best_model_metadata.json"


_RESUMABLE = ("supervised", "pretrain", "adapt", "ppo")


def how_to_resume(kind: str) -> str:
    """What to tell somebody who tried another command."""
    return "resume it with its own command" if kind in _RESUMABLE else "it cannot be resumed"


@dataclass(frozen=True)
class RunConfig:
    """What defines the model of a run, and the options it was trained with."""

    kind: str
    """``ppo``, ``supervised``, ``pretrain`` or ``adapt``: the command that resumes it; ``compress`` and ``instruct``:
    nothing is to be resumed."""
    setting: str
    pairs: tuple[str, ...]
    architecture: str
    params: dict[str, Any]
    """The architecture's options, complete."""
    masked: bool
    """Whether the model may only write what the count mask allows."""
    options: dict[str, Any]
    """Every option of the command."""

    @property
    def language(self) -> BracketLanguage:
        """The language of the run."""
        return BracketLanguage(self.pairs)

    def build(self) -> SequenceModel:
        """A freshly initialised model of this run's shape."""
        model = build_model(self.architecture, self.params, BracketTokenizer(self.language).vocab_size)
        return with_sentences(model, self.options["ncl_encoder"]) if is_conditioned(self.options) else model


class RunFolder:
    """One run on disk. Use :meth:`create` for a new one and :meth:`open` for one that is there."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config

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
            go_on = f", or go on with --resume {name}" if config.kind in _RESUMABLE else ""
            raise InputError(f"run {path} exists: choose another --name{go_on}")
        # Made beside and then renamed: whatever happens, a folder of that name is a whole run.
        beside = Path(root) / f".{secrets.token_hex(8)}.tmp"
        try:
            (beside / "checkpoint").mkdir(parents=True)
            write_text(beside / COMMAND, shlex.join(command) + "\n")
            write_text(beside / CONFIG, _dump({"format": FORMAT, **asdict(config)}))
            if fill is not None:
                fill(cls(beside, config))
            if path.exists():
                shutil.rmtree(path)
            os.rename(beside, path)
        except OSError as error:
            raise InputError(f"cannot make run folder {path}: {error.strerror}") from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return cls(path, config)

    @classmethod
    def open(cls, run: str | Path, *, root: str | Path = DEFAULT_ROOT) -> RunFolder:
        """The run with this name in ``root``, or in this folder.

        Raises:
            InputError: no such run, or its configuration is missing, damaged or of another format.
        """
        path = Path(root) / run
        if not os.path.isdir(path):
            path = Path(run)
        if not os.path.isdir(path):
            raise InputError(f"there is no run {quote(str(run), 200)}: no folder in {root} has this name or this path")
        raw = _read_json(path / CONFIG, "is not a run folder")
        try:
            config = _parse_config(raw)
        except InputError as error:
            raise InputError(f"{path / CONFIG}: {error}") from None
        return cls(path, config)

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

    def save_best(self, model: SequenceModel, metadata: Mapping[str, Any], packed: bytes | None = None) -> None:
        """Replace the best model. The metadata names the digest of the weights it belongs to.

        Args:
            packed: the model's weights as :func:`supervised.runs.weights.pack` makes them; plain by default.

        A kill between the two files leaves the new weights beside the old figures: :meth:`load_best` needs the weights
        alone, :meth:`best_metadata` refuses figures of others, and a resumed run writes both again.
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
        write_text(self.path / METADATA, _dump(described))

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

    def load_best(self, *, device: str | torch.device = "cpu", floats: bool = False) -> SequenceModel:
        """The best model, ready to use.

        Args:
            floats: floats also for weights that are to be computed with as int8: for training on. A device that is not
                the CPU has no int8 kernels and takes floats in any case.

        Raises:
            InputError: missing or damaged weights, or weights that do not fit the run's configuration.
        """
        path = self.path / WEIGHTS
        if self.config.kind == "instruct":
            raise InputError(f"{self.path} answers a prefix only together with a sentence, so it is no solver")
        if not path.is_file():
            raise InputError(f"{self.path} holds no trained model yet: no {WEIGHTS}")
        try:
            stored = unpack(path.read_bytes())
        except (ValueError, OSError) as error:
            raise InputError(f"{path} is damaged: {error}") from None
        try:
            return model_of(self.config, stored, device=device, floats=floats)
        except InputError as error:
            raise InputError(f"{path} {error}") from None


def model_of(
    config: RunConfig, stored: Stored, *, device: str | torch.device = "cpu", floats: bool = False
) -> SequenceModel:
    """The model of a run with these weights, ready to use.

    Args:
        floats: see :meth:`RunFolder.load_best`.

    Raises:
        InputError: the weights do not fit the configuration, without the file's name.
    """
    model = config.build()
    weights, expected = stored.weights, model.state_dict()
    for name in sorted({*expected, *weights}):
        if name not in weights or name not in expected:
            place = "is missing" if name in expected else "is not known to it"
            raise InputError(f"does not fit the {config.architecture} of {CONFIG}: {name} {place}")
        if weights[name].shape != expected[name].shape:
            found, wanted = tuple(weights[name].shape), tuple(expected[name].shape)
            raise InputError(f"does not fit the {config.architecture} of {CONFIG}: {name} is {found}, not {wanted}")
    model.load_state_dict(weights)
    if stored.compute == "int8" and not floats and torch.device(device).type == "cpu":
        compute_in_int8(model, stored.quantized)
    return model.to(device).eval()


def load(
    run: str | Path,
    *,
    root: str | Path = DEFAULT_ROOT,
    device: str | torch.device = "cpu",
    temperature: float = 0.0,
    seed: int = 0,
    instruction: str | None = None,
) -> ModelSolver:
    """The best model of a run of either family, as a solver.

    Args:
        temperature, seed: see :class:`ModelSolver`.
        instruction: what a model that was trained ``--conditioned`` is told; any sentence, and no other run takes one.

    Raises:
        InputError: see :meth:`RunFolder.open` and :meth:`RunFolder.load_best`; a sentence that is missing or too much,
            or that cannot be read.
    """
    folder = RunFolder.open(run, root=root)
    conditioned = is_conditioned(folder.config.options)
    if conditioned != (instruction is not None):
        problem = "answers what a sentence says: give one with" if conditioned else "was not trained --conditioned: no"
        raise InputError(f"{folder.path} {problem} --instruction")
    model = folder.load_best(device=device)
    if instruction is not None:
        text = parse_instruction(instruction, folder.config.language).text
        say(model, sentence_vectors(folder.config.options["ncl_encoder"], [text]))
    return ModelSolver(
        model,
        BracketTokenizer(folder.config.language),
        masked=folder.config.masked,
        everywhere=folder.config.options.get("loss") == "all",
        temperature=temperature,
        seed=seed,
    )


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


def _parse_config(raw: dict[str, Any]) -> RunConfig:
    """Raises InputError without the file's name."""
    forms = {"kind": str, "setting": str, "pairs": list, "architecture": str, "params": dict, "masked": bool}
    forms |= {"options": dict, "format": int}
    for name in sorted(forms.keys() ^ raw.keys()):
        raise InputError(f"{quote(name)} is {'missing' if name in forms else 'not known'}")
    for name, form in forms.items():
        if not isinstance(raw[name], form):
            raise InputError(f"{name} must be of type {form.__name__}, not {quote(raw[name])}")
    if raw["format"] != FORMAT:
        raise InputError(f"format {raw['format']} is of another version (this one reads {FORMAT})")
    config = RunConfig(**{field.name: raw[field.name] for field in fields(RunConfig)} | {"pairs": tuple(raw["pairs"])})
    BracketLanguage(config.pairs)
    check_params(config.architecture, config.params)
    return config


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


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
