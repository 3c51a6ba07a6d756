"""PPO agents for the bracket environments, on Stable-Baselines3.

Every name below is imported when it is asked for: ``import agents`` loads neither torch nor Stable-Baselines3.
"""

from typing import TYPE_CHECKING

from bracket_env import __version__
from ncl_reward.lazy_names import lazy_names

if TYPE_CHECKING:
    from agents.sb3.features import EncoderFeatures, as_sequence_model, take_policy
    from agents.sb3.film import InstructedFeatures
    from agents.sb3.vec_adapter import VectorEnvAdapter

__all__ = [
    "EncoderFeatures",
    "InstructedFeatures",
    "VectorEnvAdapter",
    "__version__",
    "as_sequence_model",
    "take_policy",
]

__getattr__ = lazy_names(
    __name__,
    {
        "sb3.features": ("EncoderFeatures", "as_sequence_model", "take_policy"),
        "sb3.film": ("InstructedFeatures",),
        "sb3.vec_adapter": ("VectorEnvAdapter",),
    },
)
