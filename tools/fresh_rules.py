"""Judge the gradient checker by rules that it didn't grow up with: `tests/fresh_rules`, in six sets.

Each wrong rule is tried alone at its three input sets, and in two networks; each right rule the same, and in further
places: before a curved loss, beside a residual, at zeros, ties, saturation, nearly equal rows, and scales of 1e-8 to 1e8.
Printed for each family: what was caught, located to node and input, named truly, and what was said of right rules.

    python -m tools.fresh_rules [--seeds 3] [--family small] [--json out.json] [--torch] [--jax]
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import graphnet as gn
from tests.fresh_rules import FAMILIES, FIFTH, FIRST, FOURTH, SECOND, SIXTH, THIRD
from tests.fresh_rules.oracle import as_tuple, difference, rules, slopes
from tests.fresh_rules.record import Arrays, Rule

# For each true kind, words of a verdict that name it truly; one of them in the diagnosis is enough. A first guess from
# outside, for the checker's developer to fill in.
WORDS: dict[str, tuple[str, ...]] = {
    "sign": ("sign", "negative", "−1", "-1"),
    "constant factor": ("factor", "times", "twice", "half"),
    "size factor": ("mean", "sum", "size", "number of", "batch", "factor"),
    "missing factor": ("factor", "missing", "times"),
    "wrong factor": ("factor", "power", "square"),
    "missing term": ("term",),
    "wrong sign of a term": ("term", "sign"),
    "missing delta": ("delta", "error signal"),
    "not linear in delta": ("linear",),
    "transposed": ("transpos",),
    "wrong axis": ("axis", "direction", "order"),
    "missing sum": ("sum", "broadcast"),
    "input for output": ("output belongs", "reads the input"),
    "output for input": ("reads the cached output", "input belongs"),
    "wrong place": ("place", "permut", "shift", "flip", "order", "transpos"),
    "overwritten": ("repeat", "overwrit", "contribution"),
    "ties": ("tie", "equal"),
    "row factor": ("row", "column", "factor"),
    "lost projection": ("diagonal", "projection", "jacobian"),
    "lost mean": ("mean",),
    "tail": ("large", "small", "beyond", "bound only", "tail"),
    "bound": ("above", "below", "bound", "input is negative only", "input is positive only"),
    "triangle": ("diagonal", "triangle", "symmetr"),
    "some entries": ("entries", "entry", "edge", "first", "last"),
    "detached": ("constant", "term", "detach", "path"),
    "no signal": ("none", "zero"),
    "swapped": ("swap", "exchang", "other input"),
    "stale state": ("state", "stale", "call", "determin", "before"),
    "not deterministic": ("determin", "random"),
    "writes into arguments": ("argument", "in place", "unchanged", "writes"),
    "reused buffer": ("buffer", "as returned", "stay", "writes"),
    "precision": ("precision", "digits", "finite", "float16", "float32", "round"),
    "small": ("small", "digits", "constant", "factor", "round", "ε", "epsilon", "precision"),
}
# And of single rules, words that name the fault as truly, though not by its kind: an identity that holds exactly, or the
# very place where the rule is wrong.
ALSO: dict[str, tuple[str, ...]] = {
    "avg_pool_padding_counted": ("for each output",),
    "recurrence_state_after": ("for each entry",),
    # Where a slope, a mask or a sum is cut off, or not: derivatives that are there are taken for 0, or the other way round.
    **dict.fromkeys(
        (
            "hinge_margin_zero",
            "pad_edge_cropped",
            "differences_upper_only",
            "cube_small_dropped",
            "one_hot_first_of_class",
        ),
        ("taken for 0",),
    ),
    **dict.fromkeys(
        (
            "prelu_slope_everywhere",
            "relu6_as_relu",
            "triplet_anchor_always",
            "grouped_dw_summed",
            "clipped_log_unclipped",
            "clipped_log_passes",
        ),
        ("taken for something",),
    ),
    "gelu_density_without_x": ("exp(−z²/2)",),  # φ(z)(z − 1) is what is missing
    "glu_gate_not_complete": ("off in",),  # the gate's half
    "log_sigmoid_from_output": ("exp z",),  # −σ(z) for σ(−z): divided by −exp z
    "relu6_mask_turned": ("always zero",),  # where all inputs lie inside
    "layer_norm_mean_twice": ("along ones",),
    "rms_norm_power": ("multiple of x",),  # the second term has another weight
    "rms_norm_sum": ("multiple of x",),
    "log_softmax_mean": ("multiple of exp output",),
    "l2_normalise_projects_on_x": ("no part along output", "part has a wrong factor"),
    "cosine_norm_not_squared": ("no part along x",),
    "project_one_c": ("no part along output",),
    "kl_ratio_turned": ("q and p exchanged",),
    "smoothing_other_classes": ("a term is lost",),  # another constant in each class
    "poisson_of_rate": ("times exp z",),  # λ − t = λ (1 − t / λ)
    "pinball_sides_exchanged": ("a term is lost",),  # 1 − 2q on both sides
    "causal_mask_off_by_one": ("multiple of k", "multiple of q"),  # of key and query that are masked too much
    "relative_bias_last_wins": ("off in one entry",),  # the one used several times
    "strided_col2im_buffered": ("off in columns",),  # where windows overlap
    "max_pool_tolerance": ("beside the kinks", "taken for something"),
    "take_along_first_row": ("off in row", "off in one row"),  # all but the first
    "scatter_divided": ("off in places",),  # those written several times
    "segment_sum_for_mean": ("each row", "axis 0", "counted several times"),
    "cumsum_forward": ("jacobian is applied",),
    "cumsum_exclusive": ("diagonal of the jacobian",),
    "prod_divided_by_output": ("output²",),  # x / output for output / x
    "ema_truncated": ("off in row", "off in one row", "taken for 0"),  # the early ones
    "unrolled_truncated": ("off in row", "off in one row", "taken for 0"),
    "unrolled_detached": ("diagonal of the jacobian",),  # each step has its own output only
    "outer_mean": ("replaced by its mean",),
    "scale_sum_of_factors": ("replaced by its sum",),
    "solve_lower_not_masked": ("off in one entry",),  # the upper triangle of two by two
    "singular_values_first": ("first contribution",),
    "lstm_cell_path_only": ("first contribution",),
    "expm_entrywise": ("δ ⊙ g",),
    "inverse_entrywise": ("taken for itself",),
    "lstm_forget_reads_new": ("off in columns",),  # that gate's
    "gru_update_sign": ("off in columns",),
    "row_sum_without_keepdims": (".t is right",),  # of square ones
    "add_bias_other_axis": ("delta transposed",),
    "scale_dx_unscaled": ("delta is passed on",),
    "dropout_no_mask": ("delta is passed on",),
    "tanh_forward_buffer": ("depends on state",),
    "multiply_one_temporary": ("error signal of input 1",),  # what the temporary holds in the end
    "normalise_single_pass": ("each row",),  # each has a deviation of its own
    "half_square_integer_buffer": ("not linear",),  # it cuts δ to whole numbers
    "tanh_never_dies": ("0.0001·δ",),
    "relu_leaks": ("input is negative only", "taken for something"),
    "dense_decay": ("zero delta",),
    "softplus_clipped": ("ratio 0.666667",),  # where all are beyond the clip: 2 / (1 + 2) for 1
    "half_square_guarded": ("0.01·|x|",),  # where all are beyond the guard at a hundred
    "dice_union_constant": ("0.5·(1 + output)", "always zero"),  # where all labels are 1, or all are 0
    "gelu_tanh_coefficient": ("size of the input is above",),  # the coefficient is that of x³
    "recurrence_reads_x": ("off in places", "for each entry"),  # all but the first two
    "rnn_u_from_new_state": ("each row",),  # of one sample: the new state for the old
    "dense_half": ("linear in delta",),  # it rounds
    "sine_bfloat": ("linear in delta",),
    "bce_logits_minus_target": ("does not depend on t",),  # z for σ(z), in the term without t
    "safe_log_no_eps": ("plus -0.0001·δ·1/(x²)",),  # that ε, to first order
    "recurrence_decay_shifted": ("a factor is lost, or a wrong one",),  # the decay of another step
    # The second set. All were written down after they had been read beside the fault.
    **dict.fromkeys(
        ("selu_output_plus_alpha", "softsign_unsigned_square", "power_signed_twice"), ("input is negative only",)
    ),
    **dict.fromkeys(
        ("hard_sigmoid_range_two_and_a_half", "softshrink_upper_only", "squared_hinge_margin_at_zero"), ("taken for 0",)
    ),
    **dict.fromkeys(("prelu_weight_unmasked", "triplet_inactive_too", "max_pool_everywhere"), ("taken for something",)),
    **dict.fromkeys(
        (
            *("snake_alpha_stopped", "bilinear_positions_stopped", "kl_target_stopped", "gate_detached"),
            *("cumprod_zero_at_zero", "rnn_weight_first_step_only"),  # where all inputs, or the first state, are 0
        ),
        ("always zero",),
    ),
    # The columns or slabs of one gate, half, or depth.
    **dict.fromkeys(
        (
            *("glu_gate_without_value", "project_depth_stopped", "project_depth_power"),
            *("lstm_forget_by_new_cell", "lstm_output_gate_slope"),
        ),
        ("off in columns", "off in one column", "off in places of axis 2"),
    ),
    # The lost term is a multiple of each row's gradient.
    **dict.fromkeys(("focal_weight_stopped", "focal_sign_of_inner"), ("each row",)),
    "label_smoothing_hard_target": ("each row",),  # of two classes
    "label_smoothing_rest_over_k_minus_one": ("each row",),
    **dict.fromkeys(
        ("cosine_norms_stopped", "rms_norm_sum_for_mean", "rms_norm_x_not_normalised"), ("no part along x",)
    ),
    "l2_normalise_projects_by_input": ("no part along output", "part has a wrong factor"),
    "hard_swish_gate_constant": ("size of the input is below", "between two bounds"),  # where the gate has a slope
    "hardswish_z_over_three": ("between two bounds", "size of the input is below"),  # the middle
    "softsign_one_minus_square": ("output²·1/(|z|)",),  # 1 − a² less 2 a² / |z|
    "soft_cap_output_not_scaled": ("0.96·δ",),  # 1 − 1/25
    "layer_norm_gain_by_output": ("divided by g",),
    "layer_norm_gain_first_row": ("contribution is left out",),  # of two samples
    "avg_pool_spread_one_side": ("taken for 0",),
    "scatter_add_source_order": ("error signal of input 0",),  # of as many rows: δ as it is
    "cumsum_forwards": ("jacobian is applied",),
    "lstm_cell_no_signal_from_hidden": ("last contribution is kept",),
    "rnn_truncated_again": ("taken for 0", "all zero there"),
    "bias_summed_over_the_other_axis": ("arrives at the wrong entries",),
    "gate_value_for_gate": ("δ ⊙ g",),
    "clamp_mask_inverted": ("mask is turned",),
    "scale_broadcast_all_equal": ("levelled",),
    **dict.fromkeys(
        (
            *("mean_axis_first_only", "quantile_lower_only", "maximum_half_each"),
            *("logcumsumexp_softmax", "attention_value_unscaled_scores"),  # weights that add up to 1
        ),
        ("shared out wrongly",),
    ),
    "squared_hinge_without_label": ("on the diagonal",),  # of three by two: where every third label, −1, stands
    # The third set. Weights that add up to 1, with the mask or without, and a path whose total is 0.
    **dict.fromkeys(
        (
            *("causal_mask_not_in_backward", "attention_pool_direct_path", "mixture_hard"),
            *("stretched_corners_not_aligned", "labellings_filtered"),
        ),
        ("shared out wrongly",),
    ),
    **dict.fromkeys(("interpolated_left_only", "stretched_short_window"), ("taken for 0", "off in places")),
    "sampled_slope_outside": ("taken for something",),
    "covariance_signal_symmetric": ("for each output: ratios from 0 to 2",),  # one triangle twice, the other never
    "circular_kernel_of_first_row": ("contribution is left out",),  # of two rows
    "cosine_transform_first_weight": ("multiple of ones",),  # as that coefficient's wave is constant
    "haar_details_added": ("off in columns", "off in one column"),  # every second sample, whose detail is taken off
    "remainder_floor": ("x is positive only",),  # where the signs of both differ
    "log_one_minus_exp_plus": ("1/(exp output)·1/(σ(z))",),  # (1 + e⁻ᶻ) / (1 − e⁻ᶻ), of both signs
    "raised_log_of_output": ("divided by y",),  # log xʸ is y log x
    "logit_numerator_only": ("divided by σ(−output)",),  # that is 1 − z
    "mixture_weights_free": ("error signal of input 1",),  # of both inputs the same is said
    "relaxed_choice_of_logits": ("each row",),  # of two classes
    "filtered_innovation_forgotten": ("delta is passed on",),  # 1 for 1 − gain
    "descended_first_order": ("delta is passed on",),  # I for I − 0.2 a
    "advantages_backwards": ("jacobian is applied",),
    "episodes_leak": ("taken for something",),  # what is 0 over the end of an episode
    "ranked_wrong_tail": ("liked and other exchanged",),  # σ of the difference, whose sign turns
    "local_response_own_only": ("diagonal of the jacobian",),
    "tone_mapped_by_channel": ("taken for itself",),
    "selective_own_decay": ("wrong factor",),  # the decay of another step
    "energy_no_reaction": ("all zero there",),  # of two points the second, which is no pair's first
    # What points of one set do to each other adds up to 0.
    **dict.fromkeys(("discrepancy_own_once", "discrepancy_cross_only"), ("shared out wrongly",)),
    "transport_not_paired": ("shared out wrongly",),  # in pairs or not, the same sums
    # The edges that are shared, the class of several samples, points that are nearest to others.
    "overlap_sum_for_union": ("off in one column",),
    "centred_last_sample": ("off in one row",),
    **dict.fromkeys(("chamfer_one_direction", "chamfer_nearest_held"), ("off in rows", "each row")),
    "neighbours_degree_constant": ("δ·output·1/(the sum of w",),  # the lost term itself
    "edge_weights_whole_graph": ("taken for something",),  # what edges of different nodes do to each other
    # The fourth set. All were written down after they had been read beside the fault.
    "leaky_clip_dead": ("taken for 0",),  # what the leak lets through
    "mean_to_padding": ("taken for something",),  # the padding's share
    "soft_maximum_no_temperature": ("shared out wrongly",),  # weights that add up to 1
    "distances_first_only": ("one of two uses is lost",),  # the other is the same of δ transposed
    "far_from_here_width": ("error signal of input 0",),  # without the factor it is that of x
    "overlap_union_constant": ("taken for 0", "all zero there"),  # an edge outside moves the union only
    # The fifth set. All were written down after they had been read beside the fault.
    "drawdown_top_held": ("output is below a bound",),  # at the tops, where it is 0
    "day_of_an_epidemic_not_missed": ("last contribution is kept",),  # that to the ill
    "hand_elbow_moves_all": ("off in one column 1", "off in one entry only, (1,)", "axis 2, 1 only"),  # the elbow's
    "image_distance_by_focus": ("exchanged",),
    "light_left_own_piece": ("plus δ·output",),  # that piece
    "tilt_seen_no_memory": ("diagonal of the jacobian",),
}
UNKNOWN = ("no known signature", "nothing known")


def named(rule: str, kind: str, said: str) -> str:
    """Tell how what was said of an input, or of each, names a fault: what was tried in vain is no name."""
    names = [part for part in said.split(" | ") if part.strip() and not any(word in part for word in UNKNOWN)]
    if not names:
        return "unknown"
    true = (*WORDS[kind], *ALSO.get(rule, ()))
    return "truly" if any(word in part for part in names for word in true) else "misnamed"


@dataclass(frozen=True)
class Outcome:
    """What was said of one rule in one place."""

    family: str
    rule: str
    case: str
    kind: str
    right: bool  # whether the rule is
    shown: bool  # whether the fault is there to be seen: by an independent comparison at these inputs
    place: str
    said: str  # "accepted", "wrong", "undecided", "not built", "refused" by a typed error, or "crash"
    located: bool = False
    named: str = ""  # "truly", "unknown", "misnamed"
    words: str = ""


def network(op: Any, arrays: Arrays, constant: set[int], rng: np.random.Generator) -> gn.Node:
    """Build parameters → affine mixing → the op → a random projection."""
    out = op(*mixed(arrays, constant, rng, "p"), name="f")
    return projected(out, value_of(op, arrays), rng)


def branched(op: Any, arrays: Arrays, again: Arrays, constant: set[int], rng: np.random.Generator) -> gn.Node:
    """Build a network that uses the op twice, once before a curved loss, and its first input beside it."""
    inputs = mixed(arrays, constant, rng, "p")
    value, second = value_of(op, arrays), value_of(op, again)
    scale = max(1.0, float(np.abs(value).max(initial=0)))
    first = gn.tanh(op(*inputs, name="f") * (1 / scale))
    loss = gn.sse(first, rng.normal(size=value.shape)) + projected(
        op(*mixed(again, constant, rng, "q"), name="g"), second, rng
    )
    beside = next((i for i in range(len(arrays)) if isinstance(inputs[i], gn.Node)), None)
    return loss if beside is None else loss + projected(inputs[beside], arrays[beside], rng)


def curved(op: Any, arrays: Arrays, constant: set[int], rng: np.random.Generator) -> gn.Node:
    return gn.sse(op(*plain(arrays, constant), name="f"), rng.normal(size=value_of(op, arrays).shape))


def residual(op: Any, arrays: Arrays, constant: set[int], rng: np.random.Generator) -> gn.Node | None:
    inputs, value = plain(arrays, constant), value_of(op, arrays)
    if 0 in constant or value.shape != arrays[0].shape:
        return None
    return gn.sse(inputs[0] + op(*inputs, name="f"), rng.normal(size=value.shape))


def value_of(op: Any, arrays: Arrays) -> np.ndarray:
    return np.array(rules(op).forward(*(x.copy() for x in arrays)))


def fixed(x: np.ndarray) -> Any:
    """Return what has no signal as it is given beside nodes: whole numbers stay what they are."""
    return gn.constant(x, dtype=int) if x.dtype.kind in "iu" else x.copy()


def plain(arrays: Arrays, constant: set[int]) -> list[Any]:
    return [fixed(x) if i in constant else gn.parameter(f"p{i}", x.copy()) for i, x in enumerate(arrays)]


def mixed(arrays: Arrays, constant: set[int], rng: np.random.Generator, name: str) -> list[Any]:
    """Return nodes of the arrays' values: parameters behind an affine map, a full one for matrices."""
    inputs: list[Any] = []
    for i, x in enumerate(arrays):
        if i in constant:
            inputs.append(fixed(x))
            continue
        offset = rng.normal(size=x.shape)
        if x.ndim == 2:
            n = len(x)
            mix = 1.2 * np.eye(n) + 0.2 * rng.normal(size=(n, n)) / np.sqrt(n)
            inputs.append(gn.matmul(mix, gn.parameter(f"{name}{i}", np.linalg.solve(mix, x - offset))) + offset)
        else:
            inputs.append(gn.parameter(f"{name}{i}", (x - offset) / 0.7) * 0.7 + offset)
    return inputs


