"""Training a labeller from few labels, with or without the targets that a sentence gives to the other hours.

    loss = mean over labelled slots of -log p(label)
         + PULL * mean over unlabelled slots of w * (-Σ q log p)        only with a sentence

Windows of 16 hours are drawn around labelled slots, and others anywhere. The weights w and targets q are constants
(:mod:`supervised.occupancy.sentence`). Both draws have streams of their own, and the second one is not touched without
a sentence, so a sentence that states no rule changes no bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from bracket_env.random_streams import key
from supervised.occupancy.labeller import Labeller, present_odds
from supervised.occupancy.record import UNKNOWN
from supervised.occupancy.sentence import Targets

PULL = 1.0
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


def fit(config: Fit, x: np.ndarray, labels: np.ndarray, targets: Targets | None, slots_per_hour: float) -> np.ndarray:
    """Train on the first slots of a home and answer all of them.

    Args:
        config: how.
        x: ``(n, F)`` float32, standardised features of the whole record.
        labels: ``(m,)``, m <= n: the slots that may be learned from; UNKNOWN where there is no label.
        targets: of the same m slots; None for no sentence.
        slots_per_hour: how many.

    Returns:
        Log-odds of PRESENT ``(n,)``.
    """
    torch.manual_seed(key(config.seed, "supervised.occupancy/weights") >> 1)
    model = Labeller(config.arch, x.shape[1]).to(config.device)
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=config.steps)
    slots = min(len(labels), max(2, round(_WINDOW_HOURS * slots_per_hour)))
    warm_up = min(round(_WARM_UP_HOURS * slots_per_hour), slots // 2)
    labelled = _Windows(config, "labelled", len(labels), slots, np.flatnonzero(labels != UNKNOWN), warm_up)
    others = _Windows(config, "unlabelled", len(labels), slots)
    inputs, answers = torch.from_numpy(x).to(config.device), torch.from_numpy(labels.astype(np.int64)).to(config.device)
    q = weight = torch.zeros(0)
    if targets is not None:
        q = torch.from_numpy(targets.q.astype(np.float32)).to(config.device)
        weight = torch.from_numpy(targets.weight.astype(np.float32)).to(config.device)
    for _ in range(config.steps):
        places = labelled.draw()  # (windows, slots), or (0, slots) without labels
        count = len(places)
        if targets is not None:
            places = torch.cat([places, others.draw()])
        if not len(places):
            break
        log_p = model(inputs[places])[:, warm_up:].log_softmax(-1)
        places = places[:, warm_up:]
        loss = log_p.new_zeros(())
        if count:
            loss = functional.nll_loss(
                log_p[:count].flatten(0, 1), answers[places[:count]].flatten(), ignore_index=UNKNOWN
            )
        if targets is not None:
            pulled, counts = q[places[count:]], weight[places[count:]]
            loss = loss - PULL * (counts[..., None] * pulled * log_p[count:]).sum() / counts.numel()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_NORM)
        optimiser.step()
        schedule.step()
    day = round(24 * slots_per_hour)
    return present_odds(model, x, window=day, context=slots)


class _Windows:
    """Draws windows: around given slots, at a random place after the warm-up, or anywhere."""

    def __init__(
        self, config: Fit, name: str, total: int, slots: int, around: np.ndarray | None = None, warm_up: int = 0
    ) -> None:
        self.rng = np.random.Generator(np.random.Philox(key=key(config.seed, f"supervised.occupancy/{name}")))
        self.count = config.windows if around is None or len(around) else 0
        self.total, self.slots, self.around, self.warm_up = total, slots, around, warm_up
        self.device = config.device

    def draw(self) -> torch.Tensor:
        """int64 ``(count, slots)``: which slots each window covers."""
        if self.around is None:
            start = self.rng.integers(0, self.total - self.slots + 1, self.count)
        else:
            centre = self.rng.choice(self.around, self.count) if self.count else np.zeros(0, dtype=np.int64)
            start = centre - self.rng.integers(self.warm_up, self.slots, self.count)
        start = np.clip(start, 0, self.total - self.slots)
        return torch.from_numpy(start[:, None] + np.arange(self.slots)).to(self.device)
