"""From the SVG that Graphviz writes to one that is fit for pages and for screen readers."""

from __future__ import annotations

import re

from graphnet.draw.picture import Picture
from graphnet.draw.text import markup

MOST_DESCRIBED = 60


def finish(svg: str, picture: Picture) -> str:
    """Return the SVG with a title and a description, and without Graphviz's own titles and comments.

    Its titles are the ids of boxes, which a browser would show when the mouse rests on a box. All text between tags is
    escaped, so that a pattern finds tags only.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<title>[^<]*</title>\n?", "", svg)
    words = f"<title>{markup(picture.title)}</title>\n<desc>{markup(describe(picture))}</desc>\n"
    return re.sub(r"<svg ([^>]*)>\n?", lambda tag: f'<svg role="img" {tag[1]}>\n{words}', svg, count=1)


def describe(picture: Picture) -> str:
    """Return the picture in words: what a reader who can't see it needs to know."""
    arrows = sum(edge.role == "value" for edge in picture.edges)
    sentences = [picture.title, picture.notice, f"{len(picture.boxes)} boxes and {arrows} forward edges"]
    for box in picture.boxes[:MOST_DESCRIBED]:
        arrays = [f"{field.caption} {field.text}" for field in box.fields]
        sentences.append(", ".join([box.title, *box.words, *box.formulas, *arrays]))
    if len(picture.boxes) > MOST_DESCRIBED:
        sentences.append(f"and {len(picture.boxes) - MOST_DESCRIBED} more boxes")
    sentences += [
        f"{entry.role}: {entry.text}" + (f", {entry.low} to {entry.high}" if entry.high else "")
        for entry in picture.legend
    ]
    return "\n".join(f"{sentence}." for sentence in sentences if sentence)
