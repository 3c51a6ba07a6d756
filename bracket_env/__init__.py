"""Gymnasium environments for bracket closing (Dyck languages).

Importing this package registers every ``bracket/...`` id of :data:`bracket_env.settings.SETTINGS` and
``bracket/Instruct-v0``; ``gymnasium.make("bracket_env:bracket/Close-v0")`` imports it by itself.
"""

from gymnasium.envs.registration import register

from bracket_env.cases import Case
from bracket_env.errors import InputError
from bracket_env.language import DEFAULT_PAIRS, BracketLanguage
from bracket_env.settings import DEFAULT_SETTING, INSTRUCT, SETTINGS, get_setting
from bracket_env.tokenizer import BracketTokenizer

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_PAIRS",
    "DEFAULT_SETTING",
    "SETTINGS",
    "BracketLanguage",
    "BracketTokenizer",
    "Case",
    "InputError",
    "get_setting",
]

for _id in SETTINGS:
    register(
        id=_id,
        entry_point="bracket_env.envs.scalar:CloseEnv",
        vector_entry_point="bracket_env.envs.vector:CloseVectorEnv",
        kwargs={"setting": _id},
    )

register(
    id=INSTRUCT.id,
    entry_point="bracket_env.envs.instruct:InstructEnv",
    vector_entry_point="bracket_env.envs.instruct_vector:InstructVectorEnv",
)
