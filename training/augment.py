"""Draws training batches: every batch is a pure function of (seed, step), so a resumed run sees what it would
have seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


@dataclass(frozen=True)
class Augmentation:
    """How strongly pictures are varied; shares are probabilities, `shift` a share of the side, degrees of
    arc.
    """

    rotation_degrees: float = 15.0
    scale: tuple[float, float] = (0.8, 1.2)
    shift: float = 0.1
    gamma: float = 0.4
    gain: float = 0.5
    contrast: float = 0.4
    blur_share: float = 0.2
    blur_sigma: float = 1.0
    jpeg_share: float = 0.2
    jpeg_quality: tuple[int, int] = (15, 90)
    noise: float = 6.0
    erase_share: float = 0.25
    mixup_share: float = 0.5
    mixup_alpha: float = 0.2
    nobody_share: float = 0.03
    """Pictures made into something that is no face, with the same target for each class."""


CLEAN = Augmentation(0, (1, 1), 0, 0, 0, 0, 0, 0, 0, (90, 91), 0, 0, 0, 0.2, 0)
"""No change but the enlargement: what batch norms are re-estimated on."""


class Dice:
    """Stateless random numbers for one batch: each call is independent, and the same for the same seed and
    step.
    """

    def __init__(self, seed: int, step: tf.Tensor) -> None:
        self._seed = tf.random.fold_in(tf.constant([seed, 0], tf.int64), step)
        self._calls = 0

    def _next(self) -> tf.Tensor:
        self._calls += 1
        return tf.random.fold_in(self._seed, self._calls)

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 of `shape` in [low, high)."""
        return tf.random.stateless_uniform(shape, self._next(), low, high)

    def happens(self, shape: tuple[int, ...], share: float) -> tf.Tensor:
        """Float32 of `shape`: 1 with probability `share`, else 0."""
        return tf.cast(self.uniform(shape) < share, tf.float32)

    def normal(self, shape: tf.Tensor) -> tf.Tensor:
        """Standard normal float32 of `shape`."""
        return tf.random.stateless_normal(shape, self._next())

    def beta(self, count: int, alpha: float) -> tf.Tensor:
        """(count,) float32 from the symmetric Beta(alpha, alpha): the ratio of two gamma variates."""
        first = tf.random.stateless_gamma((count,), self._next(), alpha)
        second = tf.random.stateless_gamma((count,), self._next(), alpha)
        return first / tf.maximum(first + second, 1e-12)

    def shuffle(self, values: tf.Tensor) -> tf.Tensor:
        """`values` in random order."""
        return tf.random.experimental.stateless_shuffle(values, self._next())


