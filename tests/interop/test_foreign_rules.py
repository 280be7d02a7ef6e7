"""Rules written for PyTorch and JAX, judged where they are."""

import functools
import pickle

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, GradientCheckError, GraphError, RuleError

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
jnp = jax.numpy
F = torch.nn.functional
pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


class Saves(torch.autograd.Function):
    """Right: a tanh, in the old form."""

    @staticmethod
    def forward(ctx, z):
        a = torch.tanh(z)
        ctx.save_for_backward(a)
        return a

    @staticmethod
    def backward(ctx, grad):
        (a,) = ctx.saved_tensors
        return grad * (1 - a * a)


class Modern(torch.autograd.Function):
    """Right: its context is set up elsewhere, and it has settings among its arguments."""

    @staticmethod
    def forward(x, y, power, positions):
        return x**power * y, y[positions]

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, y, ctx.power, ctx.positions = inputs
        ctx.save_for_backward(x, y)

    @staticmethod
    def backward(ctx, grad, picked):
        x, y = ctx.saved_tensors
        to_y = grad * x**ctx.power
        return grad * y * ctx.power * x ** (ctx.power - 1), to_y.index_add(0, ctx.positions, picked), None, None


def function(forward, backward):
    """Make a class of two rules over (saved inputs and output)."""

    def run(ctx, *inputs):
        output = forward(*inputs)
        ctx.save_for_backward(*inputs, output)
        return output

    return type(
        "Planted",
        (torch.autograd.Function,),
        {"forward": staticmethod(run), "backward": staticmethod(lambda ctx, grad: backward(grad, *ctx.saved_tensors))},
    )