def projected(node: gn.Node, value: np.ndarray, rng: np.random.Generator) -> gn.Node:
    weights = rng.normal(size=value.shape)
    return node * float(weights) if value.ndim == 0 else gn.sum(node * weights)


def constants(rule: Rule, arrays: Arrays) -> set[int]:
    """Return the inputs without a signal: labels, masks, positions."""
    op = rules(rule.right())
    value = np.asarray(op.forward(*(x.copy() for x in arrays)))
    got = as_tuple(op.backward(np.ones_like(value, float), value, *(x.copy() for x in arrays)), len(arrays))
    return {i for i, (g, x) in enumerate(zip(got, arrays, strict=True)) if g is None or x.dtype.kind != "f"}


def variants(rule: Rule, arrays: Arrays, rng: np.random.Generator) -> Iterator[tuple[str, Arrays]]:
    """Yield other inputs at which a right rule is right too, as far as its domain allows."""
    domain = rule.domain
    free = [i for i, slot in enumerate(domain.slots) if slot != "fixed"]
    real = bool(free) and all(domain.slots[i] == "real" for i in free)

    def changed(change: Callable[[np.ndarray], np.ndarray]) -> Arrays:
        return tuple(change(x) if i in free else x for i, x in enumerate(arrays))

    if not free:
        return
    for factor in (1e-8, 1e-4, 30.0, 1e4, 1e8):
        if domain.span[0] <= factor <= domain.span[1]:
            yield f"scale {factor:g}", changed(lambda x, f=factor: x * f)
    if real and domain.zero:
        yield "all zeros", changed(np.zeros_like)
        yield "some zeros", changed(lambda x: x * (rng.random(x.shape) > 0.4))
    if domain.ties:
        yield "ties", changed(lambda x: np.round(2 * x) / 2 if real else np.maximum(np.round(2 * x) / 2, 0.5))
        if any(arrays[i].ndim == 2 and len(arrays[i]) > 1 for i in free):
            yield "nearly equal rows", changed(nearly_equal_rows)


