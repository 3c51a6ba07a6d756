"""Adapters on disk, and several of them on one base.

adapter/  adapter_model.safetensors  adapter_config.json     peft's own format, the adapter alone
          base.json                                          the base's name and digest, the pairs with the new ones
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from bracket_env import BracketLanguage, BracketTokenizer, InputError, quote
from bracket_env.atomic import write_bytes, write_json, write_text
from supervised.models import SequenceModel
from supervised.runs import RunConfig, RunFolder, load_best
from supervised.transfer.lora import NEVER, WidenedHead, adapter_weights, add_adapter, digest, use_adapter
from supervised.transfer.pretrained import one_line
from supervised.transfer.transplant import initialise_from

FOLDER, WEIGHTS, CONFIG, BASE = "adapter", "adapter_model.safetensors", "adapter_config.json", "base.json"
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Base:
    """What an adapter belongs to."""

    name: str
    """The run's name, or the pre-trained model's."""
    digest: str
    """SHA-256 of the base's weights."""
    setting: str
    """The task that the adapter was trained on."""
    pairs: tuple[str, ...]
    """The pairs that the adapted model writes, the base's first."""


def save_adapter(folder: Path, model: SequenceModel, name: str, base: Base) -> None:
    """Write an adapter of a model into a folder.

    Raises:
        InputError: it cannot be written.
    """
    folder.mkdir(exist_ok=True)
    if not (folder / CONFIG).exists():
        with tempfile.TemporaryDirectory() as beside:  # peft writes in place
            configs: Any = model.peft_config
            configs[name].save_pretrained(beside)
            write_text(folder / CONFIG, (Path(beside) / CONFIG).read_text(encoding="utf-8"))
        write_json(folder / BASE, asdict(base))
    # With this entry transformers and peft know whose tensors they are.
    weights = safetensors.torch.save(adapter_weights(model, name), metadata={"format": "pt"})
    write_bytes(folder / WEIGHTS, weights)


def adapter_folder(run: str, root: str) -> Path:
    """The adapter of a run, or the adapter folder itself.

    Raises:
        InputError: neither.
    """
    for path in (Path(root) / run / FOLDER, Path(run) / FOLDER, Path(run)):
        if (path / CONFIG).is_file():
            return path
    raise InputError(f"{run} is no adapter: neither a run of --tune lora nor a folder with {CONFIG}")


def read_base(folder: Path) -> Base:
    """What the adapter in a folder belongs to.

    Raises:
        InputError: missing or damaged.
    """
    try:
        raw = json.loads((folder / BASE).read_text(encoding="utf-8"))
        base = Base(str(raw["name"]), str(raw["digest"]), str(raw["setting"]), tuple(map(str, raw["pairs"])))
        BracketLanguage(base.pairs)
        return base
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / BASE} is missing or damaged: {error}") from None


def base_digest(run: RunFolder) -> str:
    """The digest that adapters of this run carry.

    Raises:
        InputError: the run has no weights.
    """
    return digest(load_best(run, floats=True).state_dict())


def widened(run: RunFolder, config: RunConfig) -> tuple[SequenceModel, nn.Linear]:
    """A run's model with room for the symbols of another language, whose first pairs are the run's.

    Args:
        config: the architecture, sizes and pairs to come.

    Returns:
        The model, which writes as the run does and none of the new symbols; and a head to start adapters from, where
        new symbols have the rows of the nearest known ones.

    Raises:
        InputError: as :func:`initialise_from`.
    """
    model = config.build()
    initialise_from(model, config, run, nearest=True)
    start = model.head
    old: nn.Linear = load_best(run, floats=True).head
    added = start.out_features - old.out_features
    model.head = WidenedHead(old, added) if added else old  # type: ignore[assignment]
    return model, start


def copy_head(head: Any, start: nn.Linear) -> None:
    """Overwrite a head of either form with the rows of a plain one."""
    with torch.no_grad():
        parts = [(head.old, 0), (head.new, head.old.out_features)] if isinstance(head, WidenedHead) else [(head, 0)]
        for part, first in parts:
            part.weight.copy_(start.weight[first : first + part.out_features])
            part.bias.copy_(start.bias[first : first + part.out_features])


