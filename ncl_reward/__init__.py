"""NCL: a sentence becomes a vector, the vector weighs rules, and the rules shape loss and reward.

Every name below is imported when it is asked for; only the loss, the adapter and encoders of transformers
need torch. To shape a reward:

    from bracket_env import BracketLanguage
    from ncl_reward import NCLReward, make_encoder, potential_of

    potential = potential_of(["The bracket opened last is closed first."], BracketLanguage(), make_encoder())
    env = NCLReward(gymnasium.make("bracket/Close-v0"), potential, gamma=0.9)
"""

import os
from typing import TYPE_CHECKING

from bracket_env import __version__
from ncl_reward.lazy_names import lazy_names

if TYPE_CHECKING:
    from ncl_reward.encoders.encoders import SentenceEncoder, make_encoder
    from ncl_reward.grounding.stated import Grounded, contradictions, ground, state_rules
    from ncl_reward.loss import NCLLoss
    from ncl_reward.reading.sentence import Sentence, parse_sentence
    from ncl_reward.reward.potential import Potential, potential_of
    from ncl_reward.reward.shaping import NCLReward, VectorNCLReward, check_discount
    from ncl_reward.rules.bracket_rules import BRACKET_RULES
    from ncl_reward.rules.power_rules import POWER_RULES
    from ncl_reward.rules.rule import Rule, Slots, StatedRule

# Read when torch is loaded. OpenMP's threads spin while they wait for each other, and beside a busy process that takes
# the time of the one they wait for (benchmarks/busy_neighbour.py).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "BRACKET_RULES",
    "POWER_RULES",
    "Grounded",
    "NCLLoss",
    "NCLReward",
    "Potential",
    "Rule",
    "Sentence",
    "SentenceEncoder",
    "Slots",
    "StatedRule",
    "VectorNCLReward",
    "__version__",
    "check_discount",
    "contradictions",
    "ground",
    "make_encoder",
    "parse_sentence",
    "potential_of",
    "state_rules",
]

__getattr__ = lazy_names(
    __name__,
    {
        "encoders.encoders": ("SentenceEncoder", "make_encoder"),
        "grounding.stated": ("Grounded", "contradictions", "ground", "state_rules"),
        "loss": ("NCLLoss",),
        "reading.sentence": ("Sentence", "parse_sentence"),
        "reward.potential": ("Potential", "potential_of"),
        "reward.shaping": ("NCLReward", "VectorNCLReward", "check_discount"),
        "rules.bracket_rules": ("BRACKET_RULES",),
        "rules.power_rules": ("POWER_RULES",),
        "rules.rule": ("Rule", "Slots", "StatedRule"),
    },
)
