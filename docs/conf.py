"""How the documentation site looks. `python -m tools.documentation` gathers the pages and builds it."""

from collections.abc import Callable

import latex2mathml.converter
from docutils.nodes import Node, SkipNode
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

import graphnet as gn

project, author, version = "graphnet", "The graphnet authors", gn.__version__
copyright = f"2026, {author}"
extensions = ["myst_nb", "sphinx_copybutton"]
root_doc = "docs/index"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks hold their outputs; tests run them
default_role = "code"
suppress_warnings = ["mystnb.unknown_mime_type"]
html_theme = "furo"
html_title = "graphnet"
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_static_path = ["docs/static"]
html_css_files = ["site.css"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def mathml(display: str) -> Callable[[HTML5Translator, Node], None]:
    """Return a visitor that writes a formula as MathML, which browsers show without a script from elsewhere."""

    def visit(self: HTML5Translator, node: Node) -> None:
        self.body.append(latex2mathml.converter.convert(node.astext(), display=display))
        raise SkipNode

    return visit


def setup(app: Sphinx) -> None:
    """Tell Sphinx of the way formulas are written."""
    app.add_html_math_renderer("mathml", (mathml("inline"), None), (mathml("block"), None))
