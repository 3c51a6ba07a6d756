"""Builds an instructed PPO agent from its options, trains it and prints how it does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from rich.console import Console
from safetensors import SafetensorError
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from agents.sb3.checks import check_ppo
from agents.sb3.film import InstructedFeatures
from agents.sb3.learner import make_learner, plain_errors
from agents.sb3.vec_adapter import VectorEnvAdapter
from agents.train_instruct.options import TrainInstruct
from agents.train_instruct.scores import Act, VectorSeen, best_without_sentence, play
from bracket_env import INSTRUCT, Estimate, InputError, InstructVectorEnv
from bracket_env.atomic import write_bytes, write_text
from bracket_env.command import current_names
from bracket_env.instructions.meanings import MEANINGS, UNSEEN_MEANINGS, Part
from bracket_env.random_streams import keyed_seeds
from bracket_env.sampling.splits import Split
from bracket_env.scores.report import percent
from bracket_env.scores.tables import FittingTable, table
from ncl_reward.instruct_vectors import cached_instruct_vectors
from supervised.learning.devices import choose_device
from supervised.learning.display import Display
from supervised.learning.interrupt import GracefulInterrupt
from supervised.learning.stopping import Record
from supervised.models import check_params
from supervised.options.ranges import require, require_whole
from supervised.runs import RunConfig, RunFolder, free_name
from supervised.runs.checkpoint import copy_into

POLICY = "policy.safetensors"
TESTS: dict[str, tuple[Part, Part]] = {  # name: sentences, meanings
    "seen sentences": ("train", "train"),
    "unseen sentences": ("unseen", "train"),
    "unseen combinations, seen patterns": ("train", "unseen"),
    "unseen combinations, unseen patterns": ("unseen", "unseen"),
}


def check(config: TrainInstruct) -> RunConfig:
    """The configuration as a run folder keeps it.

    Raises:
        InputError: the first option that is out of range.
    """
    check_ppo(config)
    for name, most in (("sentence_units", 10**4), ("blocks", 10**3)):
        require_whole(name, getattr(config, name), 1, most)
    require("sentence_dropout", config.sentence_dropout, "from 0 up to but not including 1", lambda v: 0 <= v < 1)
    require("weight_decay", config.weight_decay, "at least 0", lambda v: v >= 0)
    if config.batch_size == 1:
        raise InputError("--batch-size 1 cannot normalise advantages: use 2 or more")
    return RunConfig(
        kind="instruct",
        setting=INSTRUCT.id,
        pairs=INSTRUCT.pairs,
        architecture=config.arch,
        params=check_params(config.arch, {}).to_dict(),
        masked=False,
        options=asdict(config),
    )


def train(config: TrainInstruct, command: Sequence[str], console: Console | None = None) -> RunFolder:
    """Train and report.

    Args:
        command: what was typed, for the record.
        console: where progress and the table go, standard output by default.

    Returns:
        The finished run.

    Raises:
        InputError: bad options, an encoder that is missing or does not fit, a folder that is in the way, divergence.
        KeyboardInterrupt: Ctrl-C, after the best policy was saved.
    """
    console = console or Console()
    run = check(config)
    torch.set_num_threads(config.threads)
    model = build(config, run)
    name = free_name(f"instruct-{config.arch}", config.runs_dir) if config.name is None else config.name
    folder = RunFolder.create(name, run, command, root=config.runs_dir)
    parameters = sum(p.numel() for p in model.policy.parameters())
    console.print(
        f"run {folder.path}: PPO on {run.setting}, {run.architecture} of {parameters:,} parameters, "
        f"sentences by {config.ncl_encoder}",
        markup=False,
        highlight=False,
    )
    with Display(config.total_timesteps, console=console, shares=("exact", "best")) as display:
        watch = Watch(folder, config, display)
        with watch.interrupt, plain_errors(model, folder.path, "its best policy"):
            model.learn(config.total_timesteps, callback=watch)
    if watch.interrupt.requested:
        raise KeyboardInterrupt
    policy = load_policy(folder, device=config.device)
    scores = evaluate(policy, config.ncl_encoder, config.eval_cases)
    if config.json is not None:
        write_text(config.json, json.dumps(scores, indent=2) + "\n")
    console.print(scores_table(scores, f"{run.setting}, test split; trained with seed {config.seed}"))
    return folder


def build(config: TrainInstruct, run: RunConfig) -> PPO:
    """A fresh PPO on the native vector environment, its members seeded by keys of the run's seed."""
    env = InstructVectorEnv(
        config.n_envs,
        split="train",
        encoder=_encoder(config.ncl_encoder),
        reward=config.reward,
        autoreset_mode="SameStep",
    )
    seeds = keyed_seeds(config.seed, "agents/train_instruct", config.n_envs)
    arguments: dict[str, Any] = {
        name: getattr(config, name) for name in ("sentence_units", "blocks", "sentence_dropout")
    }
    arguments |= {"arch": run.architecture, "params": run.params, "vocab_size": env.task.tokenizer.vocab_size}
    return make_learner(
        PPO,
        "MultiInputPolicy",
        VectorEnvAdapter(env, seeds),
        config,
        (InstructedFeatures, arguments),
        choose_device(config.device),
        policy_options={
            "optimizer_class": torch.optim.AdamW,
            "optimizer_kwargs": {"weight_decay": config.weight_decay},
        },
    )


