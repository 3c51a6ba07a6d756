"""Writing a model as an ONNX file that says by itself how it is to be run.

The file's metadata has the key ``bracketgym``: JSON with the bracket pairs, the form
(:mod:`supervised.models.parts.forms`), the states of a step, the special tokens' ids, whether only what the count mask
allows may be written, and the longest input there is room for. Symbol ids follow from the pairs as everywhere:
``5 + 2i`` opens pair i, ``6 + 2i`` closes it.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from bracket_env import BOS, EOS, FIRST_SYMBOL, PAD, SEP, InputError
from supervised.models import SequenceModel, encoder_class
from supervised.models.parts.forms import Form, Prefix, initial

METADATA_KEY = "bracketgym"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def check_packages() -> None:
    """Whether everything that exporting and checking need is installed.

    Raises:
        InputError: naming what is missing and the command that installs it.
    """
    for package in PACKAGES:
        try:
            import_module(package)
        except ImportError:
            raise InputError(f"--onnx needs the package {package}: pip install -e '.[onnx]'") from None


def check_exportable(architecture: str) -> None:
    """Raises InputError for an architecture that has no form."""
    encoder = encoder_class(architecture)
    if encoder.form is None:
        raise InputError(f"--onnx: {architecture} {encoder.no_form}")


def export(model: SequenceModel, pairs: Sequence[str], *, masked: bool) -> bytes:
    """The content of the file.

    Args:
        model: computing in floats, on the CPU; its encoder has a form.
        masked: only what the count mask allows may be written.

    Raises:
        InputError: a package is missing.
    """
    check_packages()
    assert model.encoder.form is not None
    form = model.encoder.form(model.encoder, model.head)
    max_length = getattr(model.encoder, "max_length", None)
    proto = _exported(form, max_length)
    described = {
        "pairs": list(pairs),
        "form": form.kind,
        "states": [asdict(state) for state in form.states],
        "special": {"PAD": PAD, "BOS": BOS, "SEP": SEP, "EOS": EOS, "FIRST_SYMBOL": FIRST_SYMBOL},
        "masked": masked,
        "max_length": max_length,
    }
    import_module("onnx").helper.set_model_props(proto, {METADATA_KEY: json.dumps(described, ensure_ascii=False)})
    data: bytes = proto.SerializeToString()
    return data


def _exported(form: Form, max_length: int | None) -> Any:
    """The graph as a ``ModelProto``."""
    batch = torch.export.Dim("batch")
    if isinstance(form, Prefix):
        inputs: tuple[Tensor, ...] = (torch.tensor([[BOS, SEP, EOS]] * 2), torch.tensor([3, 2]))
        names, results = ["ids", "lengths"], ["logits"]
        shapes: Any = ({0: batch, 1: torch.export.Dim("tokens", max=max_length)}, {0: batch})
    else:
        # Two rows of two: a size of 1 in the example would be taken for a constant.
        inputs = (torch.tensor([BOS, SEP]), *(_longer(s, form) for s in range(len(form.states))))
        names = ["token", *(state.name for state in form.states)]
        results = ["logits", *(f"next_{state.name}" for state in form.states)]
        rows = torch.export.Dim("rows")
        shapes = ({0: batch}, tuple({0: batch, 1: rows} if state.grows else {0: batch} for state in form.states))
    with _quiet(), form.exporting():
        form(*inputs)  # what a model computes once and keeps must not be a tensor of the exporter's
        program: Any = torch.onnx.export(
            form,
            inputs,
            dynamo=True,
            input_names=names,
            output_names=results,
            dynamic_shapes=shapes,
            verbose=False,
        )
    return program.model_proto


def _longer(number: int, form: Form) -> Tensor:
    """An example of a state: two rows, and two places along an axis that grows."""
    state, begun = form.states[number], initial(form.states, 2)[number]
    return torch.cat([begun, begun], 1) if state.grows else begun


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own use of what torch deprecates, and logs packages that nothing here needs."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for category in (FutureWarning, DeprecationWarning, UserWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        logger.setLevel(level)
