"""What an architecture may be given: refused in one clear line, or working, however extreme."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from typing import Any

import pytest
import torch
import tyro
from hypothesis import given, settings
from hypothesis import strategies as st
from model_table import MODELS, VOCAB

from bracket_env import InputError
from supervised.models import ENCODERS, build_model, check_params

BAD_OPTIONS = [
    ("rnn", {}, "architecture 'rnn' is unknown: choose one of gru, lstm, transformer, gpt, bert"),
    (None, {}, "architecture None is unknown"),
    ("gru", [], "options of gru must be a mapping"),
    ("gru", {"heads": 4}, "gru does not use the option 'heads': it uses embedding_size, layers, units, dropout, "),
    ("transformer", {"units": 4}, "transformer does not use the option 'units': it uses width, layers, heads"),
    ("gru", {3: 4}, "gru does not use the option 3"),
    ("gru", {"layers": 0}, "gru: layers must be a whole number of at least 1, not 0"),
    ("gru", {"layers": "2"}, "layers must be a whole number of at least 1, not '2'"),
    ("gru", {"layers": True}, "layers must be a whole number of at least 1, not True"),
    ("gru", {"units": 0}, "units must be a whole number"),
    ("gru", {"units": 8.0}, "units must be a whole number of at least 1, not 8.0"),
    ("gru", {"embedding_size": -3}, "embedding_size must be a whole number"),
    ("gru", {"dropout": 1}, "dropout must be a number from 0 up to but not including 1, not 1"),
    ("gru", {"dropout": -0.1}, "not -0.1"),
    ("gru", {"dropout": math.nan}, "not nan"),
    ("gru", {"dropout": "0.1"}, "not '0.1'"),
    ("gru", {"dropout": False}, "not False"),
    ("gru", {"attention": 1}, "gru: attention must be true or false, not 1"),
    ("lstm", {"attention": None}, "lstm: attention must be true or false, not None"),
    ("lstm", {"units": 0}, "lstm: units must be a whole number"),
    ("lstm", {"width": 4}, "lstm does not use the option 'width': it uses embedding_size, layers, units"),
    ("gpt", {"heads": 3}, "gpt: heads must divide width 64: 1, 2, 4, 8, 16, 32, 64, not 3"),
    ("gpt", {"heads": 0}, "gpt: heads must be a whole number of at least 1, not 0"),
    ("gpt", {"positions": "rope"}, "gpt does not use the option 'positions': it uses width, layers, heads"),
    ("gpt", {"max_length": None}, "gpt: max_length must be a whole number of at least 1, not None"),
    ("gpt", {"dropout": 1.0}, "gpt: dropout must be a number from 0 up to but not including 1, not 1.0"),
    ("bert", {"width": 5}, "bert: heads must divide width 5: 1, 5, not 4"),
    ("bert", {"max_length": 0}, "bert: max_length must be a whole number of at least 1, not 0"),
    ("bert", {"layers": 1.5}, "bert: layers must be a whole number of at least 1, not 1.5"),
    ("bert", {"attention": True}, "bert does not use the option 'attention'"),
    ("stack", {"cell_size": 0}, "stack: cell_size must be a whole number of at least 1, not 0"),
    ("stack", {"units": True}, "stack: units must be a whole number of at least 1, not True"),
    ("stack", {"dropout": -1}, "stack: dropout must be a number from 0 up to but not including 1, not -1"),
    ("stack", {"attention": True}, "stack does not use the option 'attention': it uses embedding_size, layers, units"),
    ("tree", {"units": 0}, "tree: units must be a whole number of at least 1, not 0"),
    ("tree", {"embedding_size": 2.0}, "tree: embedding_size must be a whole number of at least 1, not 2.0"),
    ("tree", {"dropout": 1}, "tree: dropout must be a number from 0 up to but not including 1, not 1"),
    ("tree", {"layers": 2}, "tree does not use the option 'layers': it uses embedding_size, units, dropout"),
    ("transformer", {"width": 0}, "transformer: width must be a whole number"),
    ("transformer", {"layers": None}, "layers must be a whole number of at least 1, not None"),
    ("transformer", {"mlp_ratio": 2.5}, "mlp_ratio must be a whole number of at least 1, not 2.5"),
    ("transformer", {"dropout": 1.5}, "not 1.5"),
    ("transformer", {"heads": 0}, "heads must be a whole number"),
    (
        "transformer",
        {"width": 12, "heads": 5, "positions": "alibi"},
        "heads must divide width 12: 1, 2, 3, 4, 6, 12, not 5",
    ),
    ("transformer", {"width": 12, "heads": 4}, "width 12 into even parts for 'rope': 1, 2, 3, 6, not 4"),
    ("transformer", {"width": 9, "heads": 3}, "width must be even, not 9"),
    ("transformer", {"positions": "sine"}, "positions must be one of rope, alibi, learned, none, not 'sine'"),
    ("transformer", {"positions": []}, "positions must be one of rope, alibi, learned, none, not []"),
    ("transformer", {"positions": "learned"}, "positions 'learned' needs max_length"),
    (
        "transformer",
        {"positions": "learned", "max_length": 0},
        "max_length must be a whole number of at least 1, not 0",
    ),
    ("transformer", {"max_length": 20}, "max_length is used by positions 'learned' only, not by 'rope'"),
]


@pytest.mark.parametrize(("arch", "params", "message"), BAD_OPTIONS)
def test_bad_options_are_refused_in_one_clear_line(arch: Any, params: Any, message: str) -> None:
    for make_it in (lambda: check_params(arch, params), lambda: build_model(arch, params, VOCAB)):
        with pytest.raises(InputError) as error:
            make_it()
        assert message in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("vocab_size", [0, -1, True, "11", 7.0])
def test_a_vocabulary_that_is_no_size_is_refused(vocab_size: Any) -> None:
    with pytest.raises(InputError, match="vocab_size must be a whole number"):
        build_model("gru", {}, vocab_size)


def test_bert_needs_its_mask_in_the_vocabulary() -> None:
    assert build_model("bert", {"width": 4}, 5).head.out_features == 5
    with pytest.raises(InputError, match="bert fills <mask>, token id 4: vocab_size must be above it, not 4"):
        build_model("bert", {"width": 4}, 4)


@pytest.mark.parametrize(("arch", "params"), MODELS.values())
def test_options_survive_json(arch: str, params: dict[str, Any]) -> None:
    config = check_params(arch, params)
    again = json.loads(json.dumps(config.to_dict()))
    assert check_params(arch, again) == config
    assert params.items() <= again.items()


@pytest.mark.parametrize("arch", ENCODERS)
def test_every_option_carries_its_help_text(arch: str, capsys: pytest.CaptureFixture[str]) -> None:
    config_class = ENCODERS[arch].config_class
    with pytest.raises(SystemExit):
        tyro.cli(config_class, args=["--help"])
    options = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split()).split(" --")
    described = {text.split()[0].removesuffix(",").replace("-", "_") for text in options if ". (default:" in text}
    described = {name.removeprefix("no_") for name in described}
    assert described == {field.name for field in fields(config_class)}


dropouts = st.sampled_from([0.0, 0.3, 0.9])
recurrent_options = st.fixed_dictionaries(
    {
        "embedding_size": st.integers(1, 9),
        "layers": st.integers(1, 6),
        "units": st.integers(1, 9),
        "dropout": dropouts,
        "attention": st.booleans(),
    }
)
stack_options = st.fixed_dictionaries(
    {name: st.integers(1, 9) for name in ("embedding_size", "units", "cell_size")}
    | {"layers": st.integers(1, 6), "dropout": dropouts}
)
tree_options = st.fixed_dictionaries(
    {"embedding_size": st.integers(1, 9), "units": st.integers(1, 9), "dropout": dropouts}
)
hugging_face_options = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), dropouts).map(
    lambda drawn: {
        "heads": drawn[0],
        "width": drawn[0] * drawn[1],
        "layers": drawn[2],
        "dropout": drawn[3],
        "max_length": 9,
    }
)


@st.composite
def transformer_options(draw: st.DrawFn) -> dict[str, Any]:
    positions = draw(st.sampled_from(["rope", "alibi", "learned", "none"]))
    heads = draw(st.integers(1, 5))
    return {
        "heads": heads,
        "width": heads * (2 if positions == "rope" else 1) * draw(st.integers(1, 4)),
        "layers": draw(st.integers(1, 6)),
        "mlp_ratio": draw(st.integers(1, 4)),
        "dropout": draw(dropouts),
        "positions": positions,
        "max_length": 9 if positions == "learned" else None,
    }


legal = st.one_of(
    st.tuples(st.sampled_from(["gru", "lstm"]), recurrent_options),
    st.tuples(st.just("transformer"), transformer_options()),
    st.tuples(st.sampled_from(["gpt", "bert"]), hugging_face_options),
    st.tuples(st.just("stack"), stack_options),
    st.tuples(st.just("tree"), tree_options),
)


@settings(max_examples=100)
@given(legal, st.lists(st.integers(1, 8), min_size=1, max_size=4), st.booleans())
def test_any_legal_options_give_finite_features(
    chosen: tuple[str, dict[str, Any]], lengths: list[int], training: bool
) -> None:
    model = build_model(*chosen, VOCAB).train(training)
    ids, sizes = torch.randint(0, VOCAB, (len(lengths), 8)), torch.tensor(lengths)
    assert model(ids, sizes).isfinite().all()
    model.encoder.last(ids, sizes).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    features, state = model.encoder.start(ids, sizes)
    features, _ = model.encoder.step(ids[:, 0], state)
    assert features.shape == (len(lengths), model.encoder.width)
    assert features.isfinite().all()
