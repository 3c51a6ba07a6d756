"""The environments by name, one line each: it registers their ids and makes ``CloseEnv`` and ``CloseVectorEnv``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, final

from gymnasium.envs.registration import register

from bracket_env.envs.task_env import TaskEnv
from bracket_env.envs.task_vector_env import TaskVectorEnv
from bracket_env.sampling.settings import INSTRUCT, SETTINGS
from bracket_env.tasks.close import CloseTask
from bracket_env.tasks.instruct import InstructTask
from bracket_env.tasks.task import Task

Env = TypeVar("Env")


@final
class Maker(Generic[Env]):
    """Makes environments of one task: called with the task's options and the environment's, all in one list.

    Its docstring is the task's page; its signature is what it takes.
    """

    def __init__(self, name: str, kind: Callable[..., Env], task: Callable[..., Task]) -> None:
        self.__name__ = name
        self.__doc__ = task.__doc__
        self.metadata: dict[str, Any] = vars(kind)["metadata"]  # where Gymnasium looks for render modes
        self._kind, self._task = kind, task
        _, *own = inspect.signature(kind).parameters.values()
        of_task = [*inspect.signature(task).parameters.values()]
        places = [option for option in (*own, *of_task) if option.kind is not option.KEYWORD_ONLY]
        names = [option for option in (*of_task, *own) if option.kind is option.KEYWORD_ONLY]
        self.__signature__ = inspect.Signature([*places, *names])
        self._of_task = {option.name for option in of_task}

    def __call__(self, *args: Any, **options: Any) -> Env:
        given = self.__signature__.bind(*args, **options).arguments
        task = self._task(**{name: value for name, value in given.items() if name in self._of_task})
        return self._kind(task, **{name: value for name, value in given.items() if name not in self._of_task})

    def __repr__(self) -> str:
        return self.__name__


def environments(
    name: str, task: Callable[..., Task], ids: Mapping[str, dict[str, Any]], module: str
) -> tuple[Maker[TaskEnv], Maker[TaskVectorEnv]]:
    """Register a task's environments.

    Args:
        name: the two that are returned must be called ``{name}Env`` and ``{name}VectorEnv`` in ``module``.
        task: makes the task.
        ids: each with its options.
        module: where the call stands, ``__name__``.

    Returns:
        The makers of scalar and of vector environments.
    """
    for id_, options in ids.items():
        register(
            id=id_,
            entry_point=f"{module}:{name}Env",
            vector_entry_point=f"{module}:{name}VectorEnv",
            kwargs=options,
        )
    return Maker(f"{name}Env", TaskEnv, task), Maker(f"{name}VectorEnv", TaskVectorEnv, task)


CloseEnv, CloseVectorEnv = environments("Close", CloseTask, {id_: {"setting": id_} for id_ in SETTINGS}, __name__)
InstructEnv, InstructVectorEnv = environments("Instruct", InstructTask, {INSTRUCT.id: {}}, __name__)
