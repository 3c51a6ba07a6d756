"""Models of transformers read whole: where a folder lacks a tensor, transformers would draw one at random."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bracket_env import InputError

_NOT_NEEDED = ("pooler.",)


def load_whole(folder: Path) -> tuple[Any, Any]:
    """The tokenizer of a folder, and the model without its head.

    Raises:
        InputError: a tensor of the model is missing, of another shape, too many, or holds what is no number.
        Exception: whatever transformers raises for files that it cannot read.
    """
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()  # its report is what is looked at here
    try:
        model, found = transformers.AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    finally:
        transformers.utils.logging.set_verbosity(before)
    own = model.state_dict()
    missing = sorted(name for name in found["missing_keys"] if not name.startswith(_NOT_NEEDED))
    if missing:
        raise InputError(f"its weights lack {missing[0]}{_more(missing)}, which config.json asks for")
    for name, there, wanted in sorted(found["mismatched_keys"]):
        raise InputError(f"its weights have {name} as {tuple(there)}, config.json asks for {tuple(wanted)}")
    surplus = _of_the_body(found["unexpected_keys"], own)
    if surplus:
        raise InputError(f"its weights have {surplus[0]}{_more(surplus)}, for which config.json has no place")
    broken = [name for name, tensor in own.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise InputError(f"its weights hold what is no number (NaN or infinite): {broken[0]}{_more(broken)}")
    return tokenizer, model


def _of_the_body(surplus: Collection[str], own: Collection[str]) -> list[str]:
    """Those tensors that are no head's: named as one of the model's own, of a layer that it has not."""
    forms = {re.sub(r"\d+", "0", name) for name in own}
    return sorted(name for name in surplus if any(re.sub(r"\d+", "0", name).endswith(form) for form in forms))


def _more(names: Collection[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
