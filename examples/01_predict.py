"""What the detector finds in the first mammogram phantoms (SYNTHETIC) of the test split.

    python examples/01_predict.py

Prints one line a box at or above the operating point, with the reference beside it.
"""

from __future__ import annotations

from xaimed import load_model, open_dataset
from xaimed.content import folder

model = load_model(folder("models") / "mammogram-detector" / "model.pt")
cases = open_dataset("phantom", split="test")[:8]
predictions = model.predict(cases)

for case, found in zip(cases, predictions, strict=True):
    shown = [d for d in found.detections if d.score >= model.file.operating_point]
    boxes = "; ".join(f"{d.name} {d.label} {d.score:.2f} at {d.x0:.0f}, {d.y0:.0f}" for d in shown) or "no box"
    truth = "; ".join(f"{box.label} at {box.x0:.0f}, {box.y0:.0f}" for box in case.boxes) or "no lesion"
    print(f"{case.id}: {boxes}   (reference: {truth})")
