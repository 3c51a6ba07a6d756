"""Where older specs look for ``CloseVectorEnv``; it is made in :mod:`bracket_env.envs.registry`."""

from bracket_env.envs.registry import CloseVectorEnv

__all__ = ["CloseVectorEnv"]
