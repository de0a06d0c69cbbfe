"""Sets how many threads TensorFlow and OpenCV use; must run before TensorFlow computes anything."""

import cv2
import tensorflow as tf


def use_threads(count: int | None) -> None:
    """Limit to `count` threads; None leaves the choice to TensorFlow."""
    if count is None:
        return
    cv2.setNumThreads(count)
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)
