"""No combination of hyperparameters breaks a model: it trains or rolls back, or it is refused before any work."""

from __future__ import annotations

import math
import random
from dataclasses import asdict
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from bracket_env import InputError, get_setting
from supervised.learning.trainer import MOST_ROLLBACKS, DivergedError, Trainer
from supervised.models.params import longest_input
from supervised.options.checks import custom_pairs, fixed_size
from supervised.runs.resuming import resumed
from supervised.train.check import check
from supervised.train.examples import train_examples
from supervised.train.options import Train

TINY = "bracket/CloseTiny-v0"
ARCHITECTURES = ("gru", "lstm", "transformer", "gpt", "bert", "stack", "tree")
_TRAINING: dict[str, tuple[list[Any], list[Any]]] = {  # option -> usual values, extreme values
    "loss": (["answer", "all"], ["answer", "all"]),
    "batch_size": ([4, 8], [1, 2]),
    "micro_batch": ([None, 3], [1, None]),
    "learning_rate": ([1e-3, 1e-2], [1.0, 1e-8, 0.3]),
    "warmup_steps": ([0, 2], [0, 3]),
    "lr_schedule": (["cosine", "linear", "constant"], ["constant"]),
    "weight_decay": ([0.0, 0.1], [1.0, 0.0]),
    "label_smoothing": ([0.0, 0.1], [0.99, 0.0]),
    "max_grad_norm": ([1.0, 5.0], [1e-9, 1e9]),
    "dataset_size": (["stream", "20"], ["1", "3"]),
    "seed": ([0, 1], [2**63 - 1]),
    "dropout": ([None, 0.2], [0.9, 0.0]),
    "pairs": ([None], [("()",), tuple(chr(0x4E00 + 2 * i) + chr(0x4E01 + 2 * i) for i in range(100))]),
}
_RECURRENT = {
    "layers": ([1, 2], [8, 1]),
    "units": ([4, 9], [1, 2]),
    "embedding_size": ([3, 8], [1]),
    "attention": ([False, True], [False, True]),
}
_ATTENDING = {"layers": ([1, 2], [8, 1]), "width": ([8, 16], [4, 12]), "heads": ([1, 2], [1, 4])}
_WITH_LENGTH = {**_ATTENDING, "max_length": ([None, 20], [14])}
_MODEL: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "gru": _RECURRENT,
    "lstm": _RECURRENT,
    "transformer": {**_ATTENDING, "mlp_ratio": ([1, 4], [1]), "positions": (["rope", "alibi", "learned"], ["none"])},
    "gpt": _WITH_LENGTH,
    "bert": _WITH_LENGTH,
    "stack": {name: _RECURRENT[name] for name in ("layers", "units", "embedding_size")} | {"cell_size": ([4, 16], [1])},
    "tree": {"units": _RECURRENT["units"], "embedding_size": _RECURRENT["embedding_size"]},
}


def drawn(arch: str, number: int) -> Train:
    """Combination ``number`` of an architecture; every third one is extreme."""
    generator = random.Random(f"{arch}/{number}")
    extreme = number % 3 == 0
    options = {name: generator.choice(values[extreme]) for name, values in (_TRAINING | _MODEL[arch]).items()}
    return Train(arch=arch, setting=TINY, steps=3, eval_cases=2, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_legal_combinations_train(arch: str) -> None:
    for number in range(30):
        config = drawn(arch, number)
        run = check(config)
        torch.manual_seed(0)
        trainer = Trainer(config, run.build(), *train_examples(config, run), Accelerator(cpu=True), seed=config.seed)
        try:
            while trainer.step < config.steps:
                if trainer.sound():
                    trainer.snapshot({})
                    trainer.advance()
            assert trainer.sound()
            assert math.isfinite(trainer.mean_loss())
        except DivergedError:  # after clean rollbacks: the weights are those of the last good snapshot
            assert trainer.rollbacks == MOST_ROLLBACKS
        assert all(torch.isfinite(tensor).all() for tensor in trainer.model.state_dict().values()), config


NAN, INF = math.nan, math.inf
_NO_COUNT = (0, -1, 2.5, True, "8", 10**12)
_NO_POSITIVE = (0, -1.0, NAN, INF, "1")
_RANGES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("steps", "batch_size", "eval_every", "eval_cases", "threads"), _NO_COUNT),
    **dict.fromkeys(("micro_batch", "patience", "layers", "units", "embedding_size", "cell_size"), _NO_COUNT),
    "seed": (-1, 2**63, 0.5),
    "warmup_steps": (-1, 10**10, 0.5),
    "learning_rate": (*_NO_POSITIVE, 101.0),
    "max_grad_norm": _NO_POSITIVE,
    "weight_decay": (-0.1, NAN, INF, 251.0),
    "label_smoothing": (-0.1, 1.0, NAN),
    "target": (0.0, 1.1, NAN),
    "dropout": (-0.1, 1.0, NAN, "much"),
    "time_limit": ("", "soon", "0s", "-5min", "5 parsecs"),
    "dataset_size": ("", "0", "-3", "many", "1.5", "²", "9" * 5000),
    "setting": ("", "bracket/Close-v9", "CartPole-v1"),
    "pairs": ((), ("(",), ("((",), ("()", "(]"), ("(\n",)),
    "arch": ("rnn", "", "GRU"),
}
ILLEGAL: list[dict[str, Any]] = [
    *({name: value} for name, values in _RANGES.items() for value in values),
    *({"arch": arch, name: 4} for arch in ("transformer", "gpt", "bert") for name in ("units", "embedding_size")),
    *({"arch": arch, "attention": True} for arch in ("transformer", "gpt", "bert", "stack")),
    *({"arch": arch, "cell_size": 4} for arch in ("gru", "lstm", "transformer", "gpt", "bert", "tree")),
    *({"arch": arch, name: 4} for arch in ("gru", "lstm", "stack") for name in ("width", "heads", "max_length")),
    *({"arch": arch, "mlp_ratio": 4} for arch in ("gru", "lstm", "stack")),
    *({"arch": arch, "positions": "rope"} for arch in ("gru", "lstm", "gpt", "bert", "stack")),
    *({"arch": arch, "width": 10, "heads": 4} for arch in ("transformer", "gpt", "bert")),
    *({"arch": arch, "max_length": 13, "setting": TINY} for arch in ("gpt", "bert")),
    {"arch": "transformer", "positions": "learned", "max_length": 39},
    {"arch": "transformer", "positions": "rope", "max_length": 100},
    {"arch": "transformer", "positions": "sideways"},
    {"arch": "transformer", "positions": "rope", "width": 9, "heads": 3},
    {"dataset": "data", "dataset_size": "30"},
    {"replay": TINY},
    {"replay": "bracket/Nothing-v0", "init_from": "run"},
    {"replay": "bracket/CloseBigBench-v0", "init_from": "run"},
    {"replay_share": 0.0, "replay": TINY, "init_from": "run"},
    {"replay_share": 1.0, "replay": TINY, "init_from": "run"},
]


