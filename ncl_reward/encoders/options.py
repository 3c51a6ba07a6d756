"""The option of every command that reads sentences. No heavy import, so that ``--help`` answers at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

DEFAULT_ENCODER = "default"
EncoderName = Annotated[str, tyro.conf.arg(aliases=["--encoder"])]
"""Of commands where the option was called so once."""


@dataclass(frozen=True)
class EncoderOptions:
    """What reads sentences."""

    section: ClassVar[str] = "sentences"
    ncl_encoder: str = DEFAULT_ENCODER
    """What turns a sentence into a vector: default (multilingual), bert (English) or hf:FOLDER_OR_NAME for any BERT or
    GPT of transformers; with --conditioned also hash (its characters), none (zeros), or two joined, such as
    default+hash."""
