"""Gymnasium environments for bracket closing (Dyck languages).

Importing this package registers every ``bracket/...`` id of :data:`SETTINGS` and ``bracket/Instruct-v0``;
``gymnasium.make("bracket_env:bracket/Close-v0")`` imports it by itself. Nothing heavy is loaded.
"""

from bracket_env.cases import Case, make_case, read_cases, write_cases
from bracket_env.envs.registry import CloseEnv, CloseVectorEnv, InstructEnv, InstructVectorEnv, environments
from bracket_env.envs.task_env import TaskEnv
from bracket_env.envs.task_vector_env import TaskVectorEnv
from bracket_env.envs.wrappers import MaskObservation, VectorMaskObservation
from bracket_env.errors import InputError
from bracket_env.language import DEFAULT_PAIRS, BracketLanguage
from bracket_env.sampling.settings import DEFAULT_SETTING, INSTRUCT, SETTINGS, Setting, get_setting
from bracket_env.sampling.splits import split_of
from bracket_env.scores.scoring import Scores, Solver, score
from bracket_env.scores.solvers import yardsticks
from bracket_env.tasks.task import Task
from bracket_env.tokenizer import BracketTokenizer

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_PAIRS",
    "DEFAULT_SETTING",
    "INSTRUCT",
    "SETTINGS",
    "BracketLanguage",
    "BracketTokenizer",
    "Case",
    "CloseEnv",
    "CloseVectorEnv",
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
    "read_cases",
    "score",
    "split_of",
    "write_cases",
    "yardsticks",
]