def refusal(options: dict[str, Any]) -> str:
    try:
        check(Train(**options))
    except InputError as error:
        return str(error)
    pytest.fail(f"not refused: {options}")


def test_illegal_combinations_are_refused_in_one_line() -> None:
    assert len(ILLEGAL) >= 100
    for options in ILLEGAL:
        message = refusal(options)
        assert "\n" not in message, options
        assert 10 < len(message) < 300, (options, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, r"--batch-size must be a whole number from 1 to 1000000, not 0"),
        ({"arch": "gru", "heads": 2}, r"gru does not use the option 'heads': it uses embedding_size"),
        ({"arch": "gpt", "width": 10, "heads": 4}, r"heads must divide width 10: 1, 2, 5, 10, not 4"),
        ({"weight_decay": 300.0}, r"--weight-decay must be from 0 to 1 / learning rate = 250, not 300.0"),
        ({"arch": "bert", "max_length": 39}, r"--max-length 39 is less than the 40 tokens"),
        ({"replay": TINY}, r"--replay goes with --init-from"),
        ({"replay": "bracket/CloseBigBench-v0", "init_from": "x"}, r"needs the pair '\[\]'"),
    ],
)
def test_a_refusal_says_what_would_be_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(Train(**options))


@pytest.mark.parametrize("arch", ["transformer", "gpt", "bert"])
def test_learned_positions_reach_the_longest_free_answer(arch: Any) -> None:
    positions: Any = "learned" if arch == "transformer" else None
    config = Train(arch=arch, positions=positions, setting=TINY, width=4, heads=2, layers=1)
    run = check(config)
    assert run.params["max_length"] == longest_input(get_setting(TINY)) == 14
    model = run.build().eval()
    prompt = torch.tensor([[1, *[5] * 6, 2]])
    features, state = model.encoder.start(prompt, torch.tensor([8]))
    for _ in range(6):  # the seventh token is written and never read
        features, state = model.encoder.step(torch.tensor([6]), state)
    assert torch.isfinite(features).all()


def test_the_run_keeps_every_option() -> None:
    config = Train(units=7)
    run = check(config)
    assert run.options == asdict(config)
    assert (run.kind, run.architecture, run.params["units"], run.params["layers"]) == ("supervised", "gru", 7, 1)


def test_sizes_of_the_data() -> None:
    assert fixed_size("stream") is None
    assert fixed_size("3000") == 3000


def test_the_settings_own_pairs_are_no_other_pairs() -> None:
    setting = get_setting(TINY)
    assert custom_pairs(setting.pairs, setting) is None
    assert custom_pairs(None, setting) is None
    assert custom_pairs(["{}"], setting) == ("{}",)


SAVED = asdict(Train(units=7, target=0.5, time_limit="5s", pairs=("()",)))


def test_a_resumed_run_has_its_own_options() -> None:
    found = resumed(Train(resume="x", time_limit="9s"), {**SAVED, "pairs": ["()"]})
    assert found == Train(units=7, pairs=("()",), resume="x", time_limit="9s")


def test_a_resumed_run_refuses_what_would_make_it_another() -> None:
    with pytest.raises(InputError, match=r"--units 8 would make it another run \(it has 7\)"):
        resumed(Train(resume="x", units=8), SAVED)
    assert resumed(Train(resume="x", units=7), SAVED).units == 7


def test_a_run_of_another_version_is_refused() -> None:
    with pytest.raises(InputError, match=r"made by another version: it has the option colour"):
        resumed(Train(resume="x"), {**SAVED, "colour": 1})


def test_an_option_that_came_later_was_at_its_default() -> None:
    older = {name: value for name, value in SAVED.items() if name != "patience"}
    assert resumed(Train(resume="x"), older) == resumed(Train(resume="x"), SAVED)
