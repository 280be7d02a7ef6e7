"""Networks of PyTorch as graphs: values and gradients are torch's own, also of batches of other sizes."""

import pickle

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, GraphError, OpaqueError, RuleError

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]  # torch.export warns of itself


class Residual(nn.Module):
    """A block of a ResNet for small images; a stack of them is one."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        self.short = nn.Sequential()
        if stride != 1 or channels != out:
            self.short = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.short(x))


class ResNet18(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        blocks, before = [], width
        for stage in range(4):
            for n in range(2):
                blocks.append(Residual(before, width * 2**stage, 2 if stage and not n else 1))
                before = width * 2**stage
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(before, 10)

    def forward(self, x):
        return self.head(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


class Separable(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise, self.pointwise = nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 6, 1)
        self.norm, self.out = nn.GroupNorm(2, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.out(F.max_pool2d(F.relu6(self.norm(self.pointwise(self.depthwise(x)))), 3, 2, 1).mean((2, 3)))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm(6)
        self.gate, self.up, self.down = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, x):
        h = self.norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Classifier(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cells, self.out = kind(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.cells(x)[0][:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, activation="gelu")
        self.embed, self.layers = nn.Embedding(10, 4), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.layers(self.embed(x)).mean(1)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(7, 5), nn.Linear(5, 7, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x):
        return self.out(torch.tanh(self.embed(x)))


class Distances(nn.Module):
    """How near points are to others: both operands stretch, along axes that they were reshaped to."""

    def __init__(self):
        super().__init__()
        self.others = nn.Parameter(torch.randn(5, 3))

    def forward(self, x):
        return torch.exp(-torch.square(x.reshape(-1, 1, 3) - self.others.reshape(1, 5, 3)).sum(-1))


def images(n, channels=1, size=16):
    return torch.randn(n, channels, size, size)


LENET = nn.Sequential(
    *(nn.Conv2d(1, 4, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Flatten(), nn.Linear(24, 10), nn.LogSoftmax(1)),
)
NETWORKS = {
    "mlp": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ELU(), nn.LayerNorm(4), nn.Linear(4, 2)),
        lambda n: torch.randn(n, 3),
    ),
    "lenet": (lambda: LENET, images),
    "resnet": (ResNet18, lambda n: images(n, 3, 16)),
    "separable": (Separable, lambda n: images(n, 4, 8)),
    "gated": (Gated, lambda n: torch.randn(n, 6)),
    "gru": (lambda: Classifier(nn.GRU), lambda n: torch.randn(n, 3, 3)),
    "lstm": (lambda: Classifier(nn.LSTM), lambda n: torch.randn(n, 2, 3)),
    "transformer": (Transformer, lambda n: torch.randint(0, 10, (n, 3))),
    "distances": (Distances, lambda n: torch.randn(n, 3)),
    "tied": (Tied, lambda n: torch.randint(0, 7, (n, 2))),
}


def agree(module, graph, *tensors, rtol):
    """Compare outputs, and the gradients of parameters and inputs for a random error signal, with torch's."""
    leaves = [each.requires_grad_() if each.is_floating_point() else each for each in tensors]
    module.zero_grad()
    output = module(*leaves)
    delta = torch.randn_like(output)
    output.backward(delta)
    feeds = dict(zip(graph.inputs, (each.detach().numpy() for each in tensors), strict=True))
    bwd = gn.backward(graph, feeds, delta=delta.numpy())
    np.testing.assert_allclose(bwd[graph.outputs[0]], output.detach().numpy(), rtol=rtol, atol=rtol)
    for name, parameter in module.named_parameters():
        theirs = parameter.grad.numpy()
        mine = bwd.gradient(name.replace(".", "/"))
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=rtol * max(1, np.abs(theirs).max()), err_msg=name)
    for node, leaf in zip(graph.inputs, leaves, strict=True):
        if leaf.requires_grad:
            np.testing.assert_allclose(bwd.error_signal(node), leaf.grad.numpy(), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_torchs(name):
    torch.manual_seed(0)
    make, batch = NETWORKS[name]
    module = make().double().eval()

    def double(tensor):
        return tensor.double() if tensor.is_floating_point() else tensor

    graph = gn.from_torch(module, double(batch(2)))
    agree(module, graph, double(batch(3)), rtol=1e-12)
    single = module.float()
    if name in ("mlp", "gated"):
        agree(single, gn.from_torch(single, batch(2)), batch(5), rtol=1e-5)
    assert [p.name for p in graph.parameters] == list(
        dict.fromkeys(
            p.name for p in graph.parameters if p.name in {n.replace(".", "/") for n, _ in module.named_parameters()}
        )
    )


def test_what_is_built_is_a_graph_like_others():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    graph = gn.from_torch(module, torch.ones(2, 3).double())
    E = gn.sse(graph.outputs[0], np.zeros((2, 1)), name="E")
    feeds = {graph.inputs[0]: np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]])}
    assert gn.check_gradients(E, feeds).ok
    assert "∂E/∂" in str(gn.derive(E, graph["0/weight"]))
    drawing = gn.draw(gn.backward(E, feeds))
    assert "0/weight" in drawing.to_text() or "weight" in drawing.to_text()
    assert gn.draw(gn.backward(E, feeds), view="units").picture.columns


