"""The parts of :mod:`bracket_env.rendering`: cells of an episode, shapes of symbols, the canvas of a frame."""
