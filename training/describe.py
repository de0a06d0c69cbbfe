"""Describes a backbone as tables computed from the built network: blocks, convolutions, parameters, work."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import keras
from rich.table import Table

from training.backbones import Backbone, build_trunk

HEAD = "classes"


@dataclass(frozen=True)
class Convolution:
    """One convolution, or a dense layer as the 1x1 convolution it equals. Sizes in pixels of a side.

    `padding` is the larger of the two sides of an axis; `depthwise` means each channel has its own kernel.
    `work` is multiply-adds for one picture, `parameters` counts its kernel and bias.
    """

    name: str
    input_size: int
    input_channels: int
    kernel: int
    stride: int
    padding: int
    output_size: int
    output_channels: int
    depthwise: bool
    parameters: int
    work: int

    @property
    def row(self) -> tuple[int, ...]:
        """The eight numbers of a table row, without name and work."""
        shape = (self.input_size, self.input_channels, self.kernel, self.stride, self.padding)
        return (*shape, self.output_size, self.output_channels)


@dataclass(frozen=True)
class Block:
    """A kind of block and how often it follows itself; `expansion` is None where nothing is expanded."""

    operation: str
    expansion: int | None
    repeats: int
    channels: int


@dataclass(frozen=True)
class Description:
    """A network at one input size."""

    name: str
    size: int
    blocks: tuple[Block, ...]
    convolutions: tuple[Convolution, ...]
    parameters: int

    @property
    def work(self) -> int:
        """Multiply-adds of all convolutions for one picture."""
        return sum(convolution.work for convolution in self.convolutions)


def describe(backbone: Backbone, size: int, classes: int) -> Description:
    """Build the family's network with a dense layer for `classes` and read its tables off it."""
    trunk = build_trunk(backbone, "none", size)
    pooled = keras.layers.GlobalAveragePooling2D()(trunk.output)
    network = keras.Model(trunk.input, keras.layers.Dense(classes, name=HEAD)(pooled))
    convolutions = tuple(found for layer in network.layers for found in _convolutions(layer))
    return Description(
        backbone.name, size, tuple(_blocks(convolutions)), convolutions, network.count_params()
    )


def _convolutions(layer: keras.layers.Layer) -> list[Convolution]:
    if isinstance(layer, keras.layers.Dense):
        return [_dense(layer)]
    if isinstance(layer, keras.layers.SeparableConv2D):
        return _separable(layer)
    if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
        channels = layer.output.shape[-1]
        return [_plain(layer, channels, isinstance(layer, keras.layers.DepthwiseConv2D))]
    return []


def _plain(layer: Any, channels: int, depthwise: bool) -> Convolution:
    before, after, kernel = layer.input.shape, layer.output.shape, max(layer.kernel_size)
    area = layer.kernel_size[0] * layer.kernel_size[1]
    weights = area * before[-1] * (1 if depthwise else channels)
    stride = layer.strides[0]
    return Convolution(
        layer.name,
        _unpadded(layer),
        before[-1],
        kernel,
        stride,
        _padding(_unpadded(layer), kernel, stride, after[1]),
        after[1],
        channels,
        depthwise,
        layer.count_params(),
        weights * after[1] * after[2],
    )


def _separable(layer: Any) -> list[Convolution]:
    """A separable convolution is a depthwise one and a 1x1 one after it."""
    before, after = layer.input.shape, layer.output.shape
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    inner, area = before[-1] * layer.depth_multiplier, after[1] * after[2]
    padding = _padding(before[1], kernel, stride, after[1])
    deep, point = kernel * kernel * inner, inner * after[-1]
    bias = after[-1] if layer.use_bias else 0
    shape = (before[1], before[-1], kernel, stride, padding, after[1], inner)
    depthwise = Convolution(f"{layer.name} (depthwise)", *shape, True, deep, deep * area)
    shape = (after[1], inner, 1, 1, 0, after[1], after[-1])
    pointwise = Convolution(f"{layer.name} (1x1)", *shape, False, point + bias, point * area)
    return [depthwise, pointwise]


def _dense(layer: Any) -> Convolution:
    inner, outer = layer.input.shape[-1], layer.units
    return Convolution(layer.name, 1, inner, 1, 1, 0, 1, outer, False, layer.count_params(), inner * outer)


def _unpadded(layer: Any) -> int:
    """Input side of a convolution, before a padding layer that only serves it."""
    source = layer.input._keras_history.operation
    if isinstance(source, keras.layers.ZeroPadding2D):
        return int(source.input.shape[1])
    return int(layer.input.shape[1])


def _padding(size: int, kernel: int, stride: int, output: int) -> int:
    """The larger padding of one axis that makes `size` give `output`."""
    return max(0, -(-((output - 1) * stride + kernel - size) // 2))


def _blocks(convolutions: tuple[Convolution, ...]) -> list[Block]:
    """Convolutions gathered into blocks, equal neighbours counted together."""
    blocks = [_block(list(group)) for _, group in groupby(convolutions, key=_block_name)]
    merged = []
    for _, group in groupby(blocks, key=lambda block: (block.operation, block.expansion, block.channels)):
        same = list(group)
        first = same[0]
        merged.append(Block(first.operation, first.expansion, len(same), first.channels))
    pool = Block("AvgPool", None, 1, merged[-2].channels)
    return [*merged[:-1], pool, merged[-1]]


def _block_name(convolution: Convolution) -> str:
    """Keras names a MobileNetV2 bottleneck's layers block_3_expand, block_3_depthwise, block_3_project."""
    stem, _, part = convolution.name.rpartition("_")
    return stem if part in ("expand", "depthwise", "project") else convolution.name


def _block(convolutions: list[Convolution]) -> Block:
    last = convolutions[-1]
    if len(convolutions) == 1:
        return Block("Depthwise" if last.depthwise else "Convolution", None, 1, last.output_channels)
    first = convolutions[0]
    expansion = 1 if first.depthwise else first.output_channels // first.input_channels
    return Block("Bottleneck", expansion, 1, last.output_channels)


def block_table(description: Description) -> Table:
    """The blocks, one kind a row."""
    table = _table("block", "operation", "expansion", "repeats", "channels")
    for number, block in enumerate(description.blocks, 1):
        expansion = "-" if block.expansion is None else str(block.expansion)
        table.add_row(str(number), block.operation, expansion, str(block.repeats), str(block.channels))
    return table


def convolution_table(description: Description) -> Table:
    """Every convolution, with its parameters and multiply-adds."""
    table = _table(
        "no.",
        "input",
        "channels",
        "kernel",
        "stride",
        "padding",
        "output",
        "channels",
        "parameters",
        "multiply-adds",
    )
    for number, convolution in enumerate(description.convolutions, 1):
        cells = (number, *convolution.row, convolution.parameters, convolution.work)
        table.add_row(*(f"{cell:,}" for cell in cells))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
