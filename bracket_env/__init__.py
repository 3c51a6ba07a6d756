"""Gymnasium environments for bracket closing (Dyck languages).

Importing this package registers every ``bracket/...`` id of :data:`SETTINGS` and ``bracket/Instruct-v0``;
``gymnasium.make("bracket_env:bracket/Close-v0")`` imports it by itself. Nothing heavy is loaded.
"""

# The first one, before those that take time.
from bracket_env import interrupts as interrupts

# isort: split

from bracket_env.cases import Case, make_case, read_cases, write_cases
from bracket_env.envs.registry import CloseEnv, CloseVectorEnv, InstructEnv, InstructVectorEnv, environments
from bracket_env.envs.task_env import TaskEnv
from bracket_env.envs.task_vector_env import TaskVectorEnv
from bracket_env.envs.wrappers import MaskObservation, VectorMaskObservation
from bracket_env.errors import InputError, quote
from bracket_env.language import DEFAULT_PAIRS, BracketLanguage
from bracket_env.sampling.settings import DEFAULT_SETTING, INSTRUCT, SETTINGS, Setting, get_setting
from bracket_env.sampling.splits import split_of
from bracket_env.scores.scoring import Estimate, Scores, Solver, score, share_answered
from bracket_env.scores.solvers import yardsticks
from bracket_env.tasks.task import Task
from bracket_env.tokenizer import BOS, EOS, FIRST_SYMBOL, MASK, PAD, SEP, SPECIAL_NAMES, BracketTokenizer

__version__ = "0.1.0"

__all__ = [
    "BOS",
    "DEFAULT_PAIRS",
    "DEFAULT_SETTING",
    "EOS",
    "FIRST_SYMBOL",
    "INSTRUCT",
    "MASK",
    "PAD",
    "SEP",
    "SETTINGS",
    "SPECIAL_NAMES",
    "BracketLanguage",
    "BracketTokenizer",
    "Case",
    "CloseEnv",
    "CloseVectorEnv",
    "Estimate",
    "InputError",
    "InstructEnv",
    "InstructVectorEnv",
    "MaskObservation",
    "Scores",
    "Setting",
    "Solver",
    "Task",
    "TaskEnv",
    "TaskVectorEnv",
    "VectorMaskObservation",
    "environments",
    "get_setting",
    "make_case",
    "quote",
    "read_cases",
    "score",
    "share_answered",
    "split_of",
    "write_cases",
    "yardsticks",
]
