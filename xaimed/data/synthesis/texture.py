"""Random textures of breast tissue: power-law noise and strands towards the nipple."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Field = NDArray[np.float32]


def power_law(shape: tuple[int, int], beta: float, rng: np.random.Generator, lowest: float = 1.0) -> Field:
    """Returns float32 (H, W) Gaussian noise, mean 0, standard deviation 1, power ~ 1 / frequency^beta.

    Frequencies below `lowest` cycles per image height hold no more power than that one.
    Mammographic tissue has beta near 3 (Burgess, Jacobson and Judy, Medical Physics 28, 2001).
    """
    height, width = shape
    vertical = np.fft.fftfreq(height).astype(np.float32)[:, None] * height
    horizontal = np.fft.rfftfreq(width).astype(np.float32)[None, :] * height
    frequency = np.maximum(np.hypot(vertical, horizontal), np.float32(lowest))
    noise = rng.standard_normal((2, height, width // 2 + 1), dtype=np.float32)
    spectrum = (noise[0] + 1j * noise[1]) * frequency ** np.float32(-beta / 2)
    spectrum[0, 0] = 0
    field = fft.irfft2(spectrum, s=shape).astype(np.float32)
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def coarse_power_law(
    shape: tuple[int, int], beta: float, rng: np.random.Generator, lowest: float = 1.0, step: int = 4
) -> Field:
    """Returns power-law noise as float32 (H, W) made at 1/step of the resolution, for large structures."""
    small = power_law((-(-shape[0] // step), -(-shape[1] // step)), beta, rng, lowest)
    return enlarge(small, shape)


def enlarge(field: Field, shape: tuple[int, int]) -> Field:
    """Returns a field resampled to (H, W) by cubic interpolation."""
    return np.asarray(cv2.resize(field, shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def strands(radius: Field, angle: Field, rng: np.random.Generator) -> Field:
    """Returns float32 (H, W) noise of unit spread drawn out along the radius, as ducts run to the nipple.

    radius: (H, W) distance from the nipple, 1 = the breast's depth. angle: (H, W) in radians, -pi to pi.
    """
    grid = rng.standard_normal((64, 256), dtype=np.float32)
    coarse = cv2.GaussianBlur(grid, (0, 0), sigmaX=3.5, sigmaY=9)
    fine = cv2.GaussianBlur(grid[::-1].copy(), (0, 0), sigmaX=1.2, sigmaY=5)
    grid = coarse / coarse.std() + np.float32(0.7) * fine / fine.std()
    columns = (angle * np.float32(254 / (2 * np.pi)) + 127).astype(np.float32)
    rows = np.clip(radius * 36, 0, 63).astype(np.float32)
    out = cv2.remap(grid, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out / np.float32(grid.std()), dtype=np.float32)


def smoothstep(values: Field) -> Field:
    """Returns values clipped to [0, 1] with a smooth start and end (Hermite)."""
    clipped = np.clip(values, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), dtype=np.float32)
