"""Synthetic digital mammograms with exact truth, made from a seed: the embedded data set.

Everything here is SYNTHETIC; no pixel comes from a person.
"""

from xaimed.data.synthesis.acquisition import SITES, Site
from xaimed.data.synthesis.patient import DENSITIES, VIEWS, make_patient
from xaimed.data.synthesis.phantom import PhantomImage, PhantomLesion, PhantomOptions

__all__ = [
    "DENSITIES",
    "SITES",
    "VIEWS",
    "PhantomImage",
    "PhantomLesion",
    "PhantomOptions",
    "Site",
    "make_patient",
]