def nearly_equal_rows(x: np.ndarray) -> np.ndarray:
    if x.ndim != 2 or len(x) < 2:
        return x
    y = x.copy()
    y[1] = y[0] * (1 + 1e-6)
    return y


def judged(
    rule: Rule, right: bool, place: str, make: Callable[[], gn.Report | None], slots: Iterable[int]
) -> Outcome | None:
    """Run one check and read its report."""
    slots = set(slots)
    common = {
        "family": rule.family, "rule": rule.name, "case": rule.case, "kind": rule.kind, "right": right, "place": place,
        "shown": not right and bool(slots),
    }  # fmt: skip
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            report = make()
    except NotBuilt as error:
        return Outcome(**common, said="not built", words=str(error)[:300])
    except gn.errors.GraphnetError as error:
        return Outcome(**common, said="refused", words=f"{type(error).__name__}: {error}"[:300])
    except Exception as error:
        return Outcome(**common, said="crash", words=f"{type(error).__name__}: {error}"[:300])
    if report is None:
        return None
    if not (report.failures or report.broken):
        return Outcome(
            **common, said="accepted" if report.ok else "undecided", words="" if report.ok else report.verdict[:300]
        )
    accused = [f for f in report.failures if f.part == "rule"]
    ours = [f for f in accused if mine(f)]
    broken = [p for p in report.broken if mine(p)]
    located = len(ours) == len(accused) and (
        bool(ours) and {f.slot for f in ours} <= slots if accused else bool(broken)
    )
    said = " | ".join([*(f.diagnosis for f in ours), *(f"{p.name}: {p.evidence}" for p in broken)]).lower()
    return Outcome(
        **common,
        said="wrong",
        located=located,
        named=named(rule.name, rule.kind, said),
        words=said or report.verdict[:300],
    )


