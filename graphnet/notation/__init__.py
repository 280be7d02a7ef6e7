"""The mathematics of a graph: rules as formulas, the chain rule of one parameter, one number explained, a diagnosis.

A rule is run on nodes, and the nodes that it made are read back (`reading`, `sizes`) as a formula (`formula`, `entries`),
written shorter where a person would (`simplify`), under the names of the graph (`symbols`). `layout` sets a formula as
`boxes`, side by side, above and below each other, with the help of `operands`, which lists what a sum or a product is made
of, and `pieces`, which know where brackets go; `writers` turns boxes into text, LaTeX and MathML.
"""

from graphnet.notation.chain_rule import derive
from graphnet.notation.derivation import Derivation, Step
from graphnet.notation.diagnosis import Diagnosis, NodeDiagnosis, diagnose
from graphnet.notation.explanation import Explanation, explain
from graphnet.notation.formula import Formula
from graphnet.notation.reading import RuleFormulas, rule_formulas

__all__ = [
    "Derivation",
    "Diagnosis",
    "Explanation",
    "Formula",
    "NodeDiagnosis",
    "RuleFormulas",
    "Step",
    "derive",
    "diagnose",
    "explain",
    "rule_formulas",
]
