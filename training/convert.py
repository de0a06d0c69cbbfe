"""Turns a served Keras model into LiteRT files: float, and int8 up to the pooled features."""

import warnings
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from shared.errors import ArtefactError

FLOAT_OPS = ("FULLY_CONNECTED", "SOFTMAX")
"""What stays in float in the int8 file: with softmax in int8 the output has 230 distinct values, and ties."""


def _converter(model: keras.Model, dtype: tf.DType) -> tf.lite.TFLiteConverter:
    side = model.inputs[0].shape[1]
    serve = tf.function(lambda grey: model(grey, training=False), autograph=False)
    concrete = serve.get_concrete_function(tf.TensorSpec((None, side, side, 1), dtype, name="grey"))
    frozen = convert_variables_to_constants_v2(concrete)
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def to_float(model: keras.Model) -> bytes:
    """LiteRT file in float32 of a model that takes uint8."""
    return bytes(_converter(model, tf.uint8).convert())


def to_int8(model: keras.Model, pictures: NDArray[np.uint8]) -> bytes:
    """LiteRT file in int8 of a model that takes float 0..255; the file itself takes uint8.

    `pictures` (N, S, S, 1) uint8 calibrate the ranges; they must hold pure black and pure white.
    Raises ArtefactError where the input is not taken as it is (scale 1, zero point 0).
    """
    converter = _converter(model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for picture in pictures:
            yield [picture[None].astype(np.float32)]

    converter.representative_dataset = representative
    converter._experimental_calibrate_only = True
    with warnings.catch_warnings():
        # The converter misses input statistics that the representative pictures give it a moment later.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        calibrated = converter.convert()
    quantised = mlir_quantize(calibrated, denylisted_ops=list(FLOAT_OPS))
    content = bytes(modify_model_io_type(quantised, tf.uint8, tf.float32))
    check_input(content)
    return content


def check_input(content: bytes) -> None:
    """Raise ArtefactError unless a LiteRT file takes grey uint8 as it is."""
    details = Interpreter(model_content=content).get_input_details()[0]
    scale, zero = details["quantization"]
    if details["dtype"] is not np.uint8 or (scale, zero) not in ((1.0, 0), (0.0, 0)):
        raise ArtefactError(
            f"the exported input has type {details['dtype'].__name__}, scale {scale}, zero point {zero} "
            "instead of uint8, 1, 0: calibration pictures must hold pure black and pure white"
        )
