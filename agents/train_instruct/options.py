"""``python -m agents.train_instruct``: train a PPO agent that does what a sentence asks for.

Only the configuration lives here, so that ``--help`` needs neither torch nor Stable-Baselines3; the work is in
:mod:`agents.train_instruct.run`.

It is a smaller command than ``agents.train_ppo``: a run cannot be resumed, and its policy is no solver of a score
table, since it answers a prefix only together with a sentence. It leaves behind ``config.json``, ``command.txt``,
``metrics.jsonl`` and, of the best evaluation on the validation split, ``policy.safetensors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PROG = "python -m agents.train_instruct"


@dataclass(frozen=True)
class TrainInstruct:
    """Train a PPO agent to follow instructions about brackets.

    Trains on the sentences and meanings for training, and prints how often the best policy answers perfectly on
    prefixes of the test split: under the sentences it knows, under new ones, and under new combinations of meanings.
    Ctrl-C stops and keeps the best policy.
    """

    name: str | None = None
    """Name of the run, the folder RUNS_DIR/NAME; by default the first free instruct-ENCODER-N."""
    runs_dir: str = "runs"
    """Where run folders are."""

    vectors: str = "use"
    """What turns sentences into vectors: use (multilingual, needs bracketgym[ncl]), hash (character n-grams), none
    (zeros, a control), or an .npz file of python -m ncl_reward.instruct_vectors."""
    reward: Literal["dense", "sparse"] = "dense"
    """dense: 1/m for each right action; sparse: 1 for a perfect answer only."""

    encoder: Literal["gru", "lstm", "transformer"] = "gru"
    """The network that reads the tokens, at its usual size."""
    sentence_units: int = 128
    """Size of what is made of the sentence's vector."""
    blocks: int = 2
    """Layers that the sentence modulates (FiLM)."""
    sentence_dropout: float = 0.2
    """Share of a vector's numbers that are dropped in training: without it sentences are memorised."""

    n_envs: int = 512
    """Environments stepped at once."""
    n_steps: int = 8
    """Steps of each environment between two updates."""
    batch_size: int = 1024
    """Transitions in a minibatch; divides n_envs * n_steps."""
    n_epochs: int = 5
    """Passes over each rollout."""
    learning_rate: float = 3e-3
    """Adam's step size at the start; it decays linearly to 0."""
    weight_decay: float = 0.02
    """Decoupled weight decay (Loshchilov & Hutter 2019)."""
    gamma: float = 0.9
    """Discount."""
    gae_lambda: float = 0.9
    """Bias-variance trade-off of the advantage estimate (Schulman et al. 2016)."""
    ent_coef: float = 0.005
    """Weight of the entropy bonus."""

    total_timesteps: int = 1_000_000
    """Environment steps to train for."""
    eval_every: int = 100_000
    """Steps between two evaluations on the validation split."""
    eval_cases: int = 1000
    """Episodes of an evaluation, validation and each final test alike."""

    seed: int = 0
    """Everything random follows from it."""
    threads: int = 1
    """Torch threads; the same seed and threads give the same bits."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    json: str | None = None
    """Write the final scores to this file."""