class Detached(nn.Module):
    def forward(self, x):
        return x * x.sin().detach()


def test_no_error_signal_comes_back_from_what_is_detached():
    x = torch.rand(3, 2).double()
    agree(Detached(), gn.from_torch(Detached(), x), x.clone(), rtol=1e-12)


def cube(factor):
    """Make a Function for w·x³, summed too; its rule for x is `factor` times x², right for 3."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, power):
            ctx.save_for_backward(x, w)
            return w * x**power, torch.special.i0(x)

        @staticmethod
        def backward(ctx, delta, other):
            x, w = ctx.saved_tensors
            return delta * w * factor * x**2 + other * torch.special.i1(x), (delta * x**3).sum(0), None

    return Cube


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.inner, self.w, self.apply_it = nn.Linear(3, 2), nn.Parameter(torch.tensor([0.5, 2.0])), function.apply

    def forward(self, x):
        cubes, others = self.apply_it(self.inner(x), self.w, 3)
        return torch.tanh(cubes) + others


@pytest.mark.parametrize("factor", [3, 2])
def test_a_function_of_ones_own_is_a_node_with_its_rule_right_or_wrong(factor):
    torch.manual_seed(0)
    module = Calls(cube(factor)).double()
    graph = gn.from_torch(module, torch.rand(2, 3).double())
    agree(module, graph, torch.rand(4, 3).double(), rtol=1e-12)  # torch's gradients are wrong where the rule is
    feeds = {graph.inputs[0]: np.random.default_rng(0).random((4, 3))}
    report = gn.check_gradients(gn.sse(graph.outputs[0], np.zeros((4, 2))), feeds)
    assert [each.op for each in report.findings if each.local and each.wrong] == ["Cube"] * (factor != 3)
    assert report.ok == (factor == 3)
    assert ("test_networks.py" in str(report)) == (factor != 3)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(x, by, others):
        return 2 * x * by, None if others is None else others[0]

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.by = inputs[1]

    @staticmethod
    def backward(ctx, delta, other):
        return -delta * ctx.by, None, None


class Within(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, by):
        return Doubled.apply(x, by, [x])[0] if by is None else 2 * x * by

    @staticmethod
    def backward(ctx, delta):
        return 5 * delta, None


class Of(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_what_is_known_of_a_batch_alone_makes_its_size_fixed():
    x = torch.rand(2, 3).double()
    for function in (lambda x: Within.apply(x, x.shape[0]), lambda x: x.sin() * int(x.shape[0])):
        graph = gn.from_torch(Of(function), x)
        assert graph.inputs[0].shape == (2, 3)
        agree(Of(function), graph, x.clone(), rtol=1e-12)


@pytest.mark.parametrize("others", [lambda x: [x], lambda x: None])
def test_a_function_that_can_be_no_node_is_named(others):
    with pytest.raises(OpaqueError, match="Doubled takes lists of tensors, or gives what is no tensor"):
        gn.from_torch(Of(lambda x: Doubled.apply(x, 3.0, others(x))[0]), torch.rand(2, 3))


def test_parameters_lie_in_the_scopes_of_their_layers():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2)).eval()
    graph = gn.from_torch(module, images(2, size=4))
    names = [name.replace(".", "/") for name, _ in module.named_parameters()]
    assert [graph[name].name for name in names] == names
    assert all(graph.scope(graph[name]) == name.partition("/")[0] for name in names)
    assert {graph.scope(each) for each in graph.constants if each.shape} == {"1"}  # the statistics


class Unusual(nn.Module):
    def forward(self, x):
        wide = F.conv_transpose3d(x[None, None, None], torch.ones(1, 1, 1, 2, 2, dtype=x.dtype))[0, 0, 0, 1:, 1:]
        return torch.special.i0(x) + torch.linalg.svdvals(x).sum() + wide


def test_what_has_no_counterpart_is_named_or_opaque():
    x = torch.rand(3, 2).double()
    with pytest.raises(OpaqueError, match=r"_linalg_svd, convolution \(a transposed .*\), i0"):
        gn.from_torch(Unusual(), x)
    graph = gn.from_torch(Unusual(), x, unsupported="opaque")
    agree(Unusual(), graph, x.clone(), rtol=1e-12)
    assert "i0" in gn.draw(graph).to_text()
    with pytest.raises(GraphError, match="unsupported"):
        gn.from_torch(Unusual(), x, unsupported="maybe")


def signals(n):
    return torch.randn(n, 4, 9).double()


def small_images(n):
    return torch.randn(n, 4, 7, 8).double()


WINDOWS = {
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, dilation=2), small_images),
    "transposed, of signals": (lambda: nn.ConvTranspose1d(4, 2, 3, stride=3, padding=1), signals),
    "adaptive, rows shared": (lambda: nn.AdaptiveAvgPool2d((3, 5)), small_images),
    "adaptive, to more": (lambda: nn.AdaptiveAvgPool2d((9, 3)), small_images),
    "adaptive, of signals": (lambda: nn.AdaptiveAvgPool1d(4), signals),
    "largest, rounded up": (lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), small_images),
    "largest, dilated": (lambda: nn.MaxPool2d(2, 2, dilation=2), small_images),
    "largest, of signals": (lambda: nn.MaxPool1d(3, 2, 1), signals),
    "means, rounded up": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), small_images),
    "means, padding not counted": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), small_images),
    "means, of signals": (lambda: nn.AvgPool1d(3, 2, 1), signals),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_slide_as_torchs_do(name):
    torch.manual_seed(0)
    make, batch = WINDOWS[name]
    module = make().double()
    agree(module, gn.from_torch(module, batch(2)), batch(3), rtol=1e-12)


class TwoInputs(nn.Module):
    def forward(self, first, second, third):
        return second - third * first, first


def test_inputs_and_outputs_are_in_the_order_of_the_module_also_in_files(tmp_path):
    examples = [torch.rand(2, 3).double() for _ in range(3)]
    graph = gn.from_torch(TwoInputs(), *examples)
    gn.save(tmp_path / "net.gn", graph)
    for each in (graph, gn.load(tmp_path / "net.gn"), pickle.loads(pickle.dumps(graph))):
        assert [node.name for node in each.inputs] == ["first", "second", "third"]
    fwd = gn.forward(graph, dict(zip(graph.inputs, (each.numpy() for each in examples), strict=True)))
    for node, theirs in zip(graph.outputs, TwoInputs()(*examples), strict=True):
        np.testing.assert_allclose(fwd[node], theirs.numpy())


def test_what_is_no_module_or_no_example_is_refused():
    linear = nn.Linear(3, 2)
    with pytest.raises(GraphError, match="from_torch got 3"):
        gn.from_torch(3)
    with pytest.raises(DtypeError, match="an example is 'text'"):
        gn.from_torch(linear, "text")
    with pytest.raises(OpaqueError, match="Give examples that it can be called with"):
        gn.from_torch(linear)
    with pytest.raises(RuleError, match="Linear of torch gave no real numbers"):
        gn.check_torch(linear, torch.ones(2, 5))


def test_training_mode_matters_where_there_is_dropout():
    with pytest.raises(GraphError, match="eval"):
        gn.from_torch(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), torch.ones(1, 2))


class Joined(nn.Module):
    """All outputs of a module, in one row."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *tensors):
        outputs = self.module(*tensors)
        return torch.cat([each.reshape(-1) for each in (outputs if isinstance(outputs, tuple) else [outputs])])


