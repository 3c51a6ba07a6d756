"""``python -m supervised.pretrain``: read balanced words without labels, for ``supervised.train --init-from``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from supervised.options.groups import Architecture, InitFrom, TaskOptions, Training

PROG = "python -m supervised.pretrain"


@dataclass(frozen=True)
class Pretrain(Training, Architecture, TaskOptions, InitFrom):
    """Train a model on unlabelled balanced words of the train split.

    Nothing in a word says where an answer begins; all the same, the words show which closer ends which bracket. Writes
    a run folder that python -m supervised.train --init-from starts from (encoder and head). Ctrl-C saves; --resume goes
    on exactly where it stopped.
    """

    objective: Literal["clm", "mlm"] = "clm"
    """clm: tell the next symbol; mlm: tell hidden symbols from both sides (bert)."""
    words: str = "stream"
    """stream: fresh words without end; a number: that many fixed words."""
