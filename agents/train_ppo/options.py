"""``python -m agents.train_ppo``: train a PPO agent on a bracket-closing task and print its score table.

Only the configuration lives here, so that ``--help`` needs neither torch nor Stable-Baselines3; the work is in
:mod:`agents.train_ppo.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

from bracket_env.settings import DEFAULT_SETTING
from supervised.options.params_file import read_params

PROG = "python -m agents.train_ppo"


@dataclass(frozen=True)
class TrainPPO:
    """Train a PPO agent to close brackets.

    Writes a run folder (weights, metrics, checkpoint, plot) and prints how the best model does on unseen cases of the
    test split, beside the yardsticks. Ctrl-C saves; --resume goes on exactly where it stopped.
    """

    name: str | None = None
    """Name of the run, the folder RUNS_DIR/NAME; by default the first free ppo-ENCODER-N."""
    runs_dir: str = "runs"
    """Where run folders are."""
    resume: str | None = None
    """Go on with this run (name or folder); its own options are used."""
    init_from: str | None = None
    """Start from the encoder and the head of this run, of either family; the value head is new, and so are the rows of
    new pairs, which begin as those of the nearest known ones."""
    params: str | None = None
    """Options from this JSON file (studies/NAME/best_params.json); those that are typed win."""

    setting: str = DEFAULT_SETTING
    """The task, a registered environment id."""
    pairs: tuple[str, ...] | None = None
    """Other bracket pairs than the setting's, such as --pairs '()' '[]'."""
    reward: Literal["dense", "sparse"] = "dense"
    """dense: 1/m for each right action; sparse: 1 for a perfect answer only."""
    on_mistake: Literal["terminate", "penalty", "continue"] = "terminate"
    """What the first wrong action does to the episode."""
    penalty: float = 1.0
    """With --on-mistake penalty: a mistake earns -PENALTY/m."""
    max_answer: int | None = None
    """The most actions of an episode; by default the setting's depth + 1."""
    mask: bool = False
    """Forbid syntactically impossible actions (MaskablePPO)."""
    instruction: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A sentence in Japanese or English about the answers, such as 'The bracket opened last is closed first.'; it
    shapes the reward and leaves the optimal policy as it is. May be given several times."""
    ncl_weight: float = 1.0
    """With --instruction: what one violation of a rule that is surely meant costs, until the episode ends."""
    ncl_base: float = 0.0
    """With --instruction: the potential of an answer without a violation; above 0, ending early stops looking good."""
    ncl_encoder: str = "default"
    """With --instruction: what turns a sentence into a vector (default, bert or hf:FOLDER_OR_NAME)."""

    encoder: Literal["gru", "lstm", "transformer", "gpt", "bert", "stack", "tree"] = "gru"
    """The network that reads the tokens; tree is given the structure: what opens, what closes."""
    layers: int | None = None
    """Layers (gru, lstm, stack 1; others 2)."""
    units: int | None = None
    """gru, lstm, stack: units of each layer (96, stack 64); tree: size of a node (64)."""
    embedding_size: int | None = None
    """gru, lstm, stack, tree: size of a token's embedding (32, stack 64)."""
    cell_size: int | None = None
    """stack: size of a cell of the stack (16)."""
    attention: bool = False
    """gru, lstm: attend to the states of the prefix."""
    width: int | None = None
    """transformer, gpt, bert: size of a position's features (64)."""
    heads: int | None = None
    """transformer, gpt, bert: attention heads, a divisor of the width (4)."""
    mlp_ratio: int | None = None
    """transformer: width of the MLP in multiples of the width (4)."""
    positions: Literal["rope", "alibi", "learned", "none"] | None = None
    """transformer: how positions are told apart (rope)."""
    max_length: int | None = None
    """gpt, bert, transformer with learned positions: the longest input (the setting's longest)."""
    dropout: float | None = None
    """Share of features dropped in training (0)."""

    n_envs: int = 512
    """Environments stepped at once."""
    n_steps: int = 8
    """Steps of each environment between two updates."""
    batch_size: int = 1024
    """Transitions in a minibatch; divides n_envs * n_steps."""
    n_epochs: int = 3
    """Passes over each rollout."""
    learning_rate: float = 4e-3
    """Adam's step size at the start."""
    lr_schedule: Literal["linear", "constant"] = "linear"
    """linear: decays to 0 over the total timesteps."""
    gamma: float = 0.9
    """Discount."""
    gae_lambda: float = 0.9
    """Bias-variance trade-off of the advantage estimate (Schulman et al. 2016)."""
    clip_range: float = 0.2
    """How far the new policy's probability ratio may go before it is clipped."""
    clip_range_vf: float | None = None
    """The same for the value function; none by default."""
    normalize_advantage: bool = True
    """Scale the advantages of each minibatch to mean 0, deviation 1."""
    ent_coef: float = 0.05
    """Weight of the entropy bonus; much less, and on CloseDeep the agent unlearns END before it ever earns it."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Gradients are scaled down to this norm."""
    target_kl: float | None = None
    """Stop an update early when the policy moved further than this."""

    total_timesteps: int = 400_000
    """Environment steps to train for."""
    target: float | None = None
    """Stop when the exact match on the validation split reaches this (0.99)."""
    time_limit: str | None = None
    """Stop after this long (10min); the run can be resumed."""
    eval_every: int = 20_000
    """Steps between two evaluations on the validation split."""
    eval_cases: int = 1000
    """Cases of an evaluation, validation and final test alike."""

    seed: int = 0
    """Everything random follows from it."""
    threads: int = 1
    """Torch threads; the same seed and threads give the same bits."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    json: str | None = None
    """Write the final scores to this file."""

    def defaults(self) -> TrainPPO | None:
        """The options that ``--params`` asks for; those that are typed are parsed over them."""
        return None if self.params is None else read_params(self.params, TrainPPO, PROG)
