"""A trained model as a solver: it decodes freely, in batches, until it writes EOS by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import one_hot

from bracket_env.cases import Case
from bracket_env.random_streams import key
from bracket_env.tokenizer import EOS, PAD, SEP, BracketTokenizer
from supervised.models import SequenceModel, decode
from supervised.models.parts.masking import CountMask

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
        self.model = model
        self.tokenizer = tokenizer
        self.masked = masked
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


@torch.inference_mode()
def answer_loss(
    model: SequenceModel, tokenizer: BracketTokenizer, cases: Sequence[Case], *, masked: bool = False
) -> float:
    """Mean negative log likelihood of the right answers' tokens (EOS counted), in nats, given the right tokens before.

    Args:
        cases: at least one.
        masked: among the syntactically possible tokens only, as :class:`ModelSolver` with ``masked`` writes.
    """
    was_training = model.training
    model.eval()
    device = model.head.weight.device
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    try:
        for low in range(0, len(cases), _BATCH):
            rows = [tokenizer.encode_case(*case) for case in cases[low : low + _BATCH]]
            ids = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int64)
            scored = np.zeros(ids.shape, dtype=bool)
            for row, filled, answer, case in zip(rows, ids, scored, cases[low : low + _BATCH], strict=True):
                filled[: len(row)] = row
                answer[len(case.prefix) + 2 : len(row)] = True
            tokens = torch.as_tensor(ids, device=device)
            lengths = torch.as_tensor([len(row) - 1 for row in rows], device=device)
            chosen = torch.as_tensor(scored[:, 1:], device=device)
            # A BERT reads a sentence for every position asked for, so no others are.
            logits = model.head(model.encoder.at(tokens[:, :-1], lengths, *chosen.nonzero(as_tuple=True)))
            if masked:
                possible = _still_needed(tokens[:, 1:], chosen, logits.shape[-1])[chosen]
                logits = logits.masked_fill(~possible, -torch.inf)
            log_p = logits.log_softmax(-1).gather(1, tokens[:, 1:][chosen][:, None])
            total -= log_p.sum(dtype=torch.float64).cpu()
            count += len(log_p)
    finally:
        model.train(was_training)
    return float(total) / count


def _still_needed(tokens: torch.Tensor, answer: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """The tokens that a right answer still has to write: those possible by count, and EOS.

    Args:
        tokens: int64 ``(B, T)``, the targets.
        answer: bool ``(B, T)``, which of them belong to the answer.

    Returns:
        bool ``(B, T, vocab_size)``; within an answer every row has the next right token.
    """
    present = one_hot(tokens, vocab_size) * answer[:, :, None]
    return present.flip(1).cumsum(1).flip(1) > 0
