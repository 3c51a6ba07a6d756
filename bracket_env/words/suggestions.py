"""Did you mean: the nearest of the names that there are, by spelling or by what other projects call the same thing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

_ALIKE = str.maketrans("l|o", "110")
_NEAR = 0.66
# What other libraries call an option, and what it may be called here: the first name that a command has.
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "epochs num-epochs num-train-epochs iterations iters max-iters max-steps num-steps train-steps n-steps": ("steps",),
    "timesteps num-timesteps total-steps env-steps frames": ("total-timesteps",),
    "lr alpha step-size": ("learning-rate",),
    "bs batch minibatch mini-batch per-device-train-batch-size": ("batch-size",),
    "hidden hidden-size hidden-dim hidden-units n-units d-model dim n-embd": ("units", "width"),
    "embed-dim embedding-dim emb-dim emb-size embed-size": ("embedding-size",),
    "n-layers num-layers n-layer depth num-hidden-layers": ("layers",),
    "n-heads num-heads n-head num-attention-heads nhead": ("heads",),
    "model network net architecture policy": ("arch",),
    "env environment env-id env-name task": ("setting",),
    "brackets symbols vocab": ("pairs",),
    "out output output-dir out-dir save-dir logdir log-dir": ("out", "runs-dir", "studies-dir", "json"),
    "run-name run experiment exp-name id study study-name": ("name",),
    "gpu cuda no-cuda accelerator": ("device",),
    "cores cpus num-threads n-threads": ("threads",),
    "workers num-workers n-jobs processes nproc": ("jobs", "threads"),
    "trials num-trials": ("n-trials",),
    "timeout max-time time duration": ("time-limit",),
    "wd l2": ("weight-decay",),
    "warmup warmup-ratio": ("warmup-steps",),
    "scheduler schedule lr-scheduler": ("lr-schedule",),
    "random-seed rng manual-seed": ("seed",),
    "checkpoint ckpt continue restart resume-from": ("resume",),
    "pretrained-model from load load-from weights init": ("init-from", "pretrained"),
    "config config-file hparams hyperparameters": ("params",),
    "sentence text prompt instructions rule": ("instruction",),
    "eval-freq eval-interval eval-steps val-every validate-every": ("eval-every",),
    "n-eval eval-episodes n-eval-episodes num-eval test-cases n-cases": ("eval-cases", "cases", "n"),
    "data data-dir train-file train-data file dataset-path": ("dataset", "cases"),
    "n-samples samples num-samples size train-size labels": ("dataset-size", "n"),
    "augmentation augmentations aug": ("augment",),
    "clip grad-clip clip-grad max-norm": ("max-grad-norm",),
    "clip-eps eps-clip": ("clip-range",),
    "early-stopping": ("patience",),
    "entropy entropy-coef ent": ("ent-coef",),
    "value-coef": ("vf-coef",),
    "num-envs envs": ("n-envs",),
    "rollout rollout-length num-steps horizon": ("n-steps",),
    "discount": ("gamma",),
    "lambda gae": ("gae-lambda",),
    "db database url": ("storage",),
    "smoothing": ("label-smoothing",),
    "amp fp16 dtype": ("precision",),
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is spelled most like a word, if any is near; of several that differ in case alone, none.

    What looks alike counts as alike (``gru-l`` and ``gru-1``), and a name's beginning or one of its words is near.
    """
    names = list(dict.fromkeys(known))
    plain: dict[str, list[str]] = {}
    for name in names:
        for form in {_plain(name), _plain(name).rpartition("/")[2]}:  # the id of a task, with and without its namespace
            plain.setdefault(form, []).append(name)
    wanted = _plain(word)
    if not wanted or word in names:
        return None
    found = difflib.get_close_matches(wanted, plain, n=1, cutoff=_NEAR)
    if not found and len(wanted) >= 3:
        begun = [name for name in plain if name.startswith(wanted) or wanted in re.split(r"[-_./ ]", name)]
        found = begun if len(begun) == 1 else []
    return plain[found[0]][0] if found and len(plain[found[0]]) == 1 else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message: ``; did you mean NAME?``, or nothing."""
    name = nearest(word, known)
    return "" if name is None else f"; did you mean {name}?"


def option_meant(word: str, known: Collection[str]) -> str | None:
    """The option (``learning-rate``) that may be meant by an unknown one (``lr``), among those of a command."""
    wanted = word.lower().replace("_", "-")
    if wanted in known:
        return wanted
    for theirs, ours in _ELSEWHERE.items():
        if wanted in theirs.split():
            meant = next((name for name in ours if name in known), None)
            if meant is not None:
                return meant
    return nearest(wanted, known)


def unknown_options(argv: Sequence[str], known: Collection[str]) -> str | None:
    """A message about the first option of a command line that is unknown.

    Args:
        known: the options of the command, as they are typed, without the two dashes.

    Returns:
        None if each word that begins with a dash is an option or a number.
    """
    for word in argv:
        name = word.partition("=")[0]
        bare = name.lstrip("-")
        if not name.startswith("-") or re.fullmatch(r"[\d.].*|", bare):
            continue
        plain = bare.replace("_", "-")
        if name.startswith("--") and (plain in known or plain.removeprefix("no-") in known):
            continue
        meant = option_meant(bare, known)
        return f"unknown option {name}" + ("" if meant is None else f"; did you mean --{meant}?")
    return None


def _plain(name: str) -> str:
    return name.casefold().translate(_ALIKE)