def with_adapters(base: RunFolder, folders: Mapping[str, Path]) -> SequenceModel:
    """A run's model with several adapters on it; the last one is on.

    Args:
        folders: a name for each adapter (not peft's reserved words, no dots) and where it is.

    Raises:
        InputError: an adapter that is missing or damaged, or that belongs to another base.
    """
    own = base_digest(base)
    owners = {name: read_base(folder) for name, folder in folders.items()}
    for name, owner in owners.items():
        if owner.digest != own:
            raise InputError(f"the adapter {folders[name]} belongs to another base: {owner.name}, not {base.name}")
    widest = max(owners.values(), key=lambda owner: len(owner.pairs)).pairs
    spare = _spare_pairs(base.config.pairs, len(widest))
    model, _ = widened(base, replace(base.config, pairs=spare))
    # Once an adapter with new symbols is on, peft looks for such rows in those that come after it.
    for name, folder in sorted(folders.items(), key=lambda item: len(owners[item[0]].pairs)):
        _load(model, name, folder)
    use_adapter(model, list(folders)[-1])
    return model.eval()


def answering(model: SequenceModel, name: str, folder: Path) -> BracketTokenizer:
    """Turn one of the adapters on; the vocabulary that it writes."""
    use_adapter(model, name)
    return BracketTokenizer(BracketLanguage(read_base(folder).pairs))


def _load(model: SequenceModel, name: str, folder: Path) -> None:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = safetensors.torch.load_file(folder / WEIGHTS)
        tokens = config["trainable_token_indices"] or {}
        add_adapter(
            model,
            name,
            targets=config["target_modules"],
            rank=config["r"],
            alpha=config["lora_alpha"],
            new_ids=[i for ids in tokens.values() for i in ids],
        )
        _put(model, name, weights)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"the adapter {folder} is damaged or does not fit: {one_line(error)}") from None


def _put(model: SequenceModel, name: str, weights: Mapping[str, Tensor]) -> None:
    from peft import set_peft_model_state_dict

    state = {key.removeprefix(_PREFIX): tensor for key, tensor in weights.items()}
    for key, tensor in state.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{key} holds what is no number (NaN or infinite)")
    head: Any = model.head
    # Two adapters may add different numbers of symbols; the rows that one lacks it never writes.
    weight, bias = (_head_rows(state, part) for part in ("weight", "bias"))
    missing = head.out_features - len(bias)
    start = nn.Linear(weight.shape[1], head.out_features)
    with torch.no_grad():
        start.weight.copy_(nn.functional.pad(weight, (0, 0, 0, missing)))
        start.bias.copy_(nn.functional.pad(bias, (0, missing), value=NEVER))
    copy_head(head.modules_to_save[name], start)
    own = head.modules_to_save[name].state_dict()
    state = {key: tensor for key, tensor in state.items() if not key.startswith("head.")}
    state |= {f"head.{key}": tensor for key, tensor in own.items()}
    result: Any = set_peft_model_state_dict(model, state, adapter_name=name)
    lacking = [key for key in result.missing_keys if name in key.split(".")]
    if lacking:
        raise ValueError(f"{quote(lacking[0])} is missing")
    if result.unexpected_keys:
        raise ValueError(f"{quote(result.unexpected_keys[0])} has no place in the model")


def _head_rows(state: Mapping[str, Tensor], part: str) -> Tensor:
    """Weight or bias of the head among an adapter's tensors, all rows together."""
    if f"head.{part}" in state:
        return state[f"head.{part}"]
    return torch.cat([state[f"head.old.{part}"], state[f"head.new.{part}"]])


def _spare_pairs(pairs: Sequence[str], count: int) -> tuple[str, ...]:
    """``pairs`` and as many others as there are to be: what they look like does not matter while no adapter is on."""
    taken = set("".join(pairs))
    spare = (chr(code) for code in range(0x4E00, 0x9FFF) if chr(code) not in taken)
    return (*pairs, *(next(spare) + next(spare) for _ in range(count - len(pairs))))
