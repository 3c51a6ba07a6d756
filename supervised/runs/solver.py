"""A trained model as a solver: it decodes freely, in batches, until it writes EOS by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bracket_env import EOS, PAD, SEP, BracketTokenizer
from bracket_env.random_streams import key
from supervised.models import SequenceModel, decode
from supervised.models.decoding import CountMask

_BATCH = 1024
_WORDS = 256


class ModelSolver:
    """Completes prefixes with a model's likeliest tokens, or with drawn ones.

    Args:
        model: next-token model over the tokenizer's ids.
        tokenizer: its vocabulary.
        masked: only syntactically possible tokens may be written (a closer only while its type is open by count),
            as for an agent trained with the action mask.
        everywhere: the model was trained to predict every token (``--loss all``), so its probabilities inside a word
            mean something.
        temperature: 0 for the likeliest tokens; see :func:`supervised.models.decode`.
        seed: of the draws; the same calls in the same order give the same answers.

    Raises:
        InputError: a temperature that is not a finite number of at least 0.

    Attributes:
        closer_probabilities: what :func:`bracket_env.scores.scoring.score` asks for; ``None`` without ``everywhere``.
    """

    def __init__(
        self,
        model: SequenceModel,
        tokenizer: BracketTokenizer,
        *,
        masked: bool = False,
        everywhere: bool = False,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.model, self.tokenizer, self.masked = model, tokenizer, masked
        self.temperature = temperature
        self._generator = torch.Generator(self.device).manual_seed(key(seed, "supervised/sampling") >> 1)
        self.closer_probabilities = self._closer_probabilities if everywhere else None

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.model.head.weight.device

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """One answer for each prefix, in order. n symbols get at most n + 1 tokens: no right answer has more.

        A special token inside an answer is spelled out (``<pad>``), so it counts as the mistake it is.

        Raises:
            InputError: a symbol outside the language.
        """
        answers = [""] * len(prefixes)
        by_length = sorted(range(len(prefixes)), key=lambda i: len(prefixes[i]))
        for low in range(0, len(by_length), _BATCH):
            chosen = by_length[low : low + _BATCH]
            encoded, n_tokens = self.tokenizer.encode_prompts([prefixes[i] for i in chosen])
            ids = torch.as_tensor(encoded, dtype=torch.long, device=self.device)
            lengths = torch.as_tensor(n_tokens, device=self.device)
            mask = CountMask(ids, self.tokenizer) if self.masked else None
            written = decode(
                self.model,
                ids,
                lengths,
                max_new=lengths - 1,
                eos=EOS,
                mask=mask,
                temperature=self.temperature,
                generator=self._generator,
            )
            for i, row in zip(chosen, written, strict=True):
                answers[i] = self.tokenizer.spell(row[:-1] if row[-1] == EOS else row)
        return answers

    @torch.inference_mode()
    def _closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        """For each word ``(len(word), k)``: the closers' shares of the next symbol's probability at every position."""
        closers = self.tokenizer.action_ids[:-1].astype(np.int64)
        found = []
        for low in range(0, len(words), _WORDS):
            prompts, lengths = self.tokenizer.encode_prompts(words[low : low + _WORDS])
            ids = torch.as_tensor(prompts[:, :-1], dtype=torch.long, device=self.device)  # BOS word, without SEP
            n_tokens = torch.as_tensor(lengths - 1, device=self.device)
            logits = self.model(ids.masked_fill(ids == SEP, PAD), n_tokens)[:, :, closers]
            shares = logits.softmax(-1).cpu().numpy()
            found += [row[: n - 2] for row, n in zip(shares, lengths.tolist(), strict=True)]
        return found