def mine(found: Any) -> bool:
    return found.label in {"f", "g"} or found.label.endswith(" alone")


class NotBuilt(Exception):
    """graphnet can't make a node of the op."""


def checked(build: Callable[[], gn.Node | None], seed: int) -> Callable[[], gn.Report | None]:
    def make() -> gn.Report | None:
        try:
            loss = build()
        except gn.errors.GraphnetError as error:
            raise NotBuilt(f"{type(error).__name__}: {error}") from error
        return None if loss is None else gn.check_gradients(loss, {}, rng=np.random.default_rng(seed))

    return make


def outcomes(rule: Rule, right: bool, seed: int) -> Iterator[Outcome]:
    """Yield what is said of a rule in all places."""
    fresh = rule.right if right else rule.wrong
    for number in range(3):
        arrays = rule.arrays(number, seed)
        slots = () if right else wrong_slots(rule, number, seed)
        alone = lambda arrays=arrays: gn.check_op(fresh(), *arrays, rng=np.random.default_rng(seed))  # noqa: E731
        yield judged(rule, right, f"inputs {number}", alone, slots)
    # A wrong rule where it is most wrong, a right one everywhere.
    for number in range(3) if right else [max(range(3), key=lambda n: difference(rule, n, seed)[0])]:
        arrays, again = rule.arrays(number, seed), rule.arrays(number, seed + 1)
        constant = constants(rule, arrays)
        again = tuple(x if i in constant else y for i, (x, y) in enumerate(zip(arrays, again, strict=True)))
        slots = () if right else wrong_slots(rule, number, seed)
        for place, build in places(fresh, arrays, again, constant, right, seed).items():
            yield judged(rule, right, f"inputs {number}, {place}", checked(build, seed), slots)
    if right:
        for number in range(3):
            for place, changed in variants(rule, rule.arrays(number, seed), np.random.default_rng([seed, 5])):
                alone = lambda x=changed: gn.check_op(fresh(), *x, rng=np.random.default_rng(seed))  # noqa: E731
                yield judged(rule, right, f"inputs {number}, {place}", alone, ())


