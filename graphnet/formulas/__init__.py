"""Rules read as formulas: what each op computes and what it sends back, as text, LaTeX and MathML.

A rule is run on nodes, and the nodes that it made are read back (`reading`, `sizes`) as a tree of plain data (`formula`,
`entries`), written shorter where a person would (`simplify`), under the names of the graph (`symbols`). `layout` sets a
tree as `boxes`, side by side, above and below each other, with the help of `operands`, which lists what a sum or a product is
made of, and `pieces`, which know where brackets go; `writers` turns boxes into each way of writing.
"""

from graphnet.formulas.formula import Formula
from graphnet.formulas.rules import RuleFormulas, rule_formulas

__all__ = ["Formula", "RuleFormulas", "rule_formulas"]
