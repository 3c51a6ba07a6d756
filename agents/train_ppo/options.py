"""``python -m agents.train_ppo``: train a PPO agent on a bracket-closing task and print its score table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro

from agents.sb3.options import Masked, PPOOptions
from supervised.options.groups import (
    Architecture,
    ArchitectureName,
    InitFrom,
    ParamsFile,
    SentenceOptions,
    TaskOptions,
)

PROG = "python -m agents.train_ppo"


@dataclass(frozen=True)
class TrainPPO(Masked, PPOOptions, Architecture, SentenceOptions, TaskOptions, ParamsFile, InitFrom):
    """Train a PPO agent to close brackets.

    Writes a run folder (weights, metrics, checkpoint, plot) and prints how the best model does on unseen cases of the
    test split, beside the yardsticks. Ctrl-C saves; --resume goes on exactly where it stopped.
    """

    prog: ClassVar[str] = PROG

    on_mistake: Literal["terminate", "penalty", "continue"] = "terminate"
    """What the first wrong action does to the episode."""
    penalty: float = 1.0
    """With --on-mistake penalty: a mistake earns -PENALTY/m."""
    max_answer: int | None = None
    """The most actions of an episode; by default the setting's depth + 1."""
    ncl_base: float = 0.0
    """With --instruction: the potential of an answer without a violation; above 0, ending early stops looking good."""
    arch: Annotated[ArchitectureName, tyro.conf.arg(aliases=["--encoder"])] = "gru"
    clip_range: float = 0.2
    """How far the new policy's probability ratio may go before it is clipped."""
    clip_range_vf: float | None = None
    """The same for the value function; none by default."""
    normalize_advantage: bool = True
    """Scale the advantages of each minibatch to mean 0, deviation 1."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """The norm of all gradients is scaled down to this."""
    target_kl: float | None = None
    """Stop an update early when the policy moved further than this."""