def places(
    fresh: Callable[[], Any], arrays: Arrays, again: Arrays, constant: set[int], right: bool, seed: int
) -> dict[str, Callable[[], gn.Node | None]]:
    """Return the networks in which a rule is tried."""

    def rng() -> np.random.Generator:
        return np.random.default_rng([seed, 5])

    found: dict[str, Callable[[], gn.Node | None]] = {
        "network": lambda: network(fresh(), arrays, constant, rng()),
        "branched": lambda: branched(fresh(), arrays, again, constant, rng()),
    }
    if right:
        found["before a curved loss"] = lambda: curved(fresh(), arrays, constant, rng())
        found["beside a residual"] = lambda: residual(fresh(), arrays, constant, rng())
    return found


def wrong_slots(rule: Rule, number: int, seed: int) -> list[int]:
    """Return at which inputs the wrong rule differs from the right one; all, of one that changes what others hold."""
    worst, at = difference(rule, number, seed)
    if rule.kind in {"writes into arguments", "reused buffer", "not deterministic", "stale state"}:
        return list(range(len(rule.domain.slots)))
    low = 1e-6 if rule.kind == "small" else 1e-3
    if worst > low and rule.domain.kinks:
        # At ties several slopes are right, the wrong rule's perhaps among them.
        error, scale = slopes(rule, number, seed, wrong=True)
        worst = error / scale
    return at if worst > low else []


