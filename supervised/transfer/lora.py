"""Low-rank adapters (Hu et al. 2021, "LoRA", section 4.1) on our models, through peft.

    W x  ->  W x + (alpha / rank) B A x         A (rank, in), B (out, rank); B starts at 0

The base is frozen. Trained are A and B of the target modules, the embedding rows of new symbols, and a copy of the
head. While the adapter is off the model is the base again, bit for bit, and writes no symbol that the base lacks: the
head's rows for new symbols stand apart, so that no sum changes its order, and give :data:`NEVER` there.

    adapter/  adapter_model.safetensors  adapter_config.json     peft's own format, the adapter alone
              base.json                                          which base it belongs to, and the pairs it added

peft takes seconds to import, so it is imported when an adapter is made and not before.
"""

from __future__ import annotations

import copy
import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bracket_env import InputError, quote
from supervised.models import ENCODERS, SequenceModel
from supervised.models.parts.hugging_face import is_conv1d

NEVER = -1e4
"""The logit of a symbol that the base does not know."""


class WidenedHead(nn.Module):
    """A linear head with rows for new symbols behind those of the old ones.

    Args:
        old: the base's head, ``(V, width)``.
        new: how many rows to add; their logits are :data:`NEVER`.
    """

    def __init__(self, old: nn.Linear, new: int) -> None:
        super().__init__()
        self.old = old
        self.new = nn.Linear(old.in_features, new)
        nn.init.zeros_(self.new.weight)
        nn.init.constant_(self.new.bias, NEVER)

    def forward(self, features: Tensor) -> Tensor:
        """``(..., width)`` -> ``(..., V + new)``."""
        return torch.cat([self.old(features), self.new(features)], -1)

    @property
    def out_features(self) -> int:
        """V + new."""
        return self.old.out_features + self.new.out_features

    @property
    def weight(self) -> Tensor:
        """``(V + new, width)``."""
        return torch.cat([self.old.weight, self.new.weight])

    @property
    def bias(self) -> Tensor:
        """``(V + new,)``."""
        return torch.cat([self.old.bias, self.new.bias])


def check_adaptable(arch: str) -> None:
    """Refuses an architecture that takes no adapter.

    Raises:
        InputError: with the list of those that do.
    """
    if not ENCODERS[arch].lora_targets:
        adaptable = ", ".join(name for name, encoder in ENCODERS.items() if encoder.lora_targets)
        raise InputError(f"{arch} takes no LoRA adapter: use one of {adaptable}, or --tune full or head")


def target_names(model: SequenceModel, arch: str, targets: Sequence[str] | None, rank: int) -> list[str]:
    """The full names of the modules that are adapted.

    Args:
        targets: ends of names (``c_attn``), or full ones; None for the architecture's own ``lora_targets``.

    Raises:
        InputError: an architecture that takes no adapter, a target that no linear map has (with those there are), or a
            rank above the width of one.
    """
    check_adaptable(arch)
    maps = _linear_maps(model.encoder)
    chosen: list[str] = []
    for target in model.encoder.lora_targets if targets is None else targets:
        found = [name for name in maps if name == target or name.endswith(f".{target}")]
        if not found and targets is not None:
            ends = dict.fromkeys(re.sub(r"^.*\.\d+\.", "", name) for name in maps)
            raise InputError(f"--lora-target {quote(target)} matches no linear map of {arch}: it has {', '.join(ends)}")
        chosen += [name for name in found if name not in chosen]
    for name in chosen:
        if rank > (narrow := min(maps[name])):
            raise InputError(f"--lora-rank {rank} is above the width {narrow} of {name}: nothing would be low about it")
    return [f"encoder.{name}" for name in chosen]


