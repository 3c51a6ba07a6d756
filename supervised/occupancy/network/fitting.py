"""Training a labeller from few labels, with or without the targets that a sentence gives to the other hours.

    loss = mean over labelled slots of -log p(label)
         + PULL * mean over unlabelled slots of w * (-Σ q log p)        only with a sentence

Windows of 16 hours are drawn around labelled slots, and others anywhere. The weights w and targets q are constants
(:mod:`ncl_reward.grounding.hour_targets`). Both draws have streams of their own, and the second one is not touched
without a sentence, so a sentence that states no rule changes no bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bracket_env import InputError
from bracket_env.random_streams import key
from ncl_reward.grounding.hour_targets import Targets
from supervised.occupancy.homes.record import UNKNOWN
from supervised.occupancy.network.labeller import Labeller, present_odds

PULL = 3.0
_WINDOW_HOURS, _WARM_UP_HOURS = 16, 2  # what is answered before the warm-up has seen too little of the day
_MAX_NORM = 1.0


@dataclass(frozen=True)
class Fit:
    """How a labeller is trained."""

    arch: str = "gru"
    steps: int = 200
    windows: int = 16
    """Windows a step, of either kind."""
    learning_rate: float = 6e-3
    weight_decay: float = 0.01
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Fitted:
    """A trained labeller."""

    model: Labeller
    slots_per_hour: float
    context: int
    """Slots that are read before those that are answered."""

    def odds(self, x: np.ndarray) -> np.ndarray:
        """Log-odds of PRESENT ``(n,)`` at slots with features ``(n, F)``."""
        return present_odds(self.model, x, window=round(24 * self.slots_per_hour), context=self.context)


def fit(config: Fit, x: np.ndarray, labels: np.ndarray, targets: Targets | None, slots_per_hour: float) -> Fitted:
    """Train on the first slots of a home.

    Args:
        config: how.
        x: ``(n, F)`` float32, standardised features of the whole record.
        labels: ``(m,)``, m <= n: the slots that may be learned from; UNKNOWN where there is no label.
        targets: of the same m slots; None for no sentence.
        slots_per_hour: how many.

    Raises:
        InputError: neither a label nor a target.
    """
    torch.manual_seed(key(config.seed, "supervised.occupancy/weights") >> 1)
    model = Labeller(config.arch, x.shape[1]).to(config.device)
    model.train()
    slots = min(len(labels), max(2, round(_WINDOW_HOURS * slots_per_hour)))
    warm_up = min(round(_WARM_UP_HOURS * slots_per_hour), slots // 2)
    drawn = _Windows(config, x, labels, targets, slots, warm_up)
    if drawn.empty:
        raise InputError("there is nothing to learn from: no label and no sentence")
    optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=config.steps)
    for _ in range(config.steps):
        optimiser.zero_grad()
        drawn.loss(model).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_NORM)
        optimiser.step()
        schedule.step()
    return Fitted(model, slots_per_hour, slots)


class _Windows:
    """Draws windows and computes the loss on them.

    Args:
        config, x, labels, targets: as for :func:`fit`.
        slots: length of a window.
        warm_up: its first slots, on which nothing is asked.
    """

    def __init__(
        self, config: Fit, x: np.ndarray, labels: np.ndarray, targets: Targets | None, slots: int, warm_up: int
    ) -> None:
        self.windows, self.slots, self.warm_up, self.total = config.windows, slots, warm_up, len(labels)
        self.around = np.flatnonzero(labels != UNKNOWN)
        self.has_targets = targets is not None
        self.x = torch.from_numpy(x).to(config.device)
        self.labels = torch.from_numpy(labels.astype(np.int64)).to(config.device)
        if targets is not None:
            self.q = torch.from_numpy(targets.q.astype(np.float32)).to(config.device)
            self.weight = torch.from_numpy(targets.weight.astype(np.float32)).to(config.device)
        self.labelled_stream, self.other_stream = (
            np.random.Generator(np.random.Philox(key=key(config.seed, f"supervised.occupancy/{name}")))
            for name in ("labelled", "unlabelled")
        )

    @property
    def empty(self) -> bool:
        """Whether there is neither a label nor a target."""
        return not len(self.around) and not self.has_targets

    def loss(self, model: Labeller) -> Tensor:
        """The loss on freshly drawn windows."""
        labelled, others = self._around_labels(), self._anywhere()
        count = len(labelled)
        places = torch.from_numpy(np.concatenate([labelled, others])[:, None] + np.arange(self.slots)).to(self.x.device)
        log_p = model(self.x[places])[:, self.warm_up :].log_softmax(-1)  # (windows, slots - warm_up, 2)
        places = places[:, self.warm_up :]
        loss = log_p.new_zeros(())
        if count:
            answers = self.labels[places[:count]]
            loss = functional.nll_loss(log_p[:count].flatten(0, 1), answers.flatten(), ignore_index=UNKNOWN)
        if self.has_targets:
            weight = self.weight[places[count:]]
            loss = loss - PULL * (weight[..., None] * self.q[places[count:]] * log_p[count:]).sum() / weight.numel()
        return loss

    def _around_labels(self) -> np.ndarray:
        """First slots of windows with a labelled slot after the warm-up; none without labels."""
        if not len(self.around):
            return np.zeros(0, dtype=np.int64)
        centre = self.labelled_stream.choice(self.around, self.windows)
        start = centre - self.labelled_stream.integers(self.warm_up, self.slots, self.windows)
        return np.clip(start, 0, self.total - self.slots)

    def _anywhere(self) -> np.ndarray:
        """First slots of windows at random places; none without targets."""
        if not self.has_targets:
            return np.zeros(0, dtype=np.int64)
        return self.other_stream.integers(0, self.total - self.slots + 1, self.windows)
