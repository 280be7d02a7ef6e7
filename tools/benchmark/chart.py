"""Results as a bar chart: one panel a workload, bars that grow from hand-written NumPy's time to either side."""

from pathlib import Path

from tools.benchmark.report import Section, duration

OWN, HAND, OTHER = "#1f77b4", "#7f7f7f", "#c7c7c7"


def save(path: Path, sections: list[Section]) -> None:
    """Draw and save; the suffix chooses the format."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    counts = [sum(bool(entry.samples) for entry in section.entries) for section in sections]
    figure, panels = plt.subplots(
        len(sections), 1, figsize=(8, 0.6 * len(sections) + 0.25 * sum(counts)), sharex=True,
        height_ratios=counts, squeeze=False, layout="constrained",
    )  # fmt: skip
    for panel, section in zip(panels[:, 0], sections, strict=True):
        entries = [entry for entry in section.entries if entry.samples]
        ratios = [entry.median / entries[0].median for entry in entries]
        panel.barh(
            [entry.contestant for entry in entries],
            [ratio - 1 for ratio in ratios],
            left=1,
            color=[_colour(entry.contestant) for entry in entries],
        )
        for row, (entry, ratio) in enumerate(zip(entries, ratios, strict=True)):
            panel.annotate(
                duration(entry.median),
                (max(ratio, 1), row),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_xscale("log")
        panel.margins(x=0.12)
        panel.invert_yaxis()
        panel.set_title(f"{section.name}: {section.title}", loc="left", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    label = f"time of a step relative to {sections[0].entries[0].contestant} (logarithmic; left is faster)"
    panels[-1, 0].set_xlabel(label, fontsize=8)
    panels[-1, 0].xaxis.set_major_formatter("{x:g}×")
    figure.savefig(path, dpi=150)


def _colour(contestant: str) -> str:
    if contestant.startswith("graphnet"):
        return OWN
    return HAND if contestant.startswith(("NumPy", "matrix")) else OTHER
