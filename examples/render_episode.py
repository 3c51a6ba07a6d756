"""One episode at four moments, as text and as a picture.

    python examples/render_episode.py --out docs/images/episode.png

Prints the prompt, a half-finished answer, the finished one and one with a mistake, then writes the same four as a
picture. ``env.render()`` gives these frames too: as text with ``render_mode="ansi"``, as an array with ``"rgb_array"``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
from PIL import Image, ImageDraw

from bracket_env import BracketLanguage
from bracket_env.atomic import write_bytes
from bracket_env.command import run_script
from bracket_env.rendering.frames import render_ansi, render_rgb

PREFIX = "({【】【"
MOMENTS = (  # title, what is written, END included as "."
    ("the question", ""),
    ("half answered", "】}"),
    ("done", "】})."),
    ("a mistake", "】)"),
)
GAP = 16  # pixels between two frames
ROUNDING = 14
SMOOTHING = 4  # the corners are drawn so many times larger, then reduced


def returns_of(moments: list[str]) -> list[float]:
    """What an environment pays for each of these answers to :data:`PREFIX`."""
    env = gym.make("bracket_env:bracket/Close-v0")
    action_of = {")": 0, "】": 1, "}": 2, ".": 3}
    returns = []
    for written in moments:
        env.reset(options={"prefix": PREFIX})
        returns.append(sum(float(env.step(action_of[symbol])[1]) for symbol in written))
    return returns


def in_a_square(frames: list[np.ndarray]) -> Image.Image:
    """Four equal frames ``(height, width, 3)``, two by two, with round corners on a transparent ground."""
    height, width, _ = frames[0].shape
    corners = Image.new("L", (SMOOTHING * width, SMOOTHING * height))
    ImageDraw.Draw(corners).rounded_rectangle(((0, 0), corners.size), SMOOTHING * ROUNDING, 255)
    corners = corners.reduce(SMOOTHING)
    picture = Image.new("RGBA", (2 * width + GAP, 2 * height + GAP))
    for i, frame in enumerate(frames):
        picture.paste(Image.fromarray(frame), (i % 2 * (width + GAP), i // 2 * (height + GAP)), corners)
    return picture


def main(out: Path = Path("docs/images/episode.png")) -> None:
    """Print the four moments and write the picture."""
    language = BracketLanguage()
    frames = []
    for (title, written), earned in zip(MOMENTS, returns_of([written for _, written in MOMENTS]), strict=True):
        answer, ended = written.rstrip("."), written.endswith(".")
        note = f"{title}: return {earned:.2f}"
        print(render_ansi(language, PREFIX, answer, ended=ended, note=note), end="\n\n")
        frames.append(render_rgb(language, PREFIX, answer, ended=ended, note=note, columns=len(PREFIX) + 4))
    png = io.BytesIO()
    in_a_square(frames).save(png, "PNG", optimize=True)
    write_bytes(out, png.getvalue())
    print(f"wrote {out}")


if __name__ == "__main__":
    sys.exit(run_script(main))
