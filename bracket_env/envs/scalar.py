"""Where older specs look for ``CloseEnv``; it is made in :mod:`bracket_env.envs.registry`."""

from bracket_env.envs.registry import CloseEnv

__all__ = ["CloseEnv"]