def run(families: Iterable[Any], seeds: int = 1) -> list[Outcome]:
    """Judge wrong rules and, once for each case, right ones."""
    found: list[Outcome | None] = []
    for family in families:
        for seed in range(seeds):
            cases = {rule.case: rule for rule in family}
            for rule in family:
                found += outcomes(rule, False, seed)
            for rule in cases.values():
                found += outcomes(rule, True, seed)
    return [o for o in found if o is not None]


WRONG = ("rules", "shown in", "caught", "located", "named truly", "unknown", "misnamed", "undecided", "refused", "missed",
         "not built", "crash", "rules never caught")  # fmt: skip
RIGHT = ("cases", "places", "accepted", "undecided", "false alarms", "refused", "not built", "crash")


def table(found: list[Outcome], right: bool) -> list[tuple[str, ...]]:
    """Count for each family. Of wrong rules only places where the fault shows, and 'not built' apart, as none was checked."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    rules_of: dict[str, set[str]] = defaultdict(set)
    caught: set[tuple[str, str]] = set()
    for o in found:
        if o.right is not right:
            continue
        rules_of[o.family].add(o.case if right else o.rule)
        row = rows[o.family]
        if right:
            row["places"] += 1
            row["false alarms" if o.said == "wrong" else o.said] += 1
            continue
        if not o.shown:
            continue
        row["shown in"] += 1
        if o.said == "wrong":
            caught.add((o.family, o.rule))
            row["caught"] += 1
            row["located"] += o.located
            row[{"truly": "named truly"}.get(o.named, o.named)] += 1
        else:
            row["missed" if o.said == "accepted" else o.said] += 1
    columns = RIGHT if right else WRONG
    lines = []
    for family, row in rows.items():
        row[columns[0]] = len(rules_of[family])
        if not right:
            row["rules never caught"] = len(rules_of[family]) - len({r for f, r in caught if f == family})
        lines.append((family, *(str(row[c]) for c in columns)))
    total = ("all", *(str(sum(int(line[k]) for line in lines)) for k in range(1, len(columns) + 1)))
    return [("family", *columns), *lines, total]


def shown(lines: list[tuple[str, ...]]) -> str:
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, tuple("---" for _ in head), *rest])


def torch_says(rule: Rule, right: bool, number: int) -> str:
    """Give the rule to torch.autograd.gradcheck, as a Function around the NumPy rule."""
    import torch

    op, arrays = rules(rule.right() if right else rule.wrong()), rule.arrays(number)
    constant = constants(rule, arrays)

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            numbers = [x.detach().numpy() for x in inputs]
            value = np.array(op.forward(*numbers))
            ctx.kept = (numbers, value)
            return torch.from_numpy(value)

        @staticmethod
        def backward(ctx: Any, delta: Any) -> Any:
            numbers, value = ctx.kept
            got = as_tuple(op.backward(delta.numpy().copy(), value, *numbers), len(numbers))
            return tuple(None if g is None else torch.from_numpy(np.array(g)) for g in got)

    tensors = [torch.from_numpy(np.array(x)).requires_grad_(i not in constant) for i, x in enumerate(arrays)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return "accepted" if torch.autograd.gradcheck(Wrapped.apply, tensors, raise_exception=False) else "wrong"
        except Exception:
            return "crash"


def jax_says(rule: Rule, right: bool, number: int) -> str:
    """Give the rule to jax's check_grads, as a custom_vjp around a callback to the NumPy rule."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    op, arrays = rules(rule.right() if right else rule.wrong()), rule.arrays(number)
    constant = constants(rule, arrays)
    free = [i for i in range(len(arrays)) if i not in constant]
    value = np.asarray(op.forward(*(x.copy() for x in arrays)))

    def whole(inputs: Any) -> list[np.ndarray]:
        given = dict(zip(free, inputs, strict=True))
        return [np.array(given.get(i, x)) for i, x in enumerate(arrays)]

    def forward(*inputs: Any) -> np.ndarray:
        return np.array(op.forward(*whole(inputs)), dtype=float)

    def backward(delta: Any, out: Any, *inputs: Any) -> tuple[np.ndarray, ...]:
        got = as_tuple(op.backward(np.array(delta), np.array(out), *whole(inputs)), len(arrays))
        return tuple(np.zeros(arrays[i].shape) if got[i] is None else np.array(got[i], dtype=float) for i in free)

    @jax.custom_vjp
    def wrapped(*inputs: Any) -> Any:
        return jax.pure_callback(forward, jax.ShapeDtypeStruct(value.shape, float), *inputs)

    def ahead(*inputs: Any) -> Any:
        out = wrapped(*inputs)
        return out, (out, inputs)

    def back(kept: Any, delta: Any) -> Any:
        shapes = tuple(jax.ShapeDtypeStruct(arrays[i].shape, float) for i in free)
        return jax.pure_callback(backward, shapes, delta, kept[0], *kept[1])

    wrapped.defvjp(ahead, back)
    with np.errstate(all="ignore"):
        try:
            check_grads(wrapped, tuple(arrays[i] for i in free), order=1, modes=["rev"])
        except AssertionError:
            return "wrong"
        except Exception:
            return "crash"
    return "accepted"


