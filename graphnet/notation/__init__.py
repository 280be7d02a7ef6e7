"""The mathematics of a graph: rules as formulas, the chain rule of one parameter, one number explained, a diagnosis.

A formula is a node. `reading` runs a rule on nodes and reads what it made; `terms` are what that is made of, as short as a
person would write it; `names` say what nodes and their axes are called; `indices` writes it entry by entry. To be printed, a
node is set as boxes (`formula`), and `writers` turn boxes into text, LaTeX and MathML. On these stand `derive` (`derivation`),
`explain` (`explanation`, and `paths` from one entry to the output) and `diagnose` (`diagnosis`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "derivation": ["Derivation", "Step", "derive"],
        "diagnosis": ["Diagnosis", "NodeDiagnosis", "diagnose"],
        "explanation": ["Explanation", "explain"],
        "formula": ["Formula"],
        "reading": ["RuleFormulas", "rule_formulas"],
    },
)
