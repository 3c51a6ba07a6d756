"""Where older specs look for ``InstructEnv``; it is made in :mod:`bracket_env.envs.registry`."""

from bracket_env.envs.registry import InstructEnv

__all__ = ["InstructEnv"]
