"""A reader of printed derivations, which shares nothing with the code that prints them.

It takes the text, and the values of the leaves under their printed names; it evaluates the definitions one after the
other, and then the steps. So it knows only what a person knows who reads the page.
"""

from __future__ import annotations

import re

import numpy as np

NAME = r"[^\W\d][^\W⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ]*"
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?|½|𝟏)"
    rf"|(?P<signal>δ\([^()]*\)|∂\w+/∂{NAME}|δ_\w+)"
    r"|(?P<sum>Σ_\w+|Σ_\([^()]*\)|Σ)"
    rf"|(?P<name>{NAME})"
    r"|(?P<sign>[-⊙⊗·/+−()\[\],|><=√^]|≥|≤|≠|[⁰¹²³⁴⁵⁶⁷⁸⁹]+|ᵀ))"
)
SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
FUNCTIONS = {
    "tanh": np.tanh, "σ": lambda z: 1 / (1 + np.exp(-z)), "ln": np.log, "sign": np.sign, "cos": np.cos, "sin": np.sin,
    "max": np.maximum, "softplus": lambda z: np.log(1 + np.exp(z)), "mean": np.mean,
    "mean_samples": lambda z: np.mean(z, axis=0, keepdims=True),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
}  # fmt: skip


def tokens(text):
    found, position = [], 0
    while position < len(text.rstrip()):
        match = TOKEN.match(text, position)
        assert match, f"can't read {text[position:]!r}"
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found


class Reader:
    """Evaluates one formula while it reads it: by matrices, or with `at`, a number for each index letter, by entries."""

    def __init__(self, text, values, at=None, sizes=None):
        self.tokens, self.position = tokens(text), 0
        self.values, self.at, self.sizes = values, at, sizes

    def peek(self):
        return self.tokens[self.position] if self.position < len(self.tokens) else (None, None)

    def take(self, *expected):
        token = self.peek()[1]
        assert not expected or token in expected, f"expected {expected}, got {token!r}"
        self.position += 1
        return token

    def all(self):
        value = self.choice()
        assert self.peek() == (None, None), f"left over: {self.tokens[self.position :]}"
        return value

    def choice(self):
        value = self.relation()
        if self.peek()[1] == "if":
            self.take()
            condition = self.relation()
            self.take("else")
            value = np.where(condition, value, self.choice())
        return value

    def relation(self):
        left = self.sum()
        compare = {">": np.greater, "<": np.less, "=": np.equal, "≥": np.greater_equal, "≤": np.less_equal}
        if self.peek()[1] in compare:
            left = compare[self.take()](left, self.sum())
        return left

    def sum(self):
        negative = self.peek()[1] == "−"
        if negative:
            self.take()
        total = self.product()
        total = -total if negative else total
        while self.peek()[1] in ("+", "−"):
            sign = 1 if self.take() == "+" else -1
            total = total + sign * self.product()
        return total

    def product(self):
        value = self.factor()
        while True:
            kind, token = self.peek()
            if token in ("⊙", "·"):
                self.take()
                value = value * self.factor()
            elif token == "⊗":
                self.take()
                value = np.multiply.outer(value, self.factor())
            elif token == "/":
                self.take()
                value = value / self.factor()
            elif kind in ("number", "signal", "sum") or (kind == "name" and token not in ("if", "else")) or token in (
                "(", "[", "√"):  # fmt: skip
                value = side_by_side(value, self.factor())
            else:
                return value

    def factor(self):
        kind, token = self.peek()
        if kind == "sum":
            self.take()
            return self.add_up(token)
        value = self.atom()
        while True:
            token = self.peek()[1]
            if token == "ᵀ":
                self.take()
                value = np.swapaxes(value, -1, -2)
            elif token is not None and token[0] in "⁰¹²³⁴⁵⁶⁷⁸⁹":
                value = value ** int(self.take().translate(SUPERSCRIPT))
            elif token == "^":
                self.take()
                value = value ** self.atom()
            else:
                return value

    def add_up(self, token):
        if self.at is None:
            body = self.product()
            return np.sum(body, {"Σ_samples": 0, "Σ_rows": 0, "Σ_columns": -1, "Σ": None}[token])
        letter, start, total = token[2:], self.position, 0.0
        for i in range(self.sizes[letter]):
            self.position = start
            outside, self.at = self.at, {**self.at, letter: i}
            total += self.product()
            self.at = outside
        return total

    def atom(self):
        kind, token = self.tokens[self.position]
        self.take()
        if kind == "number":
            return 0.5 if token == "½" else 1.0 if token == "𝟏" else float(token)
        if token == "(":
            value = self.choice()
            self.take(")")
            return value
        if token == "[":
            value = self.relation()
            self.take("]")
            return np.asarray(value, float)
        if token == "√":
            return np.sqrt(self.atom())
        if token == "e":
            return np.e
        if token in FUNCTIONS and self.peek()[1] == "(":
            self.take("(")
            arguments = [self.choice()]
            while self.peek()[1] == ",":
                self.take()
                arguments.append(self.choice())
            self.take(")")
            return FUNCTIONS[token](*arguments)
        return self.look_up(token)

    def look_up(self, name):
        if self.at is None or name in ("N",):
            return self.values[name]
        stem, _, letters = name.rpartition("_")
        return (
            self.values[f"{stem}_{letters}"][tuple(self.at[letter] for letter in letters)]
            if stem
            else self.values[name]
        )


def side_by_side(x, y):
    return x * y if np.ndim(x) == 0 or np.ndim(y) == 0 else x @ y


def lines_of(text):
    """Return the definitions, then the steps, as pairs (left, right)."""
    steps, _, definitions = text.partition("\nwith\n")
    lines = [*definitions.splitlines(), *steps.splitlines()]
    pairs = [re.sub(r"    \((Eq\.|definition).*$", "", line).partition(" = ") for line in lines]
    return [(left.strip(), right.strip()) for left, sign, right in pairs if sign]


def evaluate(text, leaves):
    """Evaluate a derivation in matrices; return every value and error signal by its printed name."""
    values = dict(leaves)
    for left, right in lines_of(text):
        values[left] = np.asarray(Reader(right, values).all(), float)
    return values


def evaluate_sample(text, leaves, sizes):
    """Evaluate a derivation entry by entry; leaves by their printed name with their letters, as ``w_jk``."""
    values = dict(leaves)
    for left, right in lines_of(text):
        letters = left.rpartition("_")[2] if "_" in left else ""
        array = np.zeros([sizes[letter] for letter in letters])
        for index in np.ndindex(array.shape):
            array[index] = Reader(right, values, dict(zip(letters, index, strict=True)), sizes).all()
        values[left] = array
    return values
