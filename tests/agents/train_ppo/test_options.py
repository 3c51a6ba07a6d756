"""Every absurd option is refused in one line that names it, before there is a run folder."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from agents.train_ppo.check import check
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import train
from bracket_env import InputError
from bracket_env.command import configuration, typed_options
from supervised.runs.resuming import FREE_ON_RESUME, resumed

NAN, INF = float("nan"), float("inf")
COUNTS = (
    "n_envs", "n_steps", "batch_size", "n_epochs", "total_timesteps", "eval_every", "eval_cases", "threads",
    "layers", "units", "embedding_size",
)  # fmt: skip
TRANSFORMER_COUNTS = ("width", "heads", "mlp_ratio", "max_length")

TRANSFORMER = {"arch": "transformer"}

ABSURD: list[tuple[dict[str, Any], str]] = [
    *(({name: 0}, f"--{name.replace('_', '-')} must be a whole number from 1 to ") for name in COUNTS),
    *(({name: -3}, f"--{name.replace('_', '-')} must be a whole number from 1 to ") for name in COUNTS),
    *(({name: 1.5}, f"--{name.replace('_', '-')} must be a whole number from 1 to ") for name in COUNTS),
    *(({name: True}, "not True") for name in COUNTS),
    *(({name: 10**400}, f"--{name.replace('_', '-')} must be a whole number from 1 to ") for name in COUNTS),
    *(
        ({**TRANSFORMER, name: 0}, f"--{name.replace('_', '-')} must be a whole number from 1 to ")
        for name in TRANSFORMER_COUNTS
    ),
    *(
        ({name: value}, f"--{name.replace('_', '-')} must be positive, not {value}")
        for name in ("clip_range", "clip_range_vf", "max_grad_norm", "target_kl")
        for value in (0.0, -1e-3, NAN, INF, -INF)
    ),
    *(
        ({"learning_rate": value}, f"--learning-rate must be above 0 and at most 100, not {value}")
        for value in (0.0, -1e-3, 4e3, 1e39, NAN, INF, -INF)
    ),
    *(
        ({name: value}, f"--{name.replace('_', '-')} must be at least 0, not {value}")
        for name in ("ent_coef", "vf_coef")
        for value in (-0.1, NAN, INF)
    ),
    *(
        ({name: value}, f"--{name.replace('_', '-')} must be from 0 to 1, not {value}")
        for name in ("gamma", "gae_lambda")
        for value in (-0.01, 1.01, NAN, INF)
    ),
    *(({"target": value}, f"--target must be above 0 and at most 1, not {value}") for value in (0.0, 1.2, 99.0, NAN)),
    *(({"seed": value}, "--seed must be a whole number from 0 to 4294967295") for value in (-1, 2**32, 0.5)),
    *(({"time_limit": text}, f"not a duration: '{text}'") for text in ("", "ten", "0s", "-5min", "10")),
    *(
        ({"dropout": value}, f"dropout must be a number from 0 up to but not including 1, not {value}")
        for value in (-0.1, 1.0, NAN)
    ),
    # The parts of the rollout.
    ({"batch_size": 8192}, "--batch-size 8192 is larger than the rollout of 4096 (n_envs 512 x n_steps 8)"),
    (
        {"batch_size": 1000},
        "--batch-size 1000 does not divide the rollout of 4096 (n_envs 512 x n_steps 8): try 256, 512, 1024",
    ),
    (
        {"n_envs": 3, "n_steps": 35, "batch_size": 10},
        "--batch-size 10 does not divide the rollout of 105 (n_envs 3 x n_steps 35): try 5, 7, 15",
    ),
    ({"n_envs": 10**6, "n_steps": 100, "batch_size": 3}, "--batch-size 3 does not divide"),
    (
        {"n_envs": 10**6, "n_steps": 10**6},
        "the rollout of 1000000000000 (n_envs 1000000 x n_steps 1000000) is more than",
    ),
    ({"batch_size": 1}, "--batch-size 1 cannot normalise advantages"),
    # The encoder.
    ({"arch": "lstm2"}, "architecture 'lstm2' is unknown"),
    ({**TRANSFORMER, "units": 64}, "transformer does not use the option 'units'"),
    ({**TRANSFORMER, "embedding_size": 64}, "transformer does not use the option 'embedding_size'"),
    ({"heads": 2}, "gru does not use the option 'heads'"),
    ({"positions": "rope"}, "gru does not use the option 'positions'"),
    ({**TRANSFORMER, "heads": 5}, "heads must divide width 64 into even parts for 'rope': 1, 2, 4, 8, 16, 32, not 5"),
    ({**TRANSFORMER, "width": 9, "heads": 3, "positions": "rope"}, "width must be even, not 9"),
    ({**TRANSFORMER, "width": 10, "heads": 4, "positions": "none"}, "heads must divide width 10: 1, 2, 5, 10, not 4"),
    ({**TRANSFORMER, "positions": "sideways"}, "positions must be one of rope, alibi, learned, none, not 'sideways'"),
    ({**TRANSFORMER, "max_length": 50}, "max_length is used by positions 'learned' only"),
    (
        {**TRANSFORMER, "positions": "learned", "max_length": 39},
        "--max-length 39 is less than the 40 tokens of the longest prefix and answer",
    ),
    (
        {**TRANSFORMER, "positions": "learned", "max_length": 70, "max_answer": 50},
        "--max-length 70 is less than the 71",
    ),
    # The task.
    ({"setting": "bracket/Close-v9"}, "unknown setting 'bracket/Close-v9': use one of bracket/Close-v0"),
    ({"setting": "CartPole-v1"}, "unknown setting 'CartPole-v1'"),
    ({"pairs": ("()", "[")}, "a pair is two different characters, not '['"),
    ({"pairs": ("()", "[]]")}, "a pair is two different characters, not '[]]'"),
    ({"pairs": ("()", "((")}, "a pair is two different characters, not '(('"),
    ({"pairs": ("()", "()")}, "'(' occurs in '()' and again in '()'"),
    ({"pairs": ("()", "[)")}, "')' occurs in '()' and again in '[)'"),
    ({"pairs": ()}, "a language has 1 to 100 pairs, not 0"),
    (
        {"pairs": tuple(chr(0x4E00 + 2 * i) + chr(0x4E01 + 2 * i) for i in range(101))},
        "a language has 1 to 100 pairs, not 101",
    ),
    ({"max_answer": 3}, "max_answer must be an integer of at least 6 (bracket/Close-v0), not 3"),
    ({"on_mistake": "penalty", "penalty": -1.0}, "penalty must be a finite number of at least 0, not -1.0"),
    ({"on_mistake": "penalty", "penalty": NAN}, "penalty must be a finite number of at least 0, not nan"),
    ({"on_mistake": "explode"}, "unknown on_mistake 'explode'"),
    ({"reward": "generous"}, "unknown reward 'generous'"),
]


@pytest.mark.parametrize(("options", "problem"), ABSURD, ids=lambda part: "" if isinstance(part, str) else None)
def test_absurd_options_are_refused_before_there_is_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], problem: str
) -> None:
    monkeypatch.setattr("agents.train_ppo.run.build", None)  # nor is a model built
    with pytest.raises(InputError) as caught:
        train(TrainPPO(name="run", runs_dir=str(tmp_path / "runs"), **options), ["test"])
    message = str(caught.value)
    assert problem in message
    assert "\n" not in message
    assert len(message) < 300
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_envs": 1, "n_steps": 2, "batch_size": 2},
        {"n_envs": 1, "n_steps": 1, "batch_size": 1, "normalize_advantage": False},
        {"batch_size": 4096},
        {"gamma": 0.0, "gae_lambda": 1.0, "ent_coef": 0.0, "vf_coef": 0.0, "target": 1.0, "time_limit": "1h30min"},
        {"clip_range_vf": 0.1, "target_kl": 0.02, "seed": 2**32 - 1},
        {"arch": "transformer", "positions": "learned", "max_length": 40},
        {"arch": "transformer", "width": 10, "heads": 5, "positions": "alibi"},
        {"pairs": ("<>",), "on_mistake": "continue", "max_answer": 9},
    ],
)
def test_sound_options_pass(options: dict[str, Any]) -> None:
    config = TrainPPO(**options)
    run, task = check(config)
    assert run.kind == "ppo"
    assert run.options == asdict(config)
    assert run.pairs == task.sampler.language.pairs == tuple(options.get("pairs", ("()", "【】", "{}")))
    assert task.sampler.split == "train"


def test_the_defaults_of_the_encoder_are_written_out() -> None:
    assert check(TrainPPO(units=7))[0].params.items() >= {"units": 7, "layers": 1, "embedding_size": 32}.items()
    assert check(TrainPPO(arch="transformer"))[0].params.items() >= {"width": 64, "heads": 4}.items()


# Resuming ------------------------------------------------------------------------------------------------------------

SAVED = TrainPPO(name="run", seed=3, n_envs=64, pairs=("<>", "«»"), target=0.9, time_limit="5min", json="out.json")
ON_DISK = json.loads(json.dumps(asdict(SAVED)))


def test_resuming_takes_the_runs_own_options() -> None:
    ended = {"target": None, "time_limit": None, "json": None}  # these ended the first command only
    assert resumed(TrainPPO(resume="run"), ON_DISK) == replace(SAVED, resume="run", **ended)  # type: ignore[arg-type]
    again = {"target": 0.99, "time_limit": "1h", "json": "b.json", "runs_dir": "elsewhere"}
    config = resumed(TrainPPO(resume="run", **again), ON_DISK)  # type: ignore[arg-type]
    assert config == replace(SAVED, resume="run", **again)  # type: ignore[arg-type]


def test_an_option_given_again_as_it_was_is_fine() -> None:
    assert resumed(TrainPPO(resume="run", seed=3, n_envs=64, pairs=("<>", "«»")), ON_DISK).seed == 3


OTHER: dict[type, Any] = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    float: lambda value: value / 2 or 0.5,
    str: lambda value: f"other {value}",
    tuple: lambda value: (*value, "other"),
}


@pytest.mark.parametrize("name", [field.name for field in fields(TrainPPO) if field.name not in FREE_ON_RESUME])
def test_an_option_that_makes_another_run_is_refused(name: str) -> None:
    default = getattr(TrainPPO(), name)
    value: Any = ("{}",) if name == "pairs" else 5 if default is None else OTHER[type(default)](default)
    options: dict[str, Any] = {"resume": "run", name: value}
    with pytest.raises(InputError) as caught:
        resumed(TrainPPO(**options), ON_DISK)
    has = getattr(SAVED, name)
    flag = "--" + name.replace("_", "-")
    longer = f", and add --extend {value - has} to train it longer" if name == "total_timesteps" else ""
    assert str(caught.value) == f"{flag} {value} would make it another run (it has {has}): leave it out{longer}"


def test_options_of_another_version() -> None:
    with pytest.raises(InputError, match=r"made by another version: it has the option colour"):
        resumed(TrainPPO(resume="run"), {**ON_DISK, "colour": "red"})
    older = {name: value for name, value in ON_DISK.items() if name != "mask"}
    assert resumed(TrainPPO(resume="run"), older) == resumed(TrainPPO(resume="run"), ON_DISK)


def test_an_option_keeps_its_old_name() -> None:
    """On the command line, in a file of options and in the folders of older runs."""
    typed = configuration(TrainPPO, ["--encoder", "lstm", "--units=7"], "train")
    assert typed.arch == "lstm"
    assert typed_options(typed) == {"arch", "units"}
    older = {("encoder" if name == "arch" else name): value for name, value in ON_DISK.items()}
    assert resumed(TrainPPO(resume="run"), older) == resumed(TrainPPO(resume="run"), ON_DISK)


def test_an_old_file_of_options_is_read(tmp_path: Path) -> None:
    (tmp_path / "best_params.json").write_text('{"encoder": "stack", "n_steps": 16}')
    config = configuration(TrainPPO, ["--params", str(tmp_path / "best_params.json")], "train")
    assert (config.arch, config.n_steps) == ("stack", 16)
