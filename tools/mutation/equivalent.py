"""Mutants that behave as the original does, or differ in what is left open, each with its reason."""

SPEED = "another way, or a longer one, to the same result: a matter of speed"
RANDOM = "another draw of numbers that may be any"
PLACE = "another place on the way of a step, or one beside it, of eight"
SECOND_LOOK = "more or fewer entries get a second look, by steps of all lengths, and that decides"

EQUIVALENT: dict[tuple[str, str, str], str] = {
    ("cuts.py", "", "TRIED = 16000"): SPEED,
    ("cuts.py", "OpCall", "multiply_adds: float = 1"): SPEED,
    ("cuts.py", "Search._places", "np.where(moves, 0, -1000)"): "any negative number stands for no slab",
    ("cuts.py", "Search._places", "np.indices(self._far.shape, sparse=False)"): SPEED,
    ("differences.py", "", "CLOSER_LOOKS = 50000"): SPEED,
    ("differences.py", "", "COMPLEX_STEP = 1e-97"): "any step far below rounding",
    ("differences.py", "", "LONGER = (10, 100000)"): SECOND_LOOK,
    ("differences.py", "", "TREADS = np.array([-0.87, +0.61, -0.43, -0.22, 0.19, 0.37, 0.66, 0.91])"): PLACE,
    ("differences.py", "", "TREADS = np.array([-0.87, -0.61, -430.0, -0.22, 0.19, 0.37, 0.66, 0.91])"): PLACE,
    ("differences.py", "_Slopes.best", "share + 1000000000000.0"): "any number above all shares that there are",
    ("differences.py", "_drop_stairs", "offset - step * 0.01"): "of each place one side of two is looked at",
    ("differences.py", "_drop_stairs", "still[1] & ~still.all(axis=0)"): "the shortest step alone makes no plateau",
    (
        "differences.py",
        "judge",
        "response: Response, rule: Numbers, entries: Numbers, *, step: float | None=None, complex_step: bool=True, clear: "
        "float=BLUR, scale: float=1.0",
    ): SECOND_LOOK,
    ("differences.py", "not_analytic", "rng.permutation(response.array.size)[:4000]"): SPEED,
    ("methods.py", "Settings.__post_init__", "self.rng.random(7000)"): RANDOM,
    ("methods.py", "", "HALVINGS = 100000"): "above the depth of the halving any number will do",
    (
        "methods.py",
        "moved_along",
        "Response(calls, values, source, response.directions, response.checked, budget=1)",
    ): SPEED,
    (
        "report.py",
        "Report.to_json",
        "json.dumps(self.to_dict(), indent=spaces, ensure_ascii=False, allow_nan=True)",
    ): "nothing that is not finite is left: it is said once more",
    ("responses.py", "", "AT_ONCE = 1000 << 17"): SPEED,
    ("responses.py", "", "AT_ONCE = 1 << 17000"): SPEED,
    ("responses.py", "", "_FEW = 1000 << 16"): SPEED,
    ("responses.py", "", "_FEW = 1 << 16000"): SPEED,
    ("responses.py", "Response.__init__", "np.random.default_rng(1)"): RANDOM,
    (
        "responses.py",
        "_agrees",
        "np.allclose(expected, result.data[i], rtol=1e-10, atol=1e-297, equal_nan=True)",
    ): "both are next to nothing",
    (
        "responses.py",
        "_agrees",
        "np.allclose(expected, result.data[i], rtol=1e-10, atol=1e-300, equal_nan=False)",
    ): SPEED,
    ("responses.py", "Response._groups", "most = len(entries) or 1000"): "how many of no entries move at once",
    (
        "responses.py",
        "Response._versions",
        "np.full((len(arrays), cut.slabs + 1000), -1)",
    ): "room for more slabs than there are",
    (
        "responses.py",
        "Response._versions",
        "np.full((len(arrays), cut.slabs + 1), -1000)",
    ): "any negative number stands for no version",
    ("whole.py", "_weighted", "node / rng.normal(size=known(node.shape, 'a gradient'))"): RANDOM,
    ("evidence.py", "", "MOST_CONTRIBUTIONS = 100000000"): SPEED,
    (
        "signatures.py",
        "_delta_forgotten",
        "others = [e.given(delta=delta) for delta in (2 / e.delta, np.ones_like(e.delta))]",
    ): "any other delta will do",
    (
        "signatures.py",
        "_delta_forgotten",
        "others = [e.given(delta=delta) for delta in (2000 * e.delta, np.ones_like(e.delta))]",
    ): "any other delta will do",
    ("probes.py", "_matmul", "x.ndim == y.ndim == 2000"): SPEED,
    ("composites.py", "_on_nodes", "node is expansion.output and node.op is None"): SPEED,
    (
        "scalars.py",
        "Stamping._depths",
        "depths, sources = ([1] * self.first, iter(self.sources.tolist()))",
    ): "which of two is deeper is all that is asked",
    ("leaves.py", "_masked", "parts and depth <= 64000"): SPEED,
    ("op.py", "_floating", "lru_cache(maxsize=1024000)"): SPEED,
    ("shapes.py", "as_shape", "1 <= size <= LARGEST_COUNT"): SPEED,
}
"""{(file, function, what the expression becomes): why}. An expression that has changed since is not excused."""
