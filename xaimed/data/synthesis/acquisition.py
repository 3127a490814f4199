"""From attenuation to the 12-bit image of a site: blur, contrast curve, noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.data.synthesis.texture import Field

WHITE = 4095
"""The brightest value of a 12-bit image."""


@dataclass(frozen=True)
class Site:
    """One site's detector and processing.

    share: of all patients. height_mm: of the detector. blur_mm: sigma of the point spread.
    noise: standard deviation at mid-grey, in grey values. grain_mm: correlation of the noise.
    gamma, toe: of the contrast curve.
    """

    name: str
    share: float
    height_mm: float
    blur_mm: float
    noise: float
    grain_mm: float
    gamma: float
    toe: float


SITES = (
    Site("A", 0.5, 220.0, 0.20, 26.0, 0.16, 1.05, 0.0),
    Site("B", 0.3, 230.0, 0.38, 42.0, 0.28, 1.30, 0.4),
    Site("C", 0.2, 210.0, 0.28, 60.0, 0.22, 0.85, 0.8),
)


def draw_site(rng: np.random.Generator) -> Site:
    """Returns a site by the sites' shares."""
    return SITES[int(rng.choice(len(SITES), p=[site.share for site in SITES]))]


def blurred(attenuation: Field, site: Site, spacing: float) -> Field:
    """Returns the attenuation as the site's detector resolves it."""
    sigma = max(site.blur_mm / spacing, 0.3)
    return np.asarray(cv2.GaussianBlur(attenuation, (0, 0), sigma), dtype=np.float32)


def curve(attenuation: Field, site: Site) -> Field:
    """Returns grey values, 0 to 4095, of an attenuation: monotone, pointwise, different at each site."""
    level = np.clip(attenuation, 0, 1.4) ** np.float32(site.gamma)
    steep = level * (1 + site.toe * level) / (1 + site.toe)
    return np.asarray(WHITE * (1 - np.exp(-1.55 * steep)) / (1 - np.exp(-1.55 * 1.15)), dtype=np.float32)


def grain(grey: Field, site: Site, spacing: float, rng: np.random.Generator) -> Field:
    """Returns the noise, float32 (H, W) in grey values, of an image whose noise-free grey values are given.

    Quantum noise grows with the square root of the signal over a small electronic floor.
    """
    white = rng.standard_normal(grey.shape, dtype=np.float32)
    noise: Field = np.asarray(cv2.GaussianBlur(white, (0, 0), site.grain_mm / spacing), dtype=np.float32)
    level = 3.0 + site.noise * np.sqrt(np.maximum(grey, 0) / 2048)
    return np.asarray(noise / noise.std() * level, dtype=np.float32)


def digitised(grey: Field) -> NDArray[np.uint16]:
    """Returns uint16 (H, W): grey values rounded and clipped to 0 to 4095."""
    return np.clip(np.rint(grey), 0, WHITE).astype(np.uint16)
