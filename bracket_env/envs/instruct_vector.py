"""Where older specs look for ``InstructVectorEnv``; it is made in :mod:`bracket_env.envs.registry`."""

from bracket_env.envs.registry import InstructVectorEnv

__all__ = ["InstructVectorEnv"]
