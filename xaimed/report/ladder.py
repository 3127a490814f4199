"""The ladder as files: a table of all models and methods (CSV), the figure (PNG, SVG), and a page in Markdown."""

from __future__ import annotations

import io
import math
from pathlib import Path

from xaimed.metrics.rungs import Ladder, chance
from xaimed.viz.names import pretty

FILES = ("ladder.csv", "ladder.png", "ladder.svg", "ladder.md")
SAYS = ("A point is a model. Accuracy is the AUC over all cases. Explainability is the gain of one method that was set "
        "beforehand: how much better its maps order the pixels than its maps of another patient do, the mean over "
        "deletion and insertion with three fills, in shares of the prediction; 0 says nothing about the image. The "
        "ellipse holds 95 % of the draws of patients for both values together. No curve is fitted: these are the "
        "models that were trained, and nothing stands between them. Hollow: the randomisation gate was not passed, and "
        "the model has no rank.")
LEARNT = ("Numbers learnt or fitted: all that the model's file holds, scales of the input and running statistics of "
          "batches among them, so it can be more than the network's parameters.")
NOT = ("What it does not show: a gain is not readability, and a network may give a faithful map that no one "
       "understands; a network whose prediction hardly moves when pixels go has little to gain; the interval of the "
       "rank correlation is over patients with the models fixed, so it says nothing of other models, other data or "
       "other methods; each model was trained once, with one seed. Skill, the gain as a share of what a search with "
       "the model itself finds, stands in ladder.csv: the search is no upper limit, and the metrics that it leaves "
       "room in differ from model to model, so it compares methods of one model rather than models.")


def write_ladder(ladder: Ladder, out: Path) -> list[Path]:
    """The paths of ladder.csv, ladder.png, ladder.svg and ladder.md in the folder `out`."""
    from xaimed.viz.figures import svg
    from xaimed.viz.ladder import ladder_figure

    figure, picture = ladder_figure(ladder.table), io.BytesIO()
    figure.savefig(picture, format="png", dpi=160, metadata={"Software": None})
    contents = (ladder.table.to_csv(index=False).encode(), picture.getvalue(), svg(figure),
                ladder_text(ladder).encode())
    out.mkdir(parents=True, exist_ok=True)
    for name, content in zip(FILES, contents, strict=True):
        fresh = out / f".{name}"
        fresh.write_bytes(content)
        fresh.replace(out / name)
    return [out / name for name in FILES]


def ladder_text(ladder: Ladder) -> str:
    """The page in Markdown: the figure, the primary method's table, the rank correlation, all methods, the limits."""
    run = ladder.rungs[0].run
    data = run.meta["data"]
    # The cases with a gain, as the table counts them: those with a skill are fewer where a search finds no room.
    explained = int(ladder.table.loc[ladder.table["primary"], "gain_cases"].fillna(0).max())
    head = (f"# Explainability against accuracy: {len(ladder.rungs)} models\n\n"
            f"{data['title']}, split {data['split']}: {len(run.cases)} images, up to {explained} of them explained. "
            f"Primary method: {pretty(ladder.primary).lower()}, set in the plan. 95 % "
            "intervals in brackets.\n\n"
            "![Explainability against accuracy, one point a model](ladder.png)\n")
    parts = (head, SAYS, primary_table(ladder), LEARNT, accuracy_text(ladder), correlation_text(ladder),
             f"## All methods\n\n{method_table(ladder)}", NOT)
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def primary_table(ladder: Ladder) -> str:
    """A row a model: accuracy and explainability by the primary method, with intervals."""
    lines = ["| | model | numbers learnt or fitted | accuracy | explainability | gate | cases |",
             "|---|---|---|---|---|---|---|"]
    for index, row in enumerate(ladder.table[ladder.table["primary"]].to_dict(orient="records"), start=1):
        cells = (index, row["model"], row["parameters"], _interval(row, "accuracy"), _interval(row, "gain"),
                 row["gate"], _count(row.get("gain_cases")))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def correlation_text(ladder: Ladder) -> str:
    """The rank correlation in a sentence, with what its interval means."""
    found = ladder.correlation
    if math.isnan(found.value):
        return f"Rank correlation (Spearman): no number ({found.interval})."
    lead = (f"Rank correlation (Spearman) over the {len(ladder.ranked)} models that passed the gate: {found.value:.2f} "
            f"({found.low:.2f} to {found.high:.2f}), {found.interval}.")
    held = (" The interval holds 0: which way they go together, if they do, is not settled by these patients."
            if found.low <= 0 <= found.high else "")
    return (f"{lead}{held} Of all orders of these models a share of {chance(ladder.ranked):.2f} has a correlation as "
            "far from 0 or farther: that is what so few models can say of others.")


def accuracy_text(ladder: Ladder) -> str:
    """How much less accurate each model is than the most accurate one, in a sentence; "" where nothing is known."""
    if not ladder.behind:
        return ""
    others = {found.name for found in ladder.behind}
    best = next(rung.name for rung in ladder.rungs if rung.name not in others)
    told = ", ".join(f"{found.name} {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
                     for found in ladder.behind)
    return (f"Accuracy less that of the most accurate model, {best}, on the same draws of patients: {told}. The most "
            "accurate one was found on these patients, so chance is on its side.")


def method_table(ladder: Ladder) -> str:
    """A row a model, a column a method: gain with its interval, or why there is none."""
    methods = list(dict.fromkeys(str(name) for name in ladder.table["method"]))
    lines = [f"| model | {' | '.join(pretty(name) for name in methods)} |", "|---" * (len(methods) + 1) + "|"]
    for rung in ladder.rungs:
        own = ladder.table[ladder.table["model"] == rung.name].set_index("method").to_dict(orient="index")
        lines.append(f"| {rung.name} | {' | '.join(_gain(own.get(name, {})) for name in methods)} |")
    return "\n".join(lines)


def _gain(row: dict[str, object]) -> str:
    if not row or row.get("gate") == "not applicable":
        return "not applicable"
    number = _interval(row, "gain")
    return number if number != "no number" else f"no number (gate: {row.get('gate')})"


def _interval(row: dict[str, object], name: str) -> str:
    value, low, high = (_number(row.get(f"{name}{end}")) for end in ("", "_low", "_high"))
    if math.isnan(value):
        return "no number"
    return f"{value:.3f} ({'no interval' if math.isnan(low) else f'{low:.3f} to {high:.3f}'})"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _count(value: object) -> str:
    return "–" if math.isnan(_number(value)) else f"{_number(value):.0f}"
