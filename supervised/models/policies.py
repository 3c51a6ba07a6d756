"""An agent's policy as the head and the encoder of a supervised model.

action     0  1  2  END           token   PAD .. EOS MASK (   )   【  】  {   }
logit      a  b  c  d                     -   -  d   -    -   a   -   b   -   c
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bracket_env import BracketTokenizer, InputError

NEVER = -1e4
"""The logit of a token that no action writes. Finite, so that losses over it stay finite."""
# What the first instructed agents called the parts of a FiLMEncoder.
_PARTS = {"encoder": "encoder.inner", "sentence": "encoder.sentence", "blocks": "encoder.blocks"}
_FEATURES = "features_extractor"


def head_of_actions(weight: Tensor, bias: Tensor, tokenizer: BracketTokenizer) -> dict[str, Tensor]:
    """The head of a model that writes what a policy does: closer i for action i, EOS for END, nothing else.

    Args:
        weight, bias: of the actions, ``(k + 1, width)`` and ``(k + 1,)``.
    """
    rows = torch.as_tensor(tokenizer.action_ids.astype("int64"), device=weight.device)
    head = weight.new_zeros((tokenizer.vocab_size, weight.shape[1]))
    offset = bias.new_full((tokenizer.vocab_size,), NEVER)
    head[rows], offset[rows] = weight.detach(), bias.detach()
    return {"head.weight": head, "head.bias": offset}


def instructed_policy(policy: Mapping[str, Tensor], tokenizer: BracketTokenizer) -> dict[str, Tensor]:
    """The ``policy.safetensors`` of the first instructed agents as weights of a model that takes a sentence.

    Raises:
        InputError: it is no such policy, without the file's name.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in policy.items():
        place, _, rest = name.partition(".")
        part, _, rest = rest.partition(".")
        if place == _FEATURES and part in _PARTS:
            found[f"{_PARTS[part]}.{rest}"] = tensor
        elif place not in ("action_net", "value_net"):
            raise InputError(f"is no policy that takes a sentence: {name} is not known")
    actions = [policy.get(f"action_net.{name}") for name in ("weight", "bias")]
    if actions[0] is None or actions[1] is None or len(actions[0]) != len(tokenizer.action_ids):
        raise InputError("is no policy that takes a sentence: the weights of the actions are missing or do not fit")
    return {**found, **head_of_actions(actions[0], actions[1], tokenizer)}
