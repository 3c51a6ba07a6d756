"""What a ``Pretrain`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

from bracket_env import InputError, get_setting, quote
from supervised.models import ENCODERS, BidirectionalEncoder
from supervised.options.checks import check_training, fixed_size
from supervised.pretrain.options import Pretrain
from supervised.runs import RunConfig, new_run


def check(config: Pretrain) -> RunConfig:
    """The pre-training run's configuration with every default filled in.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    if config.objective not in ("clm", "mlm"):
        raise InputError(f"--objective must be clm or mlm, not {quote(config.objective)}")
    check_training(config)
    fixed_size(config.words, "words")
    setting = get_setting(config.setting)
    run = new_run("pretrain", config, config.arch, setting, setting.language(config.pairs))
    both_ways = [arch for arch, encoder in ENCODERS.items() if issubclass(encoder, BidirectionalEncoder)]
    if config.objective == "mlm" and config.arch not in both_ways:
        raise InputError(
            f"--objective mlm needs an architecture that reads both ways ({', '.join(both_ways)}): "
            f"{config.arch} only reads from left to right"
        )
    return run
