"""Exported programs of many shapes, for the scripts that run by a toolchain with PyTorch, and what they are fed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

BATCH = torch.export.Dim("batch", min=1, max=256)
TAKEN = 4
"""Samples of a request."""


class Images(nn.Module):
    """Convolutions and batch norms."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        second = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.body, self.head = nn.Sequential(first, second), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x).mean((2, 3)))


class Named(nn.Module):
    """A dict in and a dict out, with whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(8, 32), nn.BatchNorm1d(32), nn.Linear(32, 4)

    def forward(self, given: Any) -> Any:
        hidden = self.norm(self.first(given["x"])).relu()
        return {
            "logits": self.last(hidden),
            "total": hidden.sum(1, keepdim=True),
            "twice": given["count"].float() * 2,
        }


class Recurrent(nn.Module):
    """An LSTM over time."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.cells(x)[0][:, -1])


class Encoder(nn.Module):
    """A Transformer encoder of two layers, which begin with equal weights."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0)
        self.table, self.head = nn.Embedding(50, 32), nn.Linear(32, 5)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ids: Any) -> Any:
        return self.head(self.layers(self.table(ids)).mean(1))


class Constant(nn.Module):
    """A number among its arguments, a named argument, and an input that it hands on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Any, scale: float = 2.0, *, shift: Any = None) -> Any:
        return self.layer(x) * scale + shift, x


class Narrow(nn.Module):
    """Two layers in another type than float32."""

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4)).to(dtype)

    def forward(self, x: Any) -> Any:
        return self.layers(x)


class Light(nn.Module):
    """Nothing that takes a model's time."""

    def forward(self, x: Any) -> Any:
        return x.relu() + 1


class Counting(nn.Module):
    """Adds how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Any) -> Any:
        self.calls.add_(1)
        return self.layer(x) + self.calls


def language_model() -> Any:
    """A small Llama as its library makes it: a result of the library's own class, and a mask over what comes later."""

    config = LlamaConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=128,
        vocab_size=100, use_cache=False, initializer_range=0.15,
    )  # fmt: skip
    ids = {"input_ids": torch.zeros(2, 12, dtype=torch.int64)}
    sizes = {"input_ids": {0: BATCH}}
    return torch.export.export(LlamaForCausalLM(config).eval(), (), ids, dynamic_shapes=sizes, strict=False)


def programs() -> Iterator[tuple[str, Any]]:
    """Exported programs by name."""
    torch.manual_seed(0)
    images, batch = torch.randn(2, 3, 32, 32), ({0: BATCH},)
    yield "images", torch.export.export(Images().eval(), (images,), dynamic_shapes=batch)
    last = Images().eval().to(memory_format=torch.channels_last)
    laid_out = images.to(memory_format=torch.channels_last)
    yield "channels_last", torch.export.export(last, (laid_out,), dynamic_shapes=batch)
    yield "fixed_batch", torch.export.export(Images().eval(), (torch.randn(TAKEN, 3, 32, 32),))
    given = {"x": torch.randn(2, 8), "count": torch.zeros(2, 3, dtype=torch.int32)}
    yield (
        "named",
        torch.export.export(Named().eval(), (given,), dynamic_shapes=({"x": {0: BATCH}, "count": {0: BATCH}},)),
    )
    yield "recurrent", torch.export.export(Recurrent().eval(), (torch.randn(2, 12, 8),), dynamic_shapes=batch)
    ids = torch.zeros(2, 10, dtype=torch.int64)
    yield "encoder", torch.export.export(Encoder().eval(), (ids,), dynamic_shapes=batch)
    sizes = {"x": {0: BATCH}, "scale": None, "shift": {0: BATCH}}
    yield (
        "constant",
        torch.export.export(
            Constant().eval(), (torch.randn(2, 8), 3.0), {"shift": torch.randn(2, 4)}, dynamic_shapes=sizes
        ),
    )
    for name, dtype in (("halves", torch.float16), ("brain", torch.bfloat16), ("double", torch.float64)):
        yield name, torch.export.export(Narrow(dtype).eval(), (torch.randn(2, 8).to(dtype),), dynamic_shapes=batch)
    yield "light", torch.export.export(Light().eval(), (torch.randn(2, 8),), dynamic_shapes=batch)
    yield "language", language_model()
    yield "counting", torch.export.export(Counting().eval(), (torch.randn(2, 8),), dynamic_shapes=batch)


def drawn(signature: Any, count: int, seed: int) -> dict[str, Any]:
    """Arrays for each input."""
    random = np.random.default_rng(seed)
    shapes = {each.name: (count, *each.shape[1:]) for each in signature.inputs}
    return {
        each.name: random.integers(0, 40, shapes[each.name]).astype(each.dtype)
        if "int" in each.dtype
        else random.normal(size=shapes[each.name]).astype(each.dtype)
        for each in signature.inputs
    }