WRONG = {
    "input for output": (
        torch.tanh,
        lambda g, z, a: g * (1 - z * z),
        [(3, 4)],
        "reads the input where the cached output",
    ),
    "sign": (torch.sin, lambda g, z, a: -g * torch.cos(z), [(5,)], "sign"),
    "factor": (lambda x: (x * x).sum() / 2, lambda g, x, a: 2 * g * x, [(4,)], "factor"),
    "delta forgotten": (torch.exp, lambda g, z, a: a, [(4,)], "δ"),
    "swapped": (lambda x, y: x * y, lambda g, x, y, a: (g * x, g * y), [(4,), (4,)], "swapped"),
    "mean as sum": (lambda x: x.mean(1), lambda g, x, a: g[:, None].expand_as(x), [(3, 4)], "factor"),
    "transposed": (lambda x, w: x @ w, lambda g, x, w, a: (g @ w, x.T @ g), [(3, 3), (3, 3)], "transpose"),
    "softmax's diagonal alone": (lambda z: torch.softmax(z, 1), lambda g, z, a: g * a * (1 - a), [(3, 4)], ""),
    "none": (lambda x, y: x * y, lambda g, x, y, a: (g * y, None), [(4,), (4,)], ""),
    "needs gapless delta": (
        lambda x: 2 * x,
        lambda g, x, a: 2 * torch.as_strided(g, g.shape, (1,)),
        [(5,)],
        "lies in memory with gaps",
    ),
    "views delta": (lambda x: 2 * x, lambda g, x, a: (2 * g.view(-1)).view(x.shape), [(3, 4)], "anyhow in memory"),
    "writes into delta": (torch.exp, lambda g, z, a: g.mul_(a), [(4,)], "into an array it was given"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_of_torch_is_named(name, rng):
    forward, backward, shapes, said = WRONG[name]
    report = gn.check_op(function(forward, backward), *[torch.tensor(rng.normal(size=shape)) for shape in shapes])
    assert report.failures or report.broken
    assert said in report.verdict
    assert "test_foreign_rules.py:" in report.verdict


RIGHT = {
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "log_softmax": functools.partial(F.log_softmax, dim=1),
    "layer_norm": functools.partial(F.layer_norm, normalized_shape=(4,)),
    "erf": torch.erf,
    "cumsum": functools.partial(torch.cumsum, dim=1),
    "logsumexp": functools.partial(torch.logsumexp, dim=0),
    "svdvals": torch.linalg.svdvals,
    "linear": torch.nn.Linear(4, 2).double(),
    "single": torch.nn.Linear(4, 2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_rule_of_torch_is_right(name, rng):
    report = gn.check_op(RIGHT[name], rng.normal(size=(3, 4)))
    assert report.ok, report.verdict
    assert ("computed in float32" in report.verdict) == (name == "single")


def test_several_inputs_outputs_and_settings(rng):
    report = gn.check_op(Modern, torch.rand(4) + 0.5, rng.normal(size=4), 3, torch.tensor([2, 0, 2]))
    assert report.ok, report.verdict
    assert {finding.label for finding in report.findings} == {"Modern alone, output 0", "Modern alone, output 1"}
    assert {finding.input.partition(":")[0] for finding in report.findings} == {"x", "y"}
    assert gn.check_op(Modern.apply, torch.rand(4) + 0.5, rng.normal(size=4), 3, torch.tensor([1, 1, 0])).ok


def test_float32_tensors_are_checked_in_float64_where_the_rule_allows():
    report = gn.check_op(Saves, torch.linspace(-2, 2, 5))
    assert report.ok
    assert "float32" not in report.verdict


def test_foreign_ops_stand_in_graphs(rng):
    x, W = gn.input("x", shape=(None, 3)), gn.parameter("W", rng.normal(size=(3, 2)))
    for op in (gn.torch_op(Saves), gn.jax_op(jnp.tanh)):
        E = gn.sum(gn.square(op(x @ W, name="h")))
        assert gn.check_gradients(E, {x: rng.normal(size=(4, 3))}).ok
        feeds = {x: rng.normal(size=(4, 3))}
        ours = gn.backward(gn.sum(gn.square(gn.tanh(x @ W))), feeds).gradient(W)
        np.testing.assert_allclose(gn.backward(E, feeds).gradient(W), ours, rtol=1e-12)
        np.testing.assert_allclose(gn.compile(E)(feeds)[1]["W"], ours, rtol=1e-12)
        assert "h" in gn.draw(E).to_text()
    z = np.linspace(-1, 1, 3)
    np.testing.assert_allclose(gn.torch_op(F.leaky_relu, negative_slope=0.3)(z), np.where(z > 0, z, 0.3 * z))
    assert pickle.loads(pickle.dumps(gn.torch_op(Saves)))(z) == pytest.approx(np.tanh(z))


def test_one_output_of_several(rng):
    x, y = rng.uniform(1, 2, size=3), rng.normal(size=3)
    picked = gn.torch_op(lambda x, y: Modern.apply(x, y, 2, torch.tensor([0])), output=1)
    np.testing.assert_array_equal(picked(x, y), y[:1])


@jax.custom_vjp
def scaled_sine(x, y):
    return jnp.sin(x) * y


def _forward(x, y):
    return scaled_sine(x, y), (x, y)


scaled_sine.defvjp(_forward, lambda held, g: (g * jnp.cos(held[0]) * held[1], g * jnp.cos(held[0])))


@jax.custom_vjp
def right_sine(x):
    return jnp.sin(x)


right_sine.defvjp(lambda x: (right_sine(x), x), lambda x, g: (g * jnp.cos(x),))


@jax.custom_jvp
def doubled(x):
    return jnp.exp(x)


doubled.defjvp(lambda primals, tangents: (doubled(*primals), 2 * tangents[0] * doubled(*primals)))


def test_foreign_rules_jax(rng):
    z = rng.normal(size=(3, 2))
    report = gn.check_op(scaled_sine, z, rng.normal(size=(3, 2)))
    assert [finding.slot for finding in report.failures] == [1]
    assert "scaled_sine" in report.verdict
    assert gn.check_op(right_sine, z).ok
    assert "factor" in gn.check_op(doubled, jnp.asarray(z)).verdict
    for right in (jax.nn.gelu, jax.nn.softmax, jnp.linalg.inv, lambda t: (jnp.sin(t), t.sum(0))):
        report = gn.check_op(right, z if right is not jnp.linalg.inv else z[:2] + 3 * np.eye(2))
        assert report.ok, report.verdict


def test_plain_functions_are_told_apart_by_what_they_return(rng):
    z = rng.normal(size=4)
    assert gn.check_op(lambda t: torch.sin(t), z).ok
    assert gn.check_op(lambda t: jnp.sin(t), z).ok
    with pytest.raises(GraphError, match="applied to these arrays"):
        gn.check_op(lambda t: t.nothing, z)


def test_what_fails_says_so():
    with pytest.raises(RuleError, match="gave no real numbers"):
        gn.check_op(Saves, "text")
    with pytest.raises(GraphError, match="function of torch"):
        gn.torch_op(3)
    with pytest.raises(GraphError, match="output"):
        gn.torch_op(Saves, output=-1)


# A whole model ------------------------------------------------------------------------------------------------------


@torch.library.custom_op("graphnet_tests::square", mutates_args=())
def square(x: torch.Tensor) -> torch.Tensor:
    return x * x


FACTOR = [3.0]


def back_through_square(ctx, grad):
    return FACTOR[0] * grad * ctx.saved_tensors[0]


LINE_OF_SQUARE = back_through_square.__code__.co_firstlineno
square.register_autograd(
    back_through_square,
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
)
Bad = function(torch.tanh, lambda g, z, a: g * (1 - z * z))
kept_at_import = Bad.apply


class Net(torch.nn.Module):
    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.norm, self.fc2 = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
        self.activation = activation

    def forward(self, x):
        return square(self.fc2(self.activation(self.norm(self.fc1(x)))))


def test_of_a_model_the_rules_called_are_judged_and_the_whole(rng):
    FACTOR[0] = 3.0
    model, x = Net(kept_at_import), torch.randn(5, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = gn.check_torch(model, x)
    assert {finding.label for finding in report.failures if finding.local} == {
        "Planted, call 1",
        "square, call 1",
    }
    assert "reads the input where the cached output" in report.verdict
    assert "constant factor: ratio 1.5" in report.verdict
    assert f"test_foreign_rules.py:{LINE_OF_SQUARE}" in report.verdict
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(GradientCheckError):
        report.raise_if_failed()
    FACTOR[0] = 2.0
    report = gn.check_torch(Net(Saves.apply), x)
    assert report.ok, report.verdict
    ends = {finding.label for finding in report.findings if not finding.local}
    assert {"x", "fc1/weight", "norm/bias", "fc2/bias"} <= ends


class Shelved(Saves):
    """Wrong: what the way back needs is kept where the next call puts its own."""

    @staticmethod
    def forward(ctx, z):
        Shelved.kept = torch.tanh(z)
        return Shelved.kept.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * (1 - Shelved.kept**2)


def test_what_a_call_leaves_for_the_way_back_of_another_is_found(rng):
    report = gn.check_op(Shelved, rng.normal(size=(3, 4)))
    assert "depends on state that the forward rule leaves behind" in report.verdict
    assert "the backward rule of Shelved" in report.verdict


def test_an_operator_of_torch_library_is_judged_by_its_own_name(rng):
    FACTOR[0] = 3.0
    verdict = gn.check_op(square, rng.normal(size=4)).verdict
    assert "the backward rule of square" in verdict
    assert "(x: x)" in verdict
    assert f"test_foreign_rules.py:{LINE_OF_SQUARE}" in verdict


def dense(params, x):
    return jnp.tanh(x @ params["w"] + params["b"])


def dense_rule(reduce):
    """Make a rule whose first argument holds two arrays."""
    rule = jax.custom_vjp(dense)

    def back(held, d):
        params, x, a = held
        d = d * (1 - a * a)
        return {"w": x.T @ d, "b": reduce(d, 0)}, d @ params["w"].T

    rule.defvjp(lambda params, x: (dense(params, x), (params, x, dense(params, x))), back)
    return rule


def test_arrays_within_dicts_and_lists_are_judged_too(rng):
    params, x = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}, rng.normal(size=(4, 3))
    assert gn.check_op(dense_rule(jnp.sum), params, x).ok
    report = gn.check_op(dense_rule(jnp.mean), params, x)
    assert [finding.input for finding in report.failures] == ["params/b: params/b"]
    assert "ratio 0.25" in report.verdict
    report = gn.check_jax(lambda params, x: jnp.sum(dense(params, x) ** 2), params, x)
    assert report.ok
    assert {finding.label for finding in report.findings} == {"params/b", "params/w", "x"}

    def of_torch(weights, batch):
        return {"loss": ((torch.tanh(batch["x"] @ weights[0]) - batch["t"]) ** 2).sum(), "name": "mse"}

    report = gn.check_torch(of_torch, [torch.randn(3, 2)], {"x": x, "t": torch.randn(4, 2)})
    assert report.ok
    assert {finding.label for finding in report.findings} == {"weights/0", "batch/x", "batch/t"}
    assert pickle.loads(pickle.dumps(gn.check_op(F.linear, torch.randn(2, 3), torch.randn(4, 3)))).ok


class Doubles(Saves):
    """Wrong: it has the forward rule of another, and a backward rule of its own."""

    @staticmethod
    def backward(ctx, grad):
        return 2 * Saves.backward(ctx, grad)


def test_a_rule_that_inherits_its_forward_rule_is_judged_by_its_own_name():
    report = gn.check_torch(lambda z: Saves.apply(Doubles.apply(z)).sum(), torch.randn(5, 3))
    assert {finding.label for finding in report.failures if finding.local} == {"Doubles, call 1"}
    assert [finding.label for finding in report.findings if finding.local] == ["Doubles, call 1", "Saves, call 1"]
    assert "forward" not in vars(Doubles)


def test_a_module_in_float32_may_be_given_an_array_in_float64(rng):
    FACTOR[0] = 2.0
    assert gn.check_torch(Net(Saves.apply), rng.normal(size=(5, 3))).ok


def test_a_cut_in_a_model_is_found_from_end_to_end():
    def cut(x, w):
        return ((x @ w.detach()) ** 2).sum() + w.sum()

    report = gn.check_torch(cut, torch.randn(2, 3), torch.randn(3, 2))
    assert [finding.label for finding in report.failures] == ["w"]


def test_of_a_function_of_jax_too(rng):
    def loss(x, W):
        return jnp.sum(jax.nn.relu(doubled(scaled_sine(x @ W, x @ W))))

    x, W = rng.normal(size=(3, 2)), rng.normal(size=(2, 2))
    for f in (loss, jax.jit(loss)):
        report = gn.check_jax(f, x, W)
        local = {finding.label for finding in report.failures if finding.local}
        assert {"scaled_sine, call 1", "doubled, call 1"} <= local
    report = gn.check_jax(lambda x, W: jnp.sum(jax.nn.relu(right_sine(x @ W))), x, W)  # relu's rule is JAX's own
    assert report.ok, report.verdict
    assert sum(finding.local for finding in report.findings) == 1


X = np.array([[0.5, 1.0], [2.0, 3.0]])
TAKEN = {
    "float64 of torch": lambda: torch.tensor(X),
    "float32 of torch": lambda: torch.tensor(X).float(),
    "integers of torch": lambda: torch.tensor([[1, 2], [3, 4]], dtype=torch.int32),
    "an array of jax": lambda: jnp.asarray(X),
    "integers of jax": lambda: jnp.ones((2, 2), int),
    "a list of tensors": lambda: list(torch.tensor(X)),
}
REFUSED = {
    "bfloat16 of torch": lambda: torch.tensor(X).bfloat16(),
    "float16 of torch": lambda: torch.tensor(X).half(),
    "a list of bfloat16": lambda: list(torch.tensor(X).bfloat16()),
    "one with a gradient": lambda: torch.tensor(X, requires_grad=True),
    "truth values of torch": lambda: torch.tensor(X) > 1,
    "a complex one": lambda: torch.tensor(X) + 1j,
    "a sparse one": lambda: torch.tensor(X).to_sparse(),
    "one without numbers": lambda: torch.empty(2, 2, device="meta"),
    "bfloat16 of jax": lambda: jnp.asarray(X, jnp.bfloat16),
}


@pytest.mark.parametrize("name", [*TAKEN, *REFUSED])
def test_arrays_of_other_libraries_are_fed_or_refused_by_the_inputs_name(name):
    x = gn.input("x", (None, 2))
    y = np.tanh(x)
    if name in TAKEN:
        fed = TAKEN[name]()
        value = np.stack([np.asarray(row) for row in fed]) if isinstance(fed, list) else np.asarray(fed)
        np.testing.assert_allclose(gn.forward(y, {x: fed})[y], np.tanh(value.astype(float)), rtol=1e-6)
    else:
        with pytest.raises(DtypeError, match="the feed of input 'x'"):
            gn.forward(y, {x: REFUSED[name]()})


def test_the_repair_for_bfloat16_works():
    x = gn.input("x", (None, 2))
    fed = torch.tensor(X).bfloat16().detach().cpu().float().numpy()
    assert gn.forward(np.tanh(x), {x: fed})


def test_what_can_not_be_called_is_no_rule_even_where_it_can_not_be_shown():
    class Unshown:
        def __repr__(self):
            raise RuntimeError("no repr")

    with pytest.raises(GraphError, match="expected an op, got a Unshown"):
        gn.check_op(Unshown(), np.ones(2))
