"""Results as a bar chart: one panel a workload, times on a logarithmic scale."""

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
        len(sections), 1, figsize=(8, 0.7 * len(sections) + 0.28 * sum(counts)),
        height_ratios=counts, squeeze=False, layout="constrained",
    )  # fmt: skip
    for panel, section in zip(panels[:, 0], sections, strict=True):
        entries = [entry for entry in section.entries if entry.samples]
        bars = panel.barh(
            [entry.contestant for entry in entries],
            [1e3 * entry.median for entry in entries],
            color=[_colour(entry.contestant) for entry in entries],
        )
        panel.bar_label(bars, [duration(entry.median) for entry in entries], padding=3, fontsize=8)
        panel.set_xscale("log")
        panel.margins(x=0.15)
        panel.invert_yaxis()
        panel.set_title(f"{section.name}: {section.title}", loc="left", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlabel("ms a step (logarithmic)", fontsize=8)
    figure.savefig(path, dpi=150)


def _colour(contestant: str) -> str:
    if contestant.startswith("graphnet"):
        return OWN
    return HAND if contestant.startswith(("NumPy", "matrix")) else OTHER
