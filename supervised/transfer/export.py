"""``supervised.adapt RUN --export-transformers DIR``: an encoder in transformers' format, with a tokenizer.

    DIR/  config.json  model.safetensors          read by transformers.AutoModel
          tokenizer.json  tokenizer_config.json   read by transformers.AutoTokenizer: one token a character

The head stays behind: it gives logits of answers, and a model that starts from the folder gets one of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bracket_env import SPECIAL_NAMES, BracketLanguage, BracketTokenizer, InputError
from bracket_env.atomic import new_folder
from supervised.models import ENCODERS
from supervised.models.parts.hugging_face import HuggingFaceEncoder, import_transformers
from supervised.runs import RunFolder, load_best


def export_transformers(run: RunFolder, target: Path) -> None:
    """Write the encoder of a run into a new folder.

    Raises:
        InputError: the run's architecture is none of transformers', or the folder exists or cannot be made.
    """
    exportable = [arch for arch, encoder in ENCODERS.items() if issubclass(encoder, HuggingFaceEncoder)]
    if run.config.architecture not in exportable:
        raise InputError(
            f"{run.path} is of architecture {run.config.architecture}, which transformers does not have: "
            f"only {' and '.join(exportable)} can be exported"
        )
    if os.path.exists(target):
        raise InputError(f"{target} exists: choose another folder for --export-transformers")
    inner: Any = load_best(run, floats=True).encoder.pretrained
    with new_folder(target, "cannot make") as beside:
        inner.save_pretrained(beside)
        bracket_tokenizer(run.config.language).save_pretrained(beside)


def bracket_tokenizer(language: BracketLanguage) -> Any:
    """Our tokenizer as one of transformers: the same ids, one token a character."""
    transformers = import_transformers()
    from tokenizers import Tokenizer

    ours = BracketTokenizer(language)
    vocabulary = {ours.spell([i]): i for i in range(ours.vocab_size)}
    described = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}
            for i, name in enumerate(SPECIAL_NAMES)
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": SPECIAL_NAMES[-1]},
    }  # fmt: skip
    pad, bos, sep, eos, mask = SPECIAL_NAMES
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(described)),
        pad_token=pad, bos_token=bos, sep_token=sep, eos_token=eos, mask_token=mask,
    )  # fmt: skip
