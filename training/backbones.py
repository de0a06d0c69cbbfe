"""The ten families that a classifier can be built on, each with the preprocessing it was trained with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keras

from shared.errors import DataError

TORCH_MEAN: Final = (0.485, 0.456, 0.406)
TORCH_SPREAD: Final = (0.229, 0.224, 0.225)
CAFFE_MEAN: Final = (103.939, 116.779, 123.68)
"""Channel means in the order that the network sees: blue, green, red."""


@dataclass(frozen=True)
class Scaling:
    """Preprocessing of grey 0..255 repeated over three channels: channel c becomes grey * scale[c] +
    offset[c].
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


SYMMETRIC: Final = Scaling((1 / 127.5,) * 3, (-1.0,) * 3)
"""To -1..1, as `keras.applications` does in mode "tf"."""
TORCH: Final = Scaling(
    (1 / 255 / TORCH_SPREAD[0], 1 / 255 / TORCH_SPREAD[1], 1 / 255 / TORCH_SPREAD[2]),
    (
        -TORCH_MEAN[0] / TORCH_SPREAD[0],
        -TORCH_MEAN[1] / TORCH_SPREAD[1],
        -TORCH_MEAN[2] / TORCH_SPREAD[2],
    ),
)
"""ImageNet mean and deviation, mode "torch"."""
CAFFE: Final = Scaling((1.0,) * 3, (-CAFFE_MEAN[0], -CAFFE_MEAN[1], -CAFFE_MEAN[2]))
"""Channel means subtracted, blue first, mode "caffe"; a grey picture needs no reordering."""


@dataclass(frozen=True)
class Backbone:
    """A family: how Keras builds it, how its input is scaled, and the smallest input side it takes."""

    name: str
    build: Callable[..., keras.Model]
    module: str
    scaling: Scaling
    smallest: int = 32


_FAMILIES: Final = (
    Backbone("xception", keras.applications.Xception, "xception", SYMMETRIC, 71),
    Backbone("vgg16", keras.applications.VGG16, "vgg16", CAFFE),
    Backbone("vgg19", keras.applications.VGG19, "vgg19", CAFFE),
    Backbone("resnet50", keras.applications.ResNet50, "resnet", CAFFE),
    Backbone("inceptionv3", keras.applications.InceptionV3, "inception_v3", SYMMETRIC, 75),
    Backbone("inceptionresnetv2", keras.applications.InceptionResNetV2, "inception_resnet_v2", SYMMETRIC, 75),
    Backbone("mobilenet", keras.applications.MobileNet, "mobilenet", SYMMETRIC),
    Backbone("densenet121", keras.applications.DenseNet121, "densenet", TORCH),
    Backbone("nasnetmobile", keras.applications.NASNetMobile, "nasnet", SYMMETRIC),
    Backbone("mobilenetv2", keras.applications.MobileNetV2, "mobilenet_v2", SYMMETRIC),
)

BACKBONES: Final = {family.name: family for family in _FAMILIES}


def find_backbone(name: str) -> Backbone:
    """The family called `name` (case and punctuation do not matter); raises DataError naming those there
    are.
    """
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    if plain not in BACKBONES:
        raise DataError(f"there is no backbone {name!r}; choose one of {', '.join(BACKBONES)}")
    return BACKBONES[plain]


def build_trunk(backbone: Backbone, weights: str, size: int | None = None) -> keras.Model:
    """The family's network without its top, from (N, size, size, 3) to feature maps; any size where it is
    None.

    `weights` is `imagenet` (Keras's own download), `none` or a weights file of the network without top.
    """
    if size is not None and size < backbone.smallest:
        raise DataError(f"{backbone.name} takes pictures of {backbone.smallest} pixels and more, not {size}")
    shape = (size, size, 3)
    if weights == "imagenet":
        return _download(backbone, shape)
    trunk = backbone.build(include_top=False, weights=None, input_shape=shape)
    if weights != "none":
        _load(trunk, Path(weights))
    return trunk


def _download(backbone: Backbone, shape: tuple[int | None, int | None, int]) -> keras.Model:
    try:
        return backbone.build(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:  # Keras wraps network trouble in a bare Exception
        raise DataError(
            f"can't download the ImageNet weights of {backbone.name} ({error}); download them elsewhere "
            "and pass the file with --weights FILE, or train from scratch with --weights none"
        ) from error


def _load(trunk: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise DataError(f"there is no weights file {path}; --weights takes imagenet, none or a file")
    try:
        trunk.load_weights(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} does not hold weights of {trunk.name} without its top: {error}") from error
