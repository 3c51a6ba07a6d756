"""An ONNX file run by onnxruntime in a model's place, and the two compared.

:class:`OnnxModel` is a :class:`~supervised.models.SequenceModel` whose encoder asks the file for logits and whose head
hands them on unchanged, so an ONNX file decodes with the very code that the model decodes with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bracket_env import BracketTokenizer, InputError
from supervised.compress.onnx.export import METADATA_KEY, check_packages
from supervised.models import Encoder, SequenceModel
from supervised.models.bert import Written
from supervised.models.parts.forms import StateForm, initial
from supervised.runs import ModelSolver

LARGEST_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """How far a file agrees with the model that it was made of."""

    cases: int
    different_answers: int
    largest_difference: float
    """Of any logit at any position of the answers."""

    def require(self) -> None:
        """Raises InputError unless all answers are equal and the logits differ by at most 1e-4."""
        if self.different_answers or self.largest_difference > LARGEST_DIFFERENCE:
            raise InputError(
                f"the ONNX file does not compute what the model does: {self.different_answers} of {self.cases} answers "
                f"differ, logits by up to {self.largest_difference:.1e}; nothing is written"
            )


class OnnxModel(SequenceModel):
    """A model that onnxruntime computes, for answering only.

    Args:
        data: content of a file that :func:`~supervised.compress.onnx.export.export` made.
    """

    def __init__(self, data: bytes) -> None:
        check_packages()
        runtime = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        described = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        vocab_size = session.get_outputs()[0].shape[1]
        states = tuple(StateForm(**{**state, "shape": tuple(state["shape"])}) for state in described["states"])
        encoder = _Steps(session, states, vocab_size) if described["form"] == "step" else _Prefixes(session, vocab_size)
        super().__init__(encoder, vocab_size)
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(vocab_size))
            self.head.bias.zero_()


class _Session(Encoder[Any]):
    """Logits of a session as features."""

    def __init__(self, session: Any, width: int) -> None:
        super().__init__()
        self.session, self.width = session, width

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        sizes = torch.full((len(ids),), ids.shape[1]) if lengths is None else lengths
        features, state = self.start(ids[:, :1], torch.ones_like(sizes))
        found = [features]
        for t in range(1, ids.shape[1]):
            features, state = self.step(ids[:, t], state)
            found.append(features)
        return torch.stack(found, 1)

    def run(self, **inputs: Tensor) -> list[Tensor]:
        given = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in inputs.items()}
        return [torch.from_numpy(output) for output in self.session.run(None, given)]


class _Steps(_Session):
    """The form ``step``; the state is that of the file."""

    def __init__(self, session: Any, states: tuple[StateForm, ...], width: int) -> None:
        super().__init__(session, width)
        self.states = states

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        newest = torch.zeros(len(ids), self.width)
        ends: list[tuple[Tensor, ...]] = [()] * len(ids)
        # Rows of one length together, so that no row ever reads its padding.
        state = initial(self.states, len(ids))
        rows = torch.arange(len(ids))
        for t in range(int(lengths.max())):
            going = (lengths[rows] > t).nonzero().squeeze(1)
            rows, state = rows[going], self.select(state, going)
            features, state = self.step(ids[rows, t], state)
            for place in (lengths[rows] == t + 1).nonzero().squeeze(1).tolist():
                newest[rows[place]] = features[place]
                ends[int(rows[place])] = tuple(part[place] for part in state)
        by_form = zip(self.states, zip(*ends, strict=True), strict=True)
        return newest, tuple(_padded(form, parts) for form, parts in by_form)

    def step(self, token: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        names = [form.name for form in self.states]
        features, *following = self.run(token=token, **dict(zip(names, state, strict=True)))
        return features, tuple(following)

    def select(self, state: tuple[Tensor, ...], rows: Tensor) -> tuple[Tensor, ...]:
        return tuple(part[rows] for part in state)


class _Prefixes(_Session):
    """The form ``prefix``; the state is everything read so far."""

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Written]:
        return self.run(ids=ids, lengths=lengths)[0], Written(ids, lengths)

    def step(self, token: Tensor, state: Written) -> tuple[Tensor, Written]:
        room = torch.cat([state.ids, torch.zeros_like(state.ids[:, :1])], 1)
        room = room[:, : int(state.lengths.max()) + 1]
        return self.start(room.scatter(1, state.lengths[:, None], token[:, None]), state.lengths + 1)

    def select(self, state: Written, rows: Tensor) -> Written:
        return Written(state.ids[rows], state.lengths[rows])


def _padded(form: StateForm, parts: Sequence[Tensor]) -> Tensor:
    """Rows of one state, those that grow filled up with what they were at the beginning."""
    if not form.grows:
        return torch.stack(list(parts))
    filled = torch.full((len(parts), max(map(len, parts)), *form.shape[1:]), form.fill, dtype=parts[0].dtype)
    for row, part in zip(filled, parts, strict=True):
        row[: len(part)] = part
    return filled


def compare(
    data: bytes, model: SequenceModel, tokenizer: BracketTokenizer, prefixes: Sequence[str], *, masked: bool
) -> Agreement:
    """Let a file and its model answer the same prefixes.

    Args:
        data: content of the file.
        model: on the CPU.
    """
    twin = OnnxModel(data)
    answers = ModelSolver(model, tokenizer, masked=masked).complete(prefixes)
    theirs = ModelSolver(twin, tokenizer, masked=masked).complete(prefixes)
    different = sum(ours != other for ours, other in zip(answers, theirs, strict=True))
    return Agreement(len(prefixes), different, _largest_difference(twin, model, tokenizer, prefixes))


@torch.inference_mode()
def _largest_difference(
    twin: SequenceModel, model: SequenceModel, tokenizer: BracketTokenizer, prefixes: Sequence[str]
) -> float:
    """Of the logits after each prefix and along its right answer."""
    language = tokenizer.language
    largest = 0.0
    by_length = sorted(prefixes, key=len)
    for low in range(0, len(by_length), 256):
        chunk = by_length[low : low + 256]
        prompts, sizes = tokenizer.encode_prompts(chunk)
        answers = [tokenizer.encode(language.completion(prefix)) for prefix in chunk]
        ids, lengths = torch.as_tensor(prompts, dtype=torch.long), torch.as_tensor(sizes)
        pair = [(m, *m.encoder.start(ids, lengths)) for m in (model, twin)]
        left = torch.tensor([len(answer) for answer in answers])
        for t in range(int(left.max()) + 1):
            ours, other = (m.head(features) for m, features, _ in pair)
            largest = max(largest, float((ours - other).abs().max()))
            going = (left > t).nonzero().squeeze(1)
            if not len(going):
                break
            token = torch.tensor([answer[t] for answer in answers if len(answer) > t])
            pair = [(m, *m.encoder.step(token, m.encoder.select(state, going))) for m, _, state in pair]
            answers = [answers[i] for i in going.tolist()]
            left = left[going]
    return largest