class Words(nn.Module):
    """An embedding with a padding, rotary positions, rows by their largest entry."""

    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(9, 4, padding_idx=2), nn.Linear(4, 3)

    def forward(self, x):
        places = torch.arange(x.shape[1])
        angles = torch.outer(places.double(), 10.0 ** -torch.arange(2).double())
        first, second = self.words(x).chunk(2, -1)
        turned = torch.cat(
            [first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], -1
        )
        return self.out(turned.max(1).values), turned.min(2).values.roll(1, 1)


class Similar(nn.Module):
    """All pairs of two batches, each of its own size."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(3, 2)

    def forward(self, x, y):
        return (self.map(x)[:, None] - self.map(y)[None]).pow(2).sum(-1), torch.einsum(
            "ni,mi->nm", self.map(x), self.map(y)
        )


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(5, 4)

    def forward(self, x, labels):
        z = self.map(x)
        one_hot = F.one_hot(labels, 4)
        return (
            F.cross_entropy(z, labels, label_smoothing=0.1),
            F.cross_entropy(z, labels, weight=torch.tensor([1.0, 2.0, 0.5, 1.0], dtype=z.dtype), ignore_index=3),
            F.cross_entropy(z @ z.T, torch.arange(4)),
            F.multi_margin_loss(z, labels),
            F.hinge_embedding_loss(z, 2 * one_hot - 1),
            torch.fmod(z, 0.3) + torch.remainder(z, 0.7),
            z.index_select(1, torch.tensor([2, 0])),
        )


class Excited(nn.Module):
    """Channels weighed by their means and maxima, and shifted by what is repeated for each sample; windows, a product."""

    def __init__(self):
        super().__init__()
        self.map, self.shift = nn.Linear(4, 4), nn.Parameter(torch.randn(4))

    def forward(self, x):
        n, channels = x.shape[:2]
        largest = F.adaptive_max_pool2d(x, 1)
        scale = torch.sigmoid(self.map(F.adaptive_avg_pool2d(x, 1).view(n, channels)) + self.map(largest.flatten(1)))
        shift = self.shift.repeat(n, 1) + self.shift[:2].repeat(n, 2)
        z = x * scale.view(n, channels, 1, 1).expand_as(x) + shift[:, :, None, None]
        patches = z.unfold(2, 4, 3).unfold(3, 3, 2)
        z = F.pad(z, (2, 1, 1, 1), mode="reflect")
        scale = scale * (3 * scale).long() + (scale > 0.5).double() * scale.bool()
        return z, F.adaptive_max_pool2d(z, (11, 5)), torch.cumprod(scale, 1), patches.contiguous().view(n, -1, 12) ** 2


WRITTEN = {
    "excited": (Excited, lambda n: [torch.randn(n, 4, 9, 7)], (2, 5)),
    "words": (Words, lambda n: [torch.randint(0, 9, (n, 5))], (3, 5)),
    "pairs": (Similar, lambda n: [torch.randn(n, 3), torch.randn(n + 2, 3)], (3, 4)),
    "labels": (Labelled, lambda n: [torch.randn(n, 5), torch.arange(n) % 4], (4,)),
    "enlarged": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 3, 1), nn.Upsample(scale_factor=2), nn.Upsample((9, 7), mode="bilinear"),
            nn.Upsample(scale_factor=0.5, mode="bilinear", align_corners=True), nn.InstanceNorm2d(3, affine=True),
        ),
        lambda n: [small_images(n)],
        (3, 5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_modules_as_people_write_them(name):
    make, examples, sizes = WRITTEN[name]
    torch.manual_seed(3)
    module = Joined(make()).double().eval()
    tensors = [each.double() if each.is_floating_point() else each for each in examples(4)]
    graph = gn.from_torch(module, *tensors)
    for n in sizes:
        agree(module, graph, *[each.double() if each.is_floating_point() else each for each in examples(n)], rtol=1e-12)


class Opaque(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag, self.map = nn.EmbeddingBag(9, 3), nn.Linear(3, 3)

    def forward(self, x):
        z = self.map(self.bag(x))
        values, places = z.topk(2, 1)
        square = z[:, :, None] * z[:, None] + 3 * torch.eye(3, dtype=z.dtype)
        return values + z.gather(1, places), torch.logdet(square), torch.linalg.cholesky(square)


def test_calls_that_take_or_give_integers_or_assert_can_be_opaque():
    torch.manual_seed(3)
    module, x = Joined(Opaque()).double().eval(), torch.randint(0, 9, (4, 6))
    with pytest.raises(
        OpaqueError, match="no counterpart here: _embedding_bag, _linalg_slogdet, linalg_cholesky_ex, topk"
    ):
        gn.from_torch(module, x)
    agree(module, gn.from_torch(module, x, unsupported="opaque"), x, rtol=1e-12)


class Uneven(nn.Module):
    def forward(self, x):
        return F.adaptive_max_pool2d(x, 3), torch.arange(3.0).repeat(x.shape[0]), torch.zeros(4 * x.shape[0], 2)


def test_what_has_no_counterpart_with_these_sizes_is_named_with_the_reason():
    with pytest.raises(OpaqueError, match="maxima of windows of several sizes") as caught:
        gn.from_torch(Uneven(), torch.randn(2, 1, 5, 5))
    assert "3 entries as often as there are samples" in str(caught.value)
    assert "is reckoned of the number of samples" in str(caught.value)
