"""A network small enough to keep with the tests: it reads how bright a crop is.

`python -m tests.training.brightness` writes tests/data/brightness.tflite anew.
"""

from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "brightness.tflite"
SIZE = 8


def build():
    """Return a Keras model: (N, 8, 8, 1) uint8 -> (N, 3) softmax of +b, -b, 0 with b = 4 x mean / 255."""
    import keras
    import numpy as np

    grey = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    scaled = keras.layers.Rescaling(4 / 255)(grey)
    mean = keras.layers.GlobalAveragePooling2D()(scaled)
    head = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(grey, head(mean))
    head.set_weights([np.array([[1.0, -1.0, 0.0]], np.float32), np.zeros(3, np.float32)])
    return model


def convert(model) -> bytes:
    """Return the model as a TensorFlow Lite file."""
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


if __name__ == "__main__":
    FILE.write_bytes(convert(build()))