def load_policy(folder: RunFolder, device: str = "cpu") -> Act:
    """The best policy of a run, playing greedily.

    Raises:
        InputError: the folder is no instructed run, holds no policy yet, or one that does not fit its configuration.
    """
    path = folder.path / POLICY
    if folder.config.kind != "instruct":
        raise InputError(f"{folder.path} is no instructed run but a {folder.config.kind} one")
    try:
        options = current_names(TrainInstruct, folder.config.options)
        config = TrainInstruct(**{**options, "n_envs": 1, "n_steps": 2, "batch_size": 2})
        with torch.random.fork_rng(devices=[]):
            model = build(config, folder.config)
        copy_into(dict(model.policy.named_parameters()), safetensors.torch.load(path.read_bytes()))
    except FileNotFoundError:
        raise InputError(f"{folder.path} holds no policy yet: no {POLICY}") from None
    except (SafetensorError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path} does not fit {folder.path}: {str(error).splitlines()[0]}") from None
    return greedy(model)


def greedy(model: PPO) -> Act:
    """The likeliest action of every member."""
    return lambda obs: model.policy.predict(obs, deterministic=True)[0]


def evaluate(act: Act, vectors: str, cases: int, split: Split = "test") -> dict[str, Any]:
    """Scores under the sentences and meanings of :data:`TESTS`, and of the controls on those that were trained on.

    Returns:
        Name -> the scores of :meth:`Episodes.scores`, and beside each the chance of its meanings.
    """
    found = {name: _played(act, vectors, cases, split, *parts) for name, parts in TESTS.items()}
    controls: dict[str, VectorSeen] = {"another meaning's sentence": "shuffled", "no sentence": "nothing"}
    for name, seen_vector in controls.items():
        found[name] = _played(act, vectors, cases, split, "train", "train", seen_vector)
    return found


def _played(
    act: Act, vectors: str, cases: int, split: Split, sentences: Part, meanings: Part, seen_vector: VectorSeen = "own"
) -> dict[str, Any]:
    env = InstructVectorEnv(
        cases, split=split, sentences=sentences, meanings=meanings, encoder=_encoder(vectors), autoreset_mode="SameStep"
    )
    episodes = play(act, env, 0, seen_vector)
    asked = [meaning for meaning in MEANINGS if (meaning in UNSEEN_MEANINGS) == (meanings == "unseen")]
    return {**episodes.scores(), "chance": best_without_sentence(episodes.prefixes, asked)}


def scores_table(scores: dict[str, Any], title: str) -> FittingTable:
    """Exact answers in per cent, in total and by language."""
    view = table(title, ("told", "exact %", "en", "ja", "chance", "n"), left=("told",))
    for name, row in scores.items():
        shares = [row["exact"], row["by_language"].get("en"), row["by_language"].get("ja")]
        cells = ["-" if share is None else percent(Estimate(**share)) for share in shares]
        chance = percent(Estimate(row["chance"], 0.0, 1.0, row["exact"]["n"]))
        view.add_row(name, *cells, chance, str(row["exact"]["n"]))
    return view


class Watch(BaseCallback):
    """Evaluates a run between updates, on sentences that it trains on, and keeps the best policy."""

    def __init__(self, folder: RunFolder, config: TrainInstruct, display: Display) -> None:
        super().__init__()
        self.folder, self.config, self.display, self.record = folder, config, display, Record(config)
        self.interrupt = GracefulInterrupt(
            lambda: display.print_line("stopping after this update; press Ctrl-C again to stop at once")
        )

    def _on_step(self) -> bool:
        return not self.interrupt.requested

    def _on_rollout_start(self) -> None:
        if self.record.due(self.num_timesteps, last=False):
            self._evaluate()
        self.display.update(self.num_timesteps, self.record.reached)

    def _on_training_end(self) -> None:
        self._evaluate()

    def _evaluate(self) -> None:
        assert isinstance(self.model, PPO)
        config = self.config
        scores = _played(greedy(self.model), config.ncl_encoder, config.eval_cases, "validation", "train", "train")
        exact = scores["exact"]["value"]
        self.folder.log({"timesteps": self.num_timesteps, "exact": exact, "chance": scores["chance"]})
        if self.record.evaluated(self.num_timesteps, exact, (exact, 0.0)):
            weights = {k: v.detach().cpu().contiguous() for k, v in self.model.policy.named_parameters()}
            write_bytes(self.folder.path / POLICY, safetensors.torch.save(weights))
        self.display.print_line(f"step {self.num_timesteps:>9,}   exact {exact:7.2%}   best {self.record.best[0]:7.2%}")


def _encoder(vectors: str) -> str | Path:
    return cached_instruct_vectors() if vectors == "use" else vectors
