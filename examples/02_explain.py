"""Two explanations of one detection, side by side as a picture.

    python examples/02_explain.py [PICTURE.png]

Takes the first phantom (SYNTHETIC) of the test split with a box above the operating point, and prints where each
map peaks and how far integrated gradients are from completeness.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from xaimed import explain, load_model, open_dataset
from xaimed.content import folder

model = load_model(folder("models") / "mammogram-detector" / "model.pt")
cases = open_dataset("phantom", split="test")
case, box = next(
    (case, found.detections[0])
    for case in cases
    for found in model.predict([case])
    if found.detections and found.detections[0].score >= model.file.operating_point
)
maps = explain(model, case, methods=["grad_cam", "integrated_gradients"], targets=[box.name])

print(f"{case.id}: {box.name} {box.label} {box.score:.2f}, x {box.x0:.0f}-{box.x1:.0f}, y {box.y0:.0f}-{box.y1:.0f}")
for found in maps:
    y, x = np.unravel_index(np.abs(found.maps[0]).argmax(), found.maps[0].shape)
    print(f"{found.method}: peak at x {x}, y {y}; {dict(found.facts[0])}")
if len(sys.argv) > 1:
    pictures = np.concatenate([found.to_image() for found in maps], axis=1)
    cv2.imwrite(sys.argv[1], pictures[..., ::-1])