def add_adapter(
    model: SequenceModel,
    name: str,
    *,
    targets: Sequence[str],
    rank: int,
    alpha: float,
    new_ids: Sequence[int],
) -> None:
    """Put a fresh adapter into a model, in place; it is on, and all else is frozen.

    Args:
        model: with the embedding rows of the new symbols; a :class:`WidenedHead` if the base's head had none.
        targets: full names of modules.
        new_ids: ids whose embeddings are trained with it.
    """
    peft = _peft()
    transposed = any(is_conv1d(model.get_submodule(target)) for target in targets)
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(targets),
        fan_in_fan_out=transposed,
        modules_to_save=["head"],
        trainable_token_indices={token_embedding(model): list(new_ids)} if new_ids else None,
    )
    with warnings.catch_warnings():  # several adapters on one model are what is wanted
        warnings.filterwarnings("ignore", message="Already found a `peft_config` attribute")
        peft.inject_adapter_in_model(config, model, adapter_name=name)


def adapter_weights(model: SequenceModel, name: str) -> dict[str, Tensor]:
    """An adapter alone, by the names that peft's files have."""
    peft = _peft()
    state = peft.get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
    return {f"base_model.model.{key}": tensor.detach().cpu().contiguous() for key, tensor in state.items()}


@contextmanager
def adapters_off(model: SequenceModel) -> Iterator[SequenceModel]:
    """The base, inside the ``with``."""
    _switch(model, on=False)
    try:
        yield model
    finally:
        _switch(model, on=True)


def use_adapter(model: SequenceModel, name: str) -> None:
    """Answer with this one of several adapters from now on."""
    for module in _adapted(model):
        tokens = getattr(module, "token_adapter", module)
        # An adapter without new symbols has no rows of its own, and reads none of the others'.
        if name in getattr(tokens, "token_indices", {name: []}):
            module.set_adapter(name)


@torch.no_grad()
def merged(model: SequenceModel) -> SequenceModel:
    """A plain model that computes the same: W + (alpha / rank) B A, new rows and new head in place.

    The given model stays as it is. A model without adapters is copied, so merging again changes nothing.
    """
    plain = copy.deepcopy(model)
    for path, module in list(plain.named_modules()):
        if not _is_adapted(module):
            continue
        parent, _, child = path.rpartition(".")
        if hasattr(module, "lora_A"):
            module.merge()
            inner = module.get_base_layer()
        elif hasattr(module, "token_adapter"):
            inner = module.token_adapter.get_base_layer()
            inner.weight.copy_(module.token_adapter.get_merged_weights(module.token_adapter.active_adapters))
        elif hasattr(module, "modules_to_save"):
            inner = _plain_head(module.modules_to_save[module.active_adapters[0]])
        else:  # the inner half of a token adapter, which went with its wrapper
            continue
        setattr(plain.get_submodule(parent), child, inner)
    if isinstance(plain.head, WidenedHead):
        plain.head = _plain_head(plain.head)
    plain.__dict__.pop("peft_config", None)
    return plain.requires_grad_(True)


def token_embedding(model: SequenceModel) -> str:
    """The full name of the module that turns ids into vectors."""
    wanted = model.encoder.token_embedding()
    return next(name for name, module in model.named_modules() if module is wanted)


def digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes and values: what tells one base from another."""
    found = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        found.update(tensor.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _linear_maps(encoder: nn.Module) -> dict[str, tuple[int, int]]:
    """Name -> the two sizes, for everything that a LoRA adapter can be put on. ``Conv1D`` is GPT-2's linear map."""
    return {
        name: (int(module.weight.shape[0]), int(module.weight.shape[1]))
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) or is_conv1d(module)
    }


def _plain_head(head: nn.Module) -> nn.Linear:
    """One linear map that gives the logits of a head of either form."""
    if isinstance(head, nn.Linear):
        return head
    assert isinstance(head, WidenedHead)
    plain = nn.Linear(head.old.in_features, head.out_features)
    plain.weight.copy_(head.weight)
    plain.bias.copy_(head.bias)
    return plain


def _adapted(model: SequenceModel) -> list[Any]:
    return [module for module in model.modules() if _is_adapted(module)]


def _is_adapted(module: nn.Module) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    return isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper)


def _switch(model: SequenceModel, *, on: bool) -> None:
    for module in _adapted(model):
        module.enable_adapters(on)


def _peft() -> Any:
    """Raises InputError: the package is not installed."""
    try:
        import peft
    except ImportError:
        raise InputError('LoRA needs peft: pip install "peft>=0.19,<1"') from None
    return peft
