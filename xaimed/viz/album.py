"""The maps of an Attribution as files, as HTML and as an interactive figure."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.imaging.export import replacing
from xaimed.optional import need
from xaimed.types import Attribution
from xaimed.viz.overlay import caption, grey, heat, png, shrunk

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHOWN = 12
HEIGHT = 320
LETTERS = 80  # in a line of a title


def save(attribution: Attribution, folder: Path) -> list[Path]:
    """The files written: one PNG a map at the size of its original image, and METHOD.npz with the signed maps.

    The PNG holds the map over its image, or the bare colours where the attribution has no images, with caption and
    note as its text "Description". The NPZ holds float32 (H, W) under "case/target", and what `about` tells of them.
    Each file is written whole or not at all. Raises InputError if there is no map or two have the same case and target.
    """
    _some(attribution)
    names = [f"{case}/{target}" for case, target in zip(attribution.cases, attribution.targets, strict=True)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two maps of {twice[0]}; expected each case and target once: save them one by one")
    folder.mkdir(parents=True, exist_ok=True)
    written = [_picture(attribution, index, folder / f"{_plain(name)}_{attribution.method}.png")
               for index, name in enumerate(names)]
    table = folder / f"{attribution.method}.npz"
    with replacing(table) as file:
        arrays = dict(zip(names, attribution.maps, strict=True))
        told = about({name: (attribution, index) for index, name in enumerate(names)})
        np.savez_compressed(file, about=told, **arrays)  # type: ignore[arg-type]
    return [*written, table]


def about(named: Mapping[str, tuple[Attribution, int]]) -> NDArray[np.str_]:
    """A text array () for an NPZ of maps: JSON with the caption, the note and the facts of each map by its name.

    named: for each name an attribution and the number of its map there. A fact that is not finite is null. Read it
    with json.loads(str(np.load(path)["about"])).
    """
    return np.array(json.dumps({name: _about(*one) for name, one in named.items()}))


def _about(attribution: Attribution, index: int) -> dict[str, object]:
    facts = attribution.facts[index] if attribution.facts else {}
    return {"caption": attribution.caption, "note": note_of(attribution, index),
            "facts": {key: value if math.isfinite(value) else None for key, value in facts.items()}}


def note_of(attribution: Attribution, index: int) -> str:
    """The note of a map; "" where there is none."""
    return attribution.notes[index] if attribution.notes else ""


def _picture(attribution: Attribution, index: int, path: Path) -> Path:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    told, note = PngInfo(), note_of(attribution, index)
    told.add_text("Description", f"{attribution.caption}{f'; {note}' if note else ''}")
    with replacing(path) as file:
        Image.fromarray(picture(attribution, index)).save(file, "png", pnginfo=told, compress_level=3)
    return path


def picture(attribution: Attribution, index: int) -> Any:
    """uint8 (H, W, 3): a map over its image, or its bare colours on black; of a volume one slice."""
    if attribution.images:
        return attribution.to_image(index)
    colours = heat(attribution.slices().maps[index]).astype(np.float32)
    return np.round(colours[..., :3] * colours[..., 3:] / 255).astype(np.uint8)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")


def page(attribution: Attribution) -> str:
    """HTML with a picture, the case, the target and any note of the first maps, for a notebook."""
    cells = [_cell(attribution, index) for index in range(min(len(attribution), SHOWN))]
    rest = len(attribution) - len(cells)
    more = f"<p>and {rest} more maps</p>" if rest > 0 else ""
    return (f"<div><p><code>{html.escape(attribution.caption)}</code>, {len(attribution)} maps</p>"
            f"<div style='display:flex;flex-wrap:wrap;gap:8px'>{''.join(cells)}</div>{more}</div>")


def _cell(attribution: Attribution, index: int) -> str:
    note = note_of(attribution, index)
    title = f"{attribution.cases[index]} · {attribution.targets[index]}{f' ({note})' if note else ''}"
    data = base64.b64encode(png(_small(picture(attribution, index)))).decode()
    return (f"<figure style='margin:0'><img src='data:image/png;base64,{data}' alt='{html.escape(title, quote=True)}' "
            f"title='{html.escape(caption(attribution.maps[index]), quote=True)}'>"
            f"<figcaption>{html.escape(title)}</figcaption></figure>")


def _small(rgb: Any) -> Any:
    planes = np.moveaxis(rgb, -1, 0).astype(np.float32) / 255
    return grey(shrunk(planes, HEIGHT))


def sheet(attribution: Attribution) -> bytes:
    """PNG bytes: the first maps over their images side by side."""
    _some(attribution)
    tiles = [_small(picture(attribution, index)) for index in range(min(len(attribution), 4))]
    tall = max(tile.shape[0] for tile in tiles)
    return png(np.concatenate([np.pad(t, ((0, tall - t.shape[0]), (0, 4), (0, 0))) for t in tiles], axis=1))


def chart(attribution: Attribution, index: int = 0) -> go.Figure:
    """A plotly figure of one map: its picture in original pixels, the signed value under the pointer, any note.

    Raises MissingExtra without plotly, InputError for a map that does not exist.
    """
    _some(attribution)
    if not -len(attribution) <= index < len(attribution):
        raise InputError(f"map {index}; expected 0 to {len(attribution) - 1}")
    plotly = need("plotly.graph_objects", "dashboard", "to draw an interactive figure")
    values = attribution.maps[index]
    data = base64.b64encode(png(picture(attribution, index))).decode()
    figure = plotly.Figure(plotly.Image(source=f"data:image/png;base64,{data}", customdata=values,
                                        hovertemplate="x %{x}, y %{y}: %{customdata:.4g}<extra></extra>"))
    title = [f"{attribution.method}: {attribution.cases[index]} · {attribution.targets[index]}",
             *textwrap.wrap(note_of(attribution, index), LETTERS)]
    figure.update_layout(title="<br>".join(title), margin={"l": 8, "r": 8, "t": 20 + 20 * len(title), "b": 8},
                         template="plotly_white")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _some(attribution: Attribution) -> None:
    if not len(attribution):
        raise InputError("the attribution holds no map; expected one target or more: lower the operating point")
