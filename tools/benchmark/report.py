"""Results as text, Markdown and JSON."""

import csv
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.benchmark.timing import Entry

COLUMNS = ("contestant", "median", "± ", "÷ NumPy", "÷ graphnet", "first call", "cores", "difference", "memory")

BUSY = 0.9


@dataclass
class Section:
    """One workload's results."""

    name: str
    title: str
    entries: list[Entry]

    def ratio(self, entry: Entry, to: str) -> float:
        """Return an entry's time relative to that of the contestant called `to`."""
        return next((entry.median / other.median for other in self.entries if other.contestant == to), math.nan)


def duration(seconds: float) -> str:
    """Write seconds with three digits in a fitting unit."""
    if math.isnan(seconds):
        return "–"
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 999.5:
            value = seconds * factor
            return f"{value:.{max(0, 2 - math.floor(math.log10(max(value, 1))))}f} {unit}"
    return f"{seconds:.3g} s"


def number(value: float, form: str) -> str:
    if value >= 100 and form == ".2f":
        return f"{value:,.0f}"
    return "–" if math.isnan(value) else format(value, form)


def text(section: Section) -> str:
    """Return one workload as a table for the terminal."""
    rows = [COLUMNS]
    for entry in section.entries:
        if entry.skipped is None:
            rows.append(
                (
                    entry.contestant,
                    duration(entry.median),
                    number(100 * entry.spread, ".0f") + " %",
                    number(section.ratio(entry, "NumPy by hand"), ".2f"),
                    number(section.ratio(entry, "graphnet"), ".2f"),
                    duration(entry.first_call),
                    number(entry.cores, ".1f"),
                    number(entry.difference, ".0e"),
                    "–" if entry.memory is None else f"{entry.memory / 1e6:.1f} MB",
                )
            )
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = [f"{section.name}  {section.title}"]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]))
    reasons = list(dict.fromkeys(entry.skipped for entry in section.entries if entry.skipped))
    for reason in reasons:
        who = ", ".join(entry.contestant for entry in section.entries if entry.skipped == reason)
        lines.append(f"  skipped: {who}: {reason}")
    if any(entry.cores < BUSY for entry in section.entries):
        lines.append(f"  Some got less than {BUSY:.0%} of a core: the machine was busy with other things.")
    return "\n".join(lines)


def markdown(sections: list[Section], machine: dict[str, Any]) -> str:
    """Return all workloads as one table, contestants side by side; the fastest that computes gradients is bold."""
    names = list(dict.fromkeys(entry.contestant for section in sections for entry in section.entries if entry.samples))
    lines = ["| workload | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for section in sections:
        medians = {entry.contestant: entry for entry in section.entries if entry.samples}
        fastest = min((e.median for e in medians.values() if not math.isnan(e.difference)), default=math.nan)
        cells = []
        for name in names:
            median = medians[name].median if name in medians else math.nan
            cells.append(f"**{duration(median)}**" if median == fastest else duration(median))
        lines.append(f"| {section.name} {section.title} | " + " | ".join(cells) + " |")
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    lines += [
        "",
        f"Medians of interleaved runs, {machine['threads']} thread{'s' * (machine['threads'] > 1)}; {machine['cpu']}, "
        f"{machine['system']}, Python {machine['python']}, {machine['blas']}; {versions}; {machine['date'][:10]}.",
    ]
    return "\n".join(lines)


def write_json(path: Path, sections: list[Section], machine: dict[str, Any]) -> None:
    """Write everything measured. What was not measured is null."""
    results = []
    for section in sections:
        for entry in section.entries:
            values = asdict(entry) | {"workload": section.name, "title": section.title, "median": entry.median}
            del values["step"], values["result"]
            results.append({key: _finite(value) for key, value in values.items()})
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=1, ensure_ascii=False) + "\n")


def append(path: Path, sections: list[Section], machine: dict[str, Any]) -> None:
    """Add the medians to the history, a line each: the date, what was measured, whose it is, seconds."""
    with path.open("a", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        for section in sections:
            for entry in section.entries:
                if entry.samples:
                    lines.writerow([machine["date"][:10], section.title, entry.contestant, f"{entry.median:.3g}"])


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