def blurred(images: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """(N, S, S, 1) blurred by a Gaussian of its own `sigma` (N,) pixels each, over seven taps a side."""
    offsets = tf.range(-3.0, 4.0)
    weights = tf.exp(-tf.square(offsets[None]) / (2 * tf.square(tf.maximum(sigma, 1e-3))[:, None]))
    weights = weights / tf.reduce_sum(weights, 1, keepdims=True)
    side = images.shape[1]
    rows = tf.pad(images, ((0, 0), (3, 3), (0, 0), (0, 0)), "REFLECT")
    images = tf.add_n([rows[:, i : i + side] * weights[:, i, None, None, None] for i in range(7)])
    columns = tf.pad(images, ((0, 0), (0, 0), (3, 3), (0, 0)), "REFLECT")
    return tf.add_n([columns[:, :, i : i + side] * weights[:, i, None, None, None] for i in range(7)])


def compressed(images: tf.Tensor, dice: Dice, quality: tuple[int, int]) -> tf.Tensor:
    """(N, S, S, 1) float 0..255 after JPEG at a random quality each."""
    grades = tf.cast(dice.uniform((images.shape[0],), *quality), tf.int32)

    def once(pair: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        picture = tf.cast(tf.clip_by_value(tf.round(pair[0]), 0, 255), tf.uint8)
        return tf.cast(tf.image.adjust_jpeg_quality(picture, pair[1]), tf.float32)

    return tf.map_fn(once, (images, grades), fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32))


def affine(count: int, native: int, size: int, dice: Dice, how: Augmentation) -> tf.Tensor:
    """(count, 8) transforms from output to input pixels, half-pixel centres, that turn, scale, shift and
    mirror.
    """
    angle = dice.uniform((count,), -how.rotation_degrees, how.rotation_degrees) * (np.pi / 180)
    zoom = dice.uniform((count,), *how.scale) if how.scale[0] < how.scale[1] else tf.ones((count,))
    mirror = 1 - 2 * dice.happens((count,), 0.5) if how.rotation_degrees else tf.ones((count,))
    shift_x, shift_y = (dice.uniform((count,), -how.shift, how.shift) * native for _ in range(2))
    step = native / size / zoom
    cosine, sine = tf.cos(angle) * step, tf.sin(angle) * step
    out_middle, in_middle = (size - 1) / 2, (native - 1) / 2
    a, b, c, d = cosine * mirror, -sine, sine * mirror, cosine
    left = in_middle + shift_x - (a + b) * out_middle
    top = in_middle + shift_y - (c + d) * out_middle
    zeros = tf.zeros((count,))
    return tf.stack([a, b, left, c, d, top, zeros, zeros], axis=1)


def warped(images: tf.Tensor, transforms: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """(N, S, S, 1) resampled bilinearly to (N, size, size, 1); `fill` is what lies outside: NEAREST or
    CONSTANT.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=(size, size),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill,
    )


def relit(images: tf.Tensor, dice: Dice, how: Augmentation) -> tf.Tensor:
    """Gamma, gain, contrast about the mean and noise, a draw for each picture; stays in 0..255."""
    shape = (images.shape[0], 1, 1, 1)
    images = 255 * tf.pow(images / 255 + 1e-6, tf.exp(dice.uniform(shape, -how.gamma, how.gamma)))
    images = images * tf.exp(dice.uniform(shape, -1.4 * how.gain, 0.4 * how.gain))
    mean = tf.reduce_mean(images, (1, 2, 3), keepdims=True)
    images = mean + (images - mean) * tf.exp(dice.uniform(shape, -how.contrast, how.contrast))
    images = images + dice.normal(tf.shape(images)) * dice.uniform(shape, 0, how.noise) * dice.happens(
        shape, 0.3
    )
    return tf.clip_by_value(images, 0, 255)


def erased(images: tf.Tensor, dice: Dice, share: float) -> tf.Tensor:
    """A random rectangle of 15 to 50 % of each side is painted grey in a `share` of the pictures."""
    count, size = images.shape[0], images.shape[1]
    place = tf.range(size, dtype=tf.float32)[None] / size
    masks = []
    for _ in range(2):
        length = dice.uniform((count, 1), 0.15, 0.5)
        start = dice.uniform((count, 1)) * (1 - length)
        masks.append(tf.cast((place >= start) & (place < start + length), tf.float32))
    mask = masks[0][:, :, None, None] * masks[1][:, None, :, None] * dice.happens((count, 1, 1, 1), share)
    return images * (1 - mask) + mask * dice.uniform((count, 1, 1, 1), 0, 255)


def scrambled(images: tf.Tensor, dice: Dice, tiles: int = 4) -> tf.Tensor:
    """(N, S, S, 1) cut into `tiles` by `tiles` squares that change places, all pictures alike."""
    count, side = images.shape[0], images.shape[1]
    edge = side // tiles
    parts = tf.reshape(images, (count, tiles, edge, tiles, edge))
    parts = tf.reshape(tf.transpose(parts, (0, 1, 3, 2, 4)), (count, tiles * tiles, edge, edge))
    parts = tf.gather(parts, dice.shuffle(tf.range(tiles * tiles)), axis=1)
    parts = tf.transpose(tf.reshape(parts, (count, tiles, tiles, edge, edge)), (0, 1, 3, 2, 4))
    return tf.reshape(parts, images.shape)


def magnified(images: tf.Tensor, dice: Dice) -> tf.Tensor:
    """(N, S, S, 1): some spot of each picture, 3.5 to 6 times as large, so that it shows no face any more."""
    count, side = images.shape[0], images.shape[1]
    near = Augmentation(rotation_degrees=180.0, scale=(3.5, 6.0), shift=0.35)
    return warped(images, affine(count, side, side, dice, near), side, "NEAREST")


def depopulated(
    images: tf.Tensor, targets: tf.Tensor, dice: Dice, share: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """The batch's last rows, a `share` of it, scrambled or magnified by turns; no class fits them better than
    another.
    """
    count, classes = images.shape[0], targets.shape[1]
    rest = count - round(count * share)
    nobody = images[rest:]
    images = tf.concat([images[:rest], scrambled(nobody[::2], dice), magnified(nobody[1::2], dice)], 0)
    even = tf.fill((count - rest, classes), 1 / classes)
    return images, tf.concat([targets[:rest], even], 0)


def mixed(
    images: tf.Tensor, targets: tf.Tensor, dice: Dice, share: float, alpha: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixup (Zhang et al., 2018) of each picture with the one before it in the batch, in a `share` of the
    pictures.

    A picture keeps at least half of itself: with less, a batch would hold its neighbour twice.
    """
    count = images.shape[0]
    kept = dice.beta(count, alpha)
    weight = 1 - dice.happens((count,), share) * tf.minimum(kept, 1 - kept)
    picture_weight = weight[:, None, None, None]
    images = images * picture_weight + tf.roll(images, 1, 0) * (1 - picture_weight)
    return images, targets * weight[:, None] + tf.roll(targets, 1, 0) * (1 - weight[:, None])


def vary(
    images: tf.Tensor, targets: tf.Tensor, dice: Dice, how: Augmentation, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Varied (N, size, size, 1) float32 0..255 pictures and (N, classes) targets from a shuffled batch.

    Camera faults (blur, JPEG) come at native size, before the enlargement, as they do in life. As the batch
    is shuffled, "a share of the pictures" may be its first rows: nothing is computed for the others.
    """
    count, native = images.shape[0], images.shape[1]
    soft = round(count * how.blur_share)
    if soft:
        images = tf.concat(
            [blurred(images[:soft], dice.uniform((soft,), 0.2, how.blur_sigma)), images[soft:]], 0
        )
    coded = round(count * how.jpeg_share)
    if coded:
        start = soft // 2
        parts = [images[:start], compressed(images[start : start + coded], dice, how.jpeg_quality)]
        images = tf.concat([*parts, images[start + coded :]], 0)
    if round(count * how.nobody_share):
        images, targets = depopulated(images, targets, dice, how.nobody_share)
    transforms = affine(count, native, size, dice, how)
    even = warped(images[::2], transforms[::2], size, "NEAREST")
    odd = warped(images[1::2], transforms[1::2], size, "CONSTANT" if how.shift else "NEAREST")
    images, targets = tf.concat([even, odd], 0), tf.concat([targets[::2], targets[1::2]], 0)
    if how.gamma or how.noise:
        images = relit(images, dice, how)
    if how.erase_share:
        images = erased(images, dice, how.erase_share)
    if how.mixup_share:
        images, targets = mixed(images, targets, dice, how.mixup_share, how.mixup_alpha)
    return images, targets


def batches(
    images: NDArray[np.uint8],
    targets: NDArray[np.float32],
    steps: range,
    *,
    batch_size: int,
    size: int,
    seed: int,
    how: Augmentation,
) -> tf.data.Dataset:
    """Training batches for the given global steps: (B, size, size, 1) float32 0..255 and (B, classes)
    float32.

    Each epoch goes once through a permutation of its own; the remainder that fills no batch rests for that
    epoch.
    """
    pictures, answers = tf.constant(images[..., None]), tf.constant(targets)
    count = len(images)
    per_epoch = count // batch_size

    def draw(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, place = step // per_epoch, step % per_epoch
        order = Dice(seed, -1 - epoch).shuffle(tf.range(count))
        chosen = tf.ensure_shape(order[place * batch_size :][:batch_size], (batch_size,))
        batch = tf.cast(tf.gather(pictures, chosen), tf.float32)
        return vary(batch, tf.gather(answers, chosen), Dice(seed, step), how, size)

    return tf.data.Dataset.range(steps.start, steps.stop).map(draw).prefetch(2)


def clean_batches(
    images: NDArray[np.uint8], count: int, *, batch_size: int, size: int
) -> Iterator[tf.Tensor]:
    """`count` batches (B, size, size, 1) float32 0..255, only enlarged, the same each time: for batch norms'
    moments. Fewer where that is all there is.
    """
    steps = range(min(count, len(images) // batch_size))
    unused = np.zeros((len(images), 1), np.float32)
    drawn = batches(images, unused, steps, batch_size=batch_size, size=size, seed=0, how=CLEAN)
    return (pictures for pictures, _ in drawn)
