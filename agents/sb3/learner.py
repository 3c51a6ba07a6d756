"""PPO on a native vector environment with one of our networks, and what can go wrong while it learns."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from agents.sb3.features import initialise_heads
from agents.sb3.options import PPOOptions
from agents.sb3.vec_adapter import VectorEnvAdapter
from bracket_env import InputError
from supervised.learning.schedule import learning_rate
from supervised.runs import Extension

Algorithm = TypeVar("Algorithm", bound=OnPolicyAlgorithm)
_SHARED = ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "ent_coef", "seed")


class DivergedError(InputError):
    """Weights or losses are no longer finite; the last good checkpoint stands."""


def make_learner(
    algorithm: type[Algorithm],
    policy: str,
    env: VectorEnvAdapter,
    options: PPOOptions,
    features: tuple[type[BaseFeaturesExtractor], Mapping[str, Any]],
    device: torch.device,
    *,
    policy_options: Mapping[str, Any] | None = None,
    extensions: Sequence[Extension] = (),
    **more: Any,
) -> Algorithm:
    """A fresh PPO or MaskablePPO with the options' step size, one of each environment step.

    Args:
        policy: SB3's name of the policy class.
        features: what reads an observation, and its arguments.
        policy_options: further arguments of the policy.
        extensions: of the run.
        more: further arguments of the algorithm.
    """
    extractor, arguments = features
    rate = options.learning_rate
    given: dict[str, Any] = {name: getattr(options, name) for name in _SHARED}
    made: list[Algorithm] = []

    def of_the_step(progress_remaining: float) -> float:
        steps = made[0].num_timesteps if made else 0
        total, kind = options.total_timesteps, options.lr_schedule
        return learning_rate(steps, peak=rate, steps=total, warmup_steps=0, kind=kind, extensions=extensions)

    if options.lr_schedule == "constant":
        given["learning_rate"] = rate
    elif extensions:
        given["learning_rate"] = of_the_step
    else:
        given["learning_rate"] = lambda progress_remaining: falling(progress_remaining, rate)
    given["policy_kwargs"] = {
        "features_extractor_class": extractor,
        "features_extractor_kwargs": dict(arguments),
        "net_arch": [],
        "ortho_init": False,
        **(policy_options or {}),
    }
    model = algorithm(policy, env, device=device, **{**given, **more})
    made.append(model)
    initialise_heads(model.policy)
    return model


def falling(progress_remaining: float, rate: float) -> float:
    """A step size that falls linearly to 0 and stays there.

    A training ends with a whole rollout, so that its last update may come after the total, where the line is below 0:
    it would climb the loss. An agent of 30,000 steps lost 35 points of exact match in it.
    """
    return max(progress_remaining, 0.0) * rate


@contextlib.contextmanager
def plain_errors(model: OnPolicyAlgorithm, folder: Path, kept: str) -> Iterator[None]:
    """What other libraries raise in training, as InputError: numbers that are not finite, a disk that is full.

    Args:
        folder: of the run.
        kept: what the folder keeps of a run that diverged.
    """
    hook, before = threading.excepthook, set(threading.enumerate())

    def unless_reported(args: threading.ExceptHookArgs) -> None:
        # TensorBoard writes in a thread of its own; what fails there is raised again in this one.
        if not isinstance(args.exc_value, OSError):
            hook(args)

    threading.excepthook = unless_reported
    try:
        yield
    except ValueError as error:
        if "to satisfy the constraint" in str(error):  # torch.distributions refuses such logits in mid-update
            raise not_finite(model, folder, kept) from error
        raise
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        # A writer that is just failing reports to the hook a moment after this thread heard of it.
        for thread in set(threading.enumerate()) - before:
            thread.join(timeout=1.0)
        threading.excepthook = hook


def not_finite(model: OnPolicyAlgorithm, folder: Path, kept: str) -> DivergedError:
    """What to raise when losses or weights are not finite; arguments as of :func:`plain_errors`."""
    return DivergedError(
        f"training diverged before step {model.num_timesteps} (losses or weights are not finite): try a smaller "
        f"--learning-rate; {folder} keeps {kept}"
    )
