"""Drives CarRacing-v3 headless with a scripted driver and records what it saw and how it steered."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WARM_UP_STEPS = 60
"""The camera zooms in on the car for the first second; those frames are left out."""


@dataclass(frozen=True)
class Driver:
    """Steers towards a tile a few ahead on the track: pure pursuit (Coulter, CMU-RI-TR-92-01, 1992)."""

    look_ahead_tiles: int = 4
    gain: float = 1.2
    cruise_speed: float = 28.0

    def action(self, env: Any) -> tuple[float, float]:
        """Steering in -1..1 (right is positive) and gas in 0..1 for the state that the environment is in."""
        world = env.unwrapped
        track = np.array([(tile[2], tile[3]) for tile in world.track])
        hull = world.car.hull
        position = np.array(hull.position)
        nearest = int(np.linalg.norm(track - position, axis=1).argmin())
        towards = track[(nearest + self.look_ahead_tiles) % len(track)] - position
        right = np.array([np.cos(hull.angle), np.sin(hull.angle)])
        ahead = np.array([-np.sin(hull.angle), np.cos(hull.angle)])
        bearing = np.arctan2(towards @ right, towards @ ahead)
        speed = float(np.linalg.norm(hull.linearVelocity))
        return float(np.clip(self.gain * bearing, -1, 1)), 0.25 if speed < self.cruise_speed else 0.0


def drive(seed: int, *, steps: int, jitter: float = 0.06) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Yields every second frame (96, 96, 3) and the driver's steering on one track.

    What is done strays from what is recorded by a slow random walk, so that the recording also shows how to
    come back to the middle of the road.
    """
    import gymnasium

    rng = np.random.default_rng(seed)
    driver, stray = Driver(), 0.0
    env = gymnasium.make("CarRacing-v3", continuous=True)
    frame, _ = env.reset(seed=seed)
    for step in range(steps):
        steering, gas = driver.action(env)
        if step >= WARM_UP_STEPS and step % 2 == 0:
            yield frame, steering
        stray = 0.9 * stray + jitter * rng.normal()
        done = np.array([np.clip(steering + stray, -1, 1), gas, 0.0], np.float32)
        frame, _, is_over, is_cut, _ = env.step(done)
        if is_over or is_cut:
            break
    env.close()


def record(target: Path, *, tracks: int, steps: int) -> None:
    """Writes frames (N, 96, 96, 3) uint8, steering (N,) float32 and track (N,) to an .npz file."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    frames, steering, track = [], [], []
    for seed in range(tracks):
        for frame, angle in drive(seed, steps=steps):
            frames.append(frame)
            steering.append(angle)
            track.append(seed)
        print(f"track {seed + 1}/{tracks}: {len(frames)} frames", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part.npz")
    np.savez_compressed(
        partial, frames=np.array(frames), steering=np.array(steering, np.float32), track=np.array(track)
    )
    partial.replace(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, help="the .npz file to write")
    parser.add_argument("--tracks", type=int, default=14)
    parser.add_argument("--steps", type=int, default=500, help="simulation steps on each track")
    options = parser.parse_args()
    record(options.target, tracks=options.tracks, steps=options.steps)


if __name__ == "__main__":
    main()
