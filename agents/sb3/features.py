"""SB3 feature extractors on the encoders of :mod:`supervised.models`, and the way back to a supervised model.

An observation is ``BOS prefix SEP answer-so-far`` with padding, and most of it is padding. The extractor cuts the
batch to its longest row before the encoder sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.sb3.film import InstructedFeatures
from bracket_env import PAD, BracketTokenizer, Case
from supervised.learning.figures import completion_figures
from supervised.models import SequenceModel, build_model
from supervised.models.policies import head_of_actions
from supervised.runs import ModelSolver


class EncoderFeatures(BaseFeaturesExtractor):
    """The encoder's feature at the last token of each observation.

    Args:
        observation_space: the token ids' ``Box(0, V-1, (L,))``.
        arch, params: an architecture of :mod:`supervised.models` and its options.
        vocab_size: V.

    Raises:
        InputError: options that the architecture refuses.
    """

    def __init__(self, observation_space: spaces.Box, arch: str, params: Mapping[str, Any], vocab_size: int) -> None:
        encoder = build_model(arch, params, vocab_size).encoder
        super().__init__(observation_space, encoder.width)
        self.encoder = encoder

    def forward(self, observations: Tensor) -> Tensor:
        """``(B, L)`` ids as SB3 passes them (float) -> ``(B, width)``."""
        lengths = (observations != PAD).sum(1)
        ids = observations[:, : int(lengths.max())].long()
        return self.encoder.last(ids, lengths)


def initialise_heads(policy: ActorCriticPolicy | MaskableActorCriticPolicy) -> None:
    """Small orthogonal action weights, so that the first policy is nearly uniform (Andrychowicz et al. 2021).

    SB3's own orthogonal initialisation is switched off: it would overwrite the encoder's.
    """
    action_net, value_net = policy.action_net, policy.value_net
    assert isinstance(action_net, nn.Linear)
    assert isinstance(value_net, nn.Linear)
    nn.init.orthogonal_(action_net.weight, gain=0.01)
    nn.init.orthogonal_(value_net.weight, gain=1.0)
    nn.init.zeros_(action_net.bias)
    nn.init.zeros_(value_net.bias)


@torch.no_grad()
def as_sequence_model(policy: ActorCriticPolicy, tokenizer: BracketTokenizer, model: SequenceModel) -> SequenceModel:
    """Copy a policy into a supervised model of the same encoder.

    See :func:`supervised.models.policies.head_of_actions`.

    Args:
        model: is overwritten and returned.
    """
    extractor, action_net = policy.features_extractor, policy.action_net
    assert isinstance(extractor, EncoderFeatures | InstructedFeatures)
    assert isinstance(action_net, nn.Linear)
    model.encoder.load_state_dict(extractor.encoder.state_dict())
    weights = head_of_actions(action_net.weight, action_net.bias, tokenizer)
    model.head.load_state_dict({name.removeprefix("head."): weight for name, weight in weights.items()})
    return model


def completions(
    solver: ModelSolver, cases: Sequence[Case]
) -> Callable[[ActorCriticPolicy], tuple[dict[str, float], SequenceModel]]:
    """Measures how well a policy completes cases.

    Args:
        solver: decodes with ``solver.model``, which is overwritten with the policy each time.
        cases: of the validation split.
    """

    def measure(policy: ActorCriticPolicy) -> tuple[dict[str, float], SequenceModel]:
        model = as_sequence_model(policy, solver.tokenizer, solver.model)
        return completion_figures(solver, cases), model

    return measure


@torch.no_grad()
def take_policy(
    policy: ActorCriticPolicy | MaskableActorCriticPolicy, tokenizer: BracketTokenizer, model: SequenceModel
) -> None:
    """Copy a supervised model into a policy of the same encoder: the way back of :func:`as_sequence_model`.

    Of the head an agent needs the rows of closers and EOS. The value head stays as it is.
    """
    extractor, action_net = policy.features_extractor, policy.action_net
    assert isinstance(extractor, EncoderFeatures)
    assert isinstance(action_net, nn.Linear)
    extractor.encoder.load_state_dict(model.encoder.state_dict())
    rows = torch.as_tensor(tokenizer.action_ids.astype("int64"))
    action_net.weight.copy_(model.head.weight[rows])
    action_net.bias.copy_(model.head.bias[rows])
