"""``supervised.adapt RUN --export-transformers DIR``: a whole model in transformers' format, with a tokenizer.

    DIR/  config.json  model.safetensors          gpt    transformers.AutoModelForCausalLM: ``generate`` answers
          generation_config.json                  bert   transformers.AutoModelForTokenClassification: the label at the
          tokenizer.json  tokenizer_config.json          MASK is the next symbol
                                                  both   AutoModel, AutoTokenizer

The tokenizer writes ``BOS prefix SEP``, for BERT with the MASK behind it, and passes over spaces. A GPT-2's own head
has no bias. Ours is put where the last layer norm adds something to every feature: with head W and bias b the norm's
bias grows by the d of which W d = b, up to a constant that no probability depends on.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bracket_env import BOS, EOS, MASK, PAD, SEP, SPECIAL_NAMES, BracketLanguage, BracketTokenizer, InputError
from bracket_env.atomic import new_folder
from supervised.models import ENCODERS, SequenceModel
from supervised.models.parts.hugging_face import HuggingFaceEncoder, import_transformers, position_offset
from supervised.runs import RunFolder, load_best
from supervised.runs.sentences import refuse_conditioned

_MOST_OFF = 1e-3  # of a logit


def export_transformers(run: RunFolder, target: Path) -> str:
    """Write the best model of a run into a new folder.

    Returns:
        The class of transformers that reads it, head and all.

    Raises:
        InputError: the run's architecture is none of transformers', or its head does not fit into its class there, or
            the folder exists or cannot be made.
    """
    exportable = [arch for arch, encoder in ENCODERS.items() if issubclass(encoder, HuggingFaceEncoder)]
    if run.config.architecture not in exportable:
        raise InputError(
            f"{run.path} is of architecture {run.config.architecture}, which transformers does not have: "
            f"only {' and '.join(exportable)} can be exported"
        )
    refuse_conditioned(run.path, run.config.options)
    if os.path.exists(target):
        raise InputError(f"{target} exists: choose another folder for --export-transformers")
    transformers = import_transformers()
    transformers.utils.logging.disable_progress_bar()
    model = load_best(run, floats=True)
    kind = str(_inner(model).config.model_type)
    if position_offset(kind):
        raise InputError(f"{run.path} is made of {kind}, which would take our tokens for its padding: not exportable")
    tokenizer = BracketTokenizer(run.config.language)
    causal = kind == "gpt2"
    make = _causal if causal else _classifier
    whole = make(transformers, model, [tokenizer.spell([i]) for i in range(tokenizer.vocab_size)], str(run.path))
    with new_folder(target, "cannot make") as beside:
        whole.save_pretrained(beside)
        bracket_tokenizer(run.config.language, fills_mask=not causal).save_pretrained(beside)
    return "AutoModelForCausalLM" if causal else "AutoModelForTokenClassification"


def _inner(model: SequenceModel) -> Any:
    """The model of transformers inside."""
    encoder: Any = model.encoder
    return encoder.pretrained


def _config(model: SequenceModel, **more: Any) -> Any:
    """The encoder's configuration with our special tokens."""
    own = _inner(model).config
    config = type(own).from_dict(own.to_dict())
    config.update({"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD, "sep_token_id": SEP, **more})
    return config


def _causal(transformers: Any, model: SequenceModel, names: list[str], run: str) -> Any:
    """A GPT-2 with its head."""
    whole = transformers.GPT2LMHeadModel(_config(model, tie_word_embeddings=False))
    whole.transformer.load_state_dict(_inner(model).state_dict())
    head: Any = model.head
    with torch.no_grad():
        whole.lm_head.weight.copy_(head.weight)
        whole.transformer.ln_f.bias += _as_features(head.weight, head.bias, run)
    whole.generation_config = transformers.GenerationConfig(
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, max_length=whole.config.n_positions
    )
    return whole


def _as_features(weight: Tensor, bias: Tensor, run: str) -> Tensor:
    """What features ``(width,)`` give the bias ``(V,)`` of a head ``(V, width)``, up to a constant.

    Raises:
        InputError: none do.
    """
    maps = torch.cat([weight, -weight.new_ones(len(weight), 1)], 1).double()
    found = torch.linalg.lstsq(maps, bias.double()[:, None], driver="gelsd").solution
    if (maps @ found - bias[:, None]).abs().max() > _MOST_OFF:
        symbols, width = weight.shape
        raise InputError(
            f"{run} has a head of {symbols} symbols on {width} features, whose bias has no place in a GPT-2: "
            f"--width {symbols} or more has one"
        )
    return found[:-1, 0].to(bias)


def _classifier(transformers: Any, model: SequenceModel, names: list[str], run: str) -> Any:
    """A model that says of each position which symbol belongs there."""
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    whole = transformers.AutoModelForTokenClassification.from_config(_config(model, **labels, mask_token_id=MASK))
    getattr(whole, whole.base_model_prefix).load_state_dict(_inner(model).state_dict())
    whole.classifier.load_state_dict(model.head.state_dict())
    return whole


def bracket_tokenizer(language: BracketLanguage, *, fills_mask: bool = False) -> Any:
    """Our tokenizer as one of transformers: the same ids, one token a character.

    Args:
        fills_mask: for a model that reads a MASK where the next symbol is to be.
    """
    transformers = import_transformers()
    from tokenizers import Tokenizer

    ours = BracketTokenizer(language)
    vocabulary = {ours.spell([i]): i for i in range(ours.vocab_size)}
    pad, bos, sep, eos, mask = SPECIAL_NAMES
    case: list[dict[str, Any]] = [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    case.append({"SpecialToken": {"id": sep, "type_id": 0}})
    asked = [{"SpecialToken": {"id": mask, "type_id": 0}}] if fills_mask else []
    described = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}
            for i, name in enumerate(SPECIAL_NAMES)
        ],
        "normalizer": {"type": "Replace", "pattern": {"Regex": r"\s"}, "content": ""},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [*case, *asked],
            "pair": [*case, {"Sequence": {"id": "B", "type_id": 0}}, *asked],
            "special_tokens": {
                name: {"id": name, "ids": [i], "tokens": [name]} for i, name in enumerate(SPECIAL_NAMES)
            },
        },
        "decoder": {"type": "Fuse"},
        # No symbol stands for unknown ones: they are an error.
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unknown>"},
    }  # fmt: skip
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(described)),
        pad_token=pad, bos_token=bos, sep_token=sep, eos_token=eos, mask_token=mask,
        model_input_names=["input_ids", "attention_mask"],
        padding_side="right" if fills_mask else "left",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
