"""Builds a PPO run from its options, trains it and prints its score table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.sb3 import checkpoint, value_head
from agents.sb3.features import EncoderFeatures, completions, take_policy
from agents.sb3.learner import make_learner
from agents.sb3.monitor import Monitor
from agents.sb3.session import learn, nothing_left, report_end
from agents.sb3.vec_adapter import VectorEnvAdapter
from agents.train_ppo.check import check, task_options
from agents.train_ppo.options import PROG, TrainPPO
from agents.train_ppo.shaping import Shape, keep, shaping, show_rules, stated
from bracket_env import BracketTokenizer, CloseVectorEnv
from bracket_env.random_streams import keyed_seeds
from ncl_reward.reward.shaping import check_discount
from supervised.data.sources import evaluation_cases
from supervised.learning.devices import choose_device
from supervised.learning.lesson import Outcome
from supervised.learning.report import report_scores, to_new_end
from supervised.learning.stopping import Observer
from supervised.options.params_file import options_of
from supervised.options.ranges import refuse_idle
from supervised.runs import Extension, ModelSolver, RunConfig, RunFolder, free_name, to_resume
from supervised.runs.sentences import setting_of
from supervised.transfer.transplant import initialise_from, with_architecture


def train(
    config: TrainPPO,
    command: Sequence[str],
    console: Console | None = None,
    *,
    observer: Observer | None = None,
    report: bool = True,
    shape: Shape | None = None,
) -> RunFolder:
    """Train, or go on training, and report.

    Args:
        command: what was typed, for the record.
        console: where progress and the table go, standard output by default.
        observer: who watches instead of a report.
        report: whether to plot and score at the end.
        shape: puts another reward around the training environment than the sentences do.

    Returns:
        The finished run.

    Raises:
        InputError: bad options, a folder that is in the way or cannot be written, nothing to resume, divergence.
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    console = console or Console()
    folder, config = to_resume(config, "ppo")
    if folder is None:
        about_sentences = ("ncl_weight", "ncl_base", "ncl_encoder")
        refuse_idle(config, about_sentences, unless=bool(config.instruction), why="goes with --instruction")
        config = with_architecture(config)
    with options_of(config.params):
        run, _ = check(config)
    if folder is not None and nothing_left(folder, config, console, report=report and observer is None):
        return folder
    torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    rules = stated(config, run.language, folder)
    shape = shape or shaping(config, run.language, rules)
    extensions = folder.config.extensions if folder is not None else ()
    model = build(config, run, device, shape, extensions)
    restored = None if folder is None else checkpoint.go_on(folder, model, command)
    if config.init_from is not None and restored is None:
        source = RunFolder.open(config.init_from, root=config.runs_dir)
        kept = start_from(model, run, source)
        told = f"policy and value head of {source.path}" if kept else f"policy of {source.path}; the value head is new"
        console.print(told, markup=False, highlight=False)
    if folder is None:
        name = free_name(f"ppo-{config.arch}", config.runs_dir) if config.name is None else config.name
        folder = RunFolder.create(name, run, command, root=config.runs_dir, fill=lambda made: keep(rules, made))
    begun = f", from step {model.num_timesteps:,}{to_new_end(config)}" if model.num_timesteps else ""
    console.print(f"run {folder.path}: {_describe(model, run)}{begun}", markup=False, highlight=False)
    if config.instruction:
        show_rules(rules, run.language, console, shaped=shape is not None)

    cases = evaluation_cases(run, "validation", config.eval_cases)
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten before they are used
        solver = ModelSolver(run.build().to(device), BracketTokenizer(run.language), masked=run.masked)
    monitor = learn(model, folder, completions(solver, cases), restored, config, console, observer)
    if observer is None:
        _finish(folder, config, monitor, console, report=report)
    elif monitor.stop_reason == "interrupted":
        raise KeyboardInterrupt
    return folder


def build(
    config: TrainPPO,
    run: RunConfig,
    device: torch.device,
    shape: Shape | None = None,
    extensions: Sequence[Extension] = (),
) -> OnPolicyAlgorithm:
    """A fresh PPO or MaskablePPO on the native vector environment, its members seeded by keys of the run's seed.

    Args:
        shape: puts another reward around the environment; the returns that are reported stay those inside.
        extensions: of the run.
    """
    env = CloseVectorEnv(config.n_envs, config.setting, **task_options(config), autoreset_mode="SameStep")
    adapter = VectorEnvAdapter(
        shape(env) if shape else env, keyed_seeds(config.seed, "agents/train_ppo", config.n_envs)
    )
    algorithm: type[PPO] | type[MaskablePPO] = MaskablePPO if config.mask else PPO
    own = ("clip_range", "clip_range_vf", "normalize_advantage", "vf_coef", "max_grad_norm", "target_kl")
    more: dict[str, Any] = {name: getattr(config, name) for name in own}
    vocab_size = BracketTokenizer(run.language).vocab_size
    features = EncoderFeatures, {"arch": run.architecture, "params": run.params, "vocab_size": vocab_size}
    model: OnPolicyAlgorithm = make_learner(
        algorithm, "MlpPolicy", adapter, config, features, device, extensions=extensions, **more
    )
    check_discount(adapter, model.gamma)
    return model


def start_from(model: OnPolicyAlgorithm, run: RunConfig, source: RunFolder) -> bool:
    """Make the best model of a run, of either family, the policy of a fresh agent.

    Returns:
        Whether the run is an agent's and gave its value head too; otherwise the fresh one stays.

    Raises:
        InputError: as :func:`supervised.transfer.transplant.initialise_from` and
            :func:`agents.sb3.value_head.take`.
    """
    with torch.random.fork_rng(devices=[]):  # whatever the source draws, the agent's stream stays its own
        start = run.build()
        initialise_from(start, run, source, nearest=True)
    take_policy(model.policy, BracketTokenizer(run.language), start)
    return value_head.take(model.policy, source)


def _describe(model: OnPolicyAlgorithm, run: RunConfig) -> str:
    parameters = sum(p.numel() for p in model.policy.parameters())
    masked = ", masked" if run.masked else ""
    task = setting_of(run.setting).called(run.pairs)
    return f"{type(model).__name__} on {task}, {run.architecture} of {parameters:,} parameters{masked}"


def _finish(folder: RunFolder, config: TrainPPO, monitor: Monitor, console: Console, *, report: bool) -> None:
    report_end(folder, monitor, PROG, config.runs_dir, console, report=report)
    if report:
        outcome = Outcome(monitor.steps, monitor.record.seconds, monitor.model.device)
        report_scores(folder, outcome, cases=config.eval_cases, seed=config.seed, console=console, json=config.json)