def others(families: Iterable[Any], says: Callable[[Rule, bool, int], str]) -> list[tuple[str, ...]]:
    """Return for each family how many (rule, inputs) another checker catches, and how many right ones it refuses."""
    lines = []
    for family in families:
        row: Counter[str] = Counter()
        for rule in family:
            for number in range(3):
                if wrong_slots(rule, number, 0):
                    row[f"wrong {says(rule, False, number)}"] += 1
        for rule in {rule.case: rule for rule in family}.values():
            for number in range(3):
                row[f"right {says(rule, True, number)}"] += 1
        keys = ("wrong wrong", "wrong accepted", "wrong crash", "right accepted", "right wrong", "right crash")
        lines.append((family.name, *(str(row[k]) for k in keys)))
    total = ("all", *(str(sum(int(line[k]) for line in lines)) for k in range(1, 7)))
    head = ("family", "caught", "missed", "crash", "right accepted", "right refused", "right: crash")
    return [head, *lines, total]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--family", action="append", choices=[f.name for f in FAMILIES], help="may be given several times"
    )
    parser.add_argument("--json", help="write every outcome to this file")
    parser.add_argument("--list", action="store_true", help="list misses, misnamings, false alarms, what was not built")
    parser.add_argument("--torch", action="store_true", help="torch.autograd.gradcheck too, if torch is installed")
    parser.add_argument("--jax", action="store_true", help="jax.test_util.check_grads too, if jax is installed")
    options = parser.parse_args()
    families = [f for f in FAMILIES if not options.family or f.name in options.family]
    started = time.perf_counter()
    found: list[Outcome] = []
    sets = {"First": FIRST, "Second": SECOND, "Third": THIRD, "Fourth": FOURTH, "Fifth": FIFTH, "Sixth": SIXTH}
    for name, whole in sets.items():
        if part := [f for f in families if f in whole]:
            said = run(part, options.seeds)
            for of, right in (("wrong", False), ("right", True)):
                print(f"{name} set: {of} rules\n\n{shown(table(said, right=right))}\n", flush=True)
            found += said
    print(f"{len(found)} checks in {time.perf_counter() - started:.0f} s")
    if options.list:
        for o in found:
            good = (
                o.said == "accepted"
                if o.right
                else not o.shown or (o.said == "wrong" and o.located and o.named == "truly")
            )
            if not good:
                what = "right " + o.case if o.right else f"{o.rule} ({o.kind})"
                print(
                    f"{o.family}: {what}, {o.place}: {o.said} {'' if o.said != 'wrong' else o.named}: {o.words[:200]!r}"
                )
    if options.json:
        with open(options.json, "w") as file:
            json.dump([asdict(o) for o in found], file, indent=1)
    for name, says, wanted in (("torch", torch_says, options.torch), ("jax", jax_says, options.jax)):
        if wanted:
            try:
                __import__(name)
            except ImportError:
                print(f"\n{name} is not installed")
                continue
            print(f"\n{name}\n\n" + shown(others(families, says)))


if __name__ == "__main__":
    main()
