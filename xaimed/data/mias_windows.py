"""Windows of mini-MIAS films, round lesions and in normal tissue, for the datasets that are made of them.

Which windows there are is known from Info.txt alone; where a window in normal tissue lies is found, by seed, in the
breast of its film when it is asked for. The licence of mini-MIAS holds for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from xaimed.data import mini_mias
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import Picture, moved
from xaimed.data.mini_mias import SIZE, SPACING_MM, Circle, MiniMias
from xaimed.errors import InputError
from xaimed.imaging.breast import breast_mask
from xaimed.imaging.decoded import digest_of
from xaimed.imaging.files import read_image
from xaimed.types import Box, Floats, Mask

MASSES = frozenset({"circumscribed mass", "spiculated mass", "ill-defined mass"})
WARNINGS = (
    *mini_mias.WARNINGS[:1],
    "films of one patient stay in one split, that of mini-mias",
    ("the circles are approximate: the edge of a lesion may lie outside, and normal windows come from films without a "
     "lesion"))


@dataclass(frozen=True)
class Cut:
    """How windows are cut: side of the window in film pixels, side of the image that it becomes."""

    window: int
    side: int

    @property
    def factor(self) -> float:
        """Film pixels in a pixel of the image."""
        return self.window / self.side


@dataclass(frozen=True)
class Window:
    """A window of a film: round a circle moved by `shift` (x, y in film pixels), or number `turn` in normal tissue."""

    film: int
    turn: int
    circle: Circle | None = None
    shift: tuple[int, int] = (0, 0)


def checked(cut: Cut, request: DataRequest) -> Cut:
    """The cut. Raises InputError unless 8 <= side <= window <= 512 film pixels."""
    if not 8 <= cut.side <= cut.window <= SIZE // 2:
        raise InputError(f"options of {request.name}: window {cut.window}, size {cut.side}; expected 8 <= size <= "
                         f"window <= {SIZE // 2} film pixels")
    return cut


def films(request: DataRequest) -> MiniMias:
    """The films of mini-MIAS below `request.root`, split as there. Raises NotFound and InputError as it does."""
    return mini_mias.open(DataRequest("mini-mias", request.root, seed=request.seed))


def lesion_windows(data: MiniMias, kinds: frozenset[str] | None = None) -> list[Window]:
    """A window for each circle that can be judged, of the films whose abnormality is among the kinds (None: any)."""
    return [Window(i, turn, circle) for i, film in enumerate(data.films) if not film.ignored
            and (kinds is None or film.groups["abnormality"] in kinds) for turn, circle in enumerate(film.circles)]


def normal_windows(data: MiniMias, each: int) -> list[Window]:
    """So many windows of each film without a lesion."""
    return [Window(i, turn) for i, film in enumerate(data.films) if film.label == "normal" for turn in range(each)]


def shifted(window: Window, reach: int, turns: int) -> list[Window]:
    """The window and, up to `turns` in all, the same moved by at most `reach` film pixels each way, by its own seed."""
    rng = np.random.default_rng([window.film, window.turn])
    moves = rng.integers(-reach, reach + 1, (turns - 1, 2))
    return [window] + [Window(window.film, window.turn, window.circle, (int(x), int(y))) for x, y in moves]


def rows(data: MiniMias, windows: Sequence[Window], labels: tuple[str, str]) -> list[CaseRow]:
    """The rows of the windows, labelled by labels[0] in normal tissue and labels[1] round a lesion."""
    count: dict[int, int] = {}
    found = []
    for window in windows:
        number = count[window.film] = count.get(window.film, -1) + 1
        film = data.rows[window.film]
        groups = {name: film.groups[name] for name in ("density", "abnormality", "side")}
        groups["severity"] = window.circle.label if window.circle else "normal"
        found.append(CaseRow(f"{film.case}-{number:02d}", film.patient, film.split, labels[window.circle is not None],
                             groups))
    return found


def cut_out(data: MiniMias, window: Window, cut: Cut, label: str | None = None) -> Picture:
    """The picture of a window: image (1, side, side), with a lesion's box and mask under `label` where one is given."""
    film = _film(data.files[window.film])
    x, y = _corner(film, data.films[window.film].case, window, cut)
    part = film[y:y + cut.window, x:x + cut.window]
    if cut.side < cut.window:
        part = np.asarray(cv2.resize(part, (cut.side, cut.side), interpolation=cv2.INTER_AREA), np.float32)
    image = np.clip(part, 0, 1)[None].astype(np.float32)
    box, mask = _reference(window.circle, (x, y), cut, label)
    return Picture(image, digest_of(image), boxes=box, masks=mask, spacing_mm=SPACING_MM * cut.factor,
                   affine=moved(x, y, cut.factor))


@lru_cache(maxsize=4)
def _film(path: Path) -> Floats:
    image: Floats = read_image(path).image
    if image.shape != (1, SIZE, SIZE):
        raise InputError(f"{path}: {image.shape} pixels; expected one channel of {SIZE} x {SIZE}: fetch the original "
                         "film")
    return np.asarray(image[0])


def _corner(film: Floats, case: str, window: Window, cut: Cut) -> tuple[int, int]:
    """x, y of the window's top-left corner, the window inside the film."""
    if window.circle is not None:
        centre = window.circle.x + window.shift[0], window.circle.y + window.shift[1]
    else:
        centre = _tissue_point(film, cut.window, f"{case} {window.turn}")
    x, y = (min(max(round(value - cut.window / 2), 0), SIZE - cut.window) for value in centre)
    return x, y


def _tissue_point(film: Floats, side: int, key: str) -> tuple[float, float]:
    """A point of the breast, drawn by the key, a quarter of a window inside its outline where the breast is that wide.

    As round lesions, a window may show the outline or the film's edge: black alone must not tell the classes apart.
    """
    breast = np.pad(breast_mask(film[None]).astype(np.uint8), 1)
    depth = cv2.distanceTransform(breast, cv2.DIST_L2, 3)[1:-1, 1:-1]
    down, across = np.nonzero(depth >= min(side / 4, float(depth.max())))
    rng = np.random.default_rng(list(sha256(key.encode()).digest()[:8]))
    chosen = int(rng.integers(len(down)))
    return across[chosen] + 0.5, down[chosen] + 0.5


def _reference(circle: Circle | None, corner: tuple[int, int], cut: Cut, label: str | None
               ) -> tuple[tuple[Box, ...], Mask | None]:
    if circle is None or label is None:
        return (), None
    x, y = ((at - start) / cut.factor for at, start in zip((circle.x, circle.y), corner, strict=True))
    radius = circle.radius / cut.factor
    box = Box(label, max(0.0, x - radius), max(0.0, y - radius), min(float(cut.side), x + radius),
              min(float(cut.side), y + radius))
    across, down = np.meshgrid(np.arange(cut.side) + 0.5, np.arange(cut.side) + 0.5)
    mask = (across - x) ** 2 + (down - y) ** 2 <= radius**2
    return (box,), np.asarray(mask)[None]
