"""Builds an instructed PPO agent from its options, trains it and prints how it does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from rich.console import Console
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.sb3 import checkpoint
from agents.sb3.features import as_sequence_model
from agents.sb3.film import InstructedFeatures
from agents.sb3.learner import make_learner
from agents.sb3.session import learn, nothing_left, report_end
from agents.sb3.vec_adapter import VectorEnvAdapter
from agents.train_instruct.check import check
from agents.train_instruct.options import PROG, TrainInstruct
from bracket_env import BracketTokenizer, InstructVectorEnv
from bracket_env.atomic import write_text
from bracket_env.random_streams import keyed_seeds
from ncl_reward.instruct_vectors import instruct_vectors, vectors_file
from supervised.learning.devices import choose_device
from supervised.learning.figures import told_figures
from supervised.learning.report import to_new_end
from supervised.models import SequenceModel
from supervised.runs import Extension, RunConfig, RunFolder, free_name, load_best, to_resume
from supervised.runs.files.evaluation_result import write_evaluation_result
from supervised.runs.sentences import complete_conditioned
from supervised.told.scores import TESTS, ask, evaluate_told, told_table


def train(
    config: TrainInstruct, command: Sequence[str], console: Console | None = None, *, report: bool = True
) -> RunFolder:
    """Train, or go on training, and report.

    Args:
        command: what was typed, for the record.
        console: where progress and the table go, standard output by default.
        report: whether to plot and score at the end.

    Returns:
        The finished run.

    Raises:
        InputError: bad options, an encoder that is missing or does not fit, a folder that is in the way, nothing to
            resume, divergence.
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    console = console or Console()
    folder, config = to_resume(config, "instruct")
    run = check(config)
    if folder is not None and nothing_left(folder, config, console, report=report):
        return folder
    torch.set_num_threads(config.threads)
    model = build(config, run, () if folder is None else folder.config.extensions)
    restored = None if folder is None else checkpoint.go_on(folder, model, command)
    if folder is None:
        name = free_name(f"instruct-{config.arch}", config.runs_dir) if config.name is None else config.name
        folder = RunFolder.create(name, run, command, root=config.runs_dir)
    parameters = sum(p.numel() for p in model.policy.parameters())
    begun = f", from step {model.num_timesteps:,}{to_new_end(config)}" if model.num_timesteps else ""
    console.print(
        f"run {folder.path}: PPO on {run.setting}, {run.architecture} of {parameters:,} parameters, "
        f"sentences by {config.ncl_encoder}{begun}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    measure = _Obedience(run, config.ncl_encoder, config.eval_cases, model.device)
    monitor = learn(model, folder, measure, restored, config, console)
    report_end(folder, monitor, PROG, config.runs_dir, console, report=report)
    if report:
        _report(folder, config, model.device, console)
    return folder


def build(config: TrainInstruct, run: RunConfig, extensions: Sequence[Extension] = ()) -> PPO:
    """A fresh PPO on the native vector environment, its members seeded by keys of the run's seed.

    Args:
        extensions: of the run.
    """
    env = InstructVectorEnv(
        config.n_envs,
        split="train",
        encoder=vectors_file(config.ncl_encoder),
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
        extensions=extensions,
    )


class _Obedience:
    """Measures how often a policy does what the sentences ask for that it trains on, on validation prefixes.

    Args:
        run: of the policy.
        encoder: of the sentences.
        cases: how many.
        device: where the policy is.
    """

    def __init__(self, run: RunConfig, encoder: str, cases: int, device: torch.device) -> None:
        asked = ask(cases, "validation")
        self._cases, self._vectors = asked.cases(), asked.vectors(partial(instruct_vectors, encoder))
        self._chance, self._tokenizer = asked.chance(), BracketTokenizer(run.language)
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten before they are used
            self._model = run.build().to(device).eval()

    def __call__(self, policy: ActorCriticPolicy) -> tuple[dict[str, float], SequenceModel]:
        model = as_sequence_model(policy, self._tokenizer, self._model)
        figures = told_figures(model, self._tokenizer, self._cases, self._vectors)
        return {**figures, "chance": self._chance}, model


def _report(folder: RunFolder, config: TrainInstruct, device: torch.device, console: Console) -> None:
    """The table of the best model, and its answers under sentences that it has not seen."""
    model, tokenizer = load_best(folder, device=device), BracketTokenizer(folder.config.language)
    answer, vectors_of = partial(complete_conditioned, model, tokenizer), partial(instruct_vectors, config.ncl_encoder)
    scores = evaluate_told(answer, vectors_of, config.eval_cases)
    asked = ask(config.eval_cases, "test", *TESTS["unseen sentences"])
    answers = answer(asked.prefixes, asked.vectors(vectors_of))
    write_evaluation_result(folder.path / "evaluation_result.txt", asked.cases(), answers, asked.told())
    if config.json is not None:
        write_text(config.json, json.dumps(scores, indent=2) + "\n")
    console.print(told_table(scores, f"{folder.config.setting}, test split; trained with seed {config.seed}"))
