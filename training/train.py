"""The training loop: stages of a recipe, validation of raw and averaged weights, checkpoints, a clean
stop.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import msgspec
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich.console import Console

from shared.errors import DataError
from training import checkpoint
from training.augment import batches, clean_batches
from training.averaging import Average
from training.backbones import find_backbone
from training.batchnorm import FINAL_BATCHES, Reestimator, batch_norms, is_folded, unfold
from training.checkpoint import Progress, Snapshot
from training.data import Pictures
from training.fast import agrees_at
from training.learner import Balance, Learner, balance, soft_targets
from training.log import EpochRow, RunLog
from training.measure import score
from training.model import Classifier, build_classifier
from training.outcome import Best, Trained, keep, load_trained
from training.recipe import Stage, check, learning_rate
from training.schedule import Schedule
from training.setting import Setting
from training.stopping import interruptible

REFRESH_BATCHES = 16
"""Clean batches that re-estimate batch norms before each validation of the average."""
STEPS_WITHOUT_END = 2**40
UNFOLD_BATCHES = 16
MOMENTUM = 0.99
"""Of the batch norms' moving statistics: Keras's 0.999 still remembers ImageNet after two epochs."""


class Trainer:
    """Carries a run from its first step, or from its last checkpoint, to its end."""

    def __init__(self, setting: Setting, console: Console | None = None) -> None:
        self._setting = setting
        self._recipe = setting.recipe
        check(setting.recipe)
        self._per_epoch = len(setting.train) // self._recipe.batch_size
        if not self._per_epoch:
            raise DataError(
                f"{len(setting.train)} training pictures do not fill one batch of {self._recipe.batch_size}; "
                "add pictures or lower --batch-size"
            )
        self._stop = False
        self._learner: Learner | None = None
        setting.out.mkdir(parents=True, exist_ok=True)
        self._log = RunLog(setting.out, console or Console(soft_wrap=True))
        keras.utils.set_random_seed(setting.seed)
        self._classifier = self._build()
        self._average = Average(self._classifier.network, self._recipe.average_decay)
        self._reestimate = Reestimator(self._classifier.network)
        self._infer = tf.function(
            lambda pictures: self._classifier.network(pictures, training=False),
            autograph=False,
            reduce_retracing=True,
        )
        self._even: Balance = balance(setting.train.labels, len(setting.train.classes), self._recipe)
        self._targets = soft_targets(
            setting.train.labels, len(setting.train.classes), self._recipe.label_smoothing
        )
        self._schedule = Schedule(self._recipe.stages, self._per_epoch, setting.budget_seconds)
        self.progress = Progress(setting.seed, msgspec.json.encode(self._recipe).decode())

    def _build(self) -> Classifier:
        setting = self._setting
        fast = all(agrees_at(stage.size) for stage in self._recipe.stages)
        classifier = build_classifier(
            find_backbone(setting.backbone), len(setting.train.classes), weights=setting.weights, fast=fast
        )
        for layer in batch_norms(classifier.network):
            layer.momentum = MOMENTUM
        if setting.begin_with:
            classifier.network.set_weights(self._earlier(setting.begin_with))
        return classifier

    def _earlier(self, run: Path) -> list[NDArray[np.generic]]:
        earlier, setting = load_trained(run), self._setting
        if (earlier.about.classes, earlier.about.backbone) != (setting.train.classes, setting.backbone):
            raise DataError(f"{run} trained another backbone or other classes; it can't be gone on from")
        return earlier.weights

    def weights(self) -> list[NDArray[np.generic]]:
        """The network's present weights, in Keras's order."""
        weights: list[NDArray[np.generic]] = self._classifier.network.get_weights()
        return weights

    def run(self, *, resume: bool = False) -> Best:
        """Train all stages, then finish; stops early, keeping the best so far, on Ctrl-C or a spent
        budget.
        """
        restored = self._restore() if resume else None
        if restored is None and is_folded(self._classifier.trunk) and self._setting.weights != "none":
            self._unfold()
        with interruptible(self._request_stop):
            for index in range(self.progress.stage, len(self._recipe.stages)):
                self._run_stage(index, restored)
                restored = None
                if self._stop:
                    break
        return self.finish()

    def _run_stage(self, index: int, restored: Snapshot | None) -> None:
        stage = self._recipe.stages[index]
        learner = self._learner_for(index, restored)
        self._schedule.enter(index, self.progress.epoch * self._per_epoch, self.progress.seconds)
        feed = iter(self._batches(stage, range(self.progress.step, STEPS_WITHOUT_END)))
        while self._run_epoch(stage, self.progress.epoch, learner, feed):
            self.progress.epoch += 1
            self.progress.seconds = self._schedule.seconds()
            if self._schedule.over():
                self.progress.stage, self.progress.epoch = index + 1, 0
            self._save(learner)
            self._stop = self._stop or self._out_of_patience()
            if self._stop or self._schedule.over():
                return

    def _learner_for(self, index: int, restored: Snapshot | None) -> Learner:
        """The present learner while the same layers train, else a fresh one."""
        stage = self._recipe.stages[index]
        if self._learner is None or self._learner.trainable != stage.trainable:
            self._learner = Learner(
                self._classifier,
                self._average,
                self._recipe,
                self._even,
                stage.trainable,
                self._setting.teacher,
            )
        if restored is not None and len(restored.groups["optimizer"]) == len(self._learner.state()):
            self._learner.restore(restored.groups["optimizer"])
        return self._learner

    def _run_epoch(
        self, stage: Stage, epoch: int, learner: Learner, feed: Iterator[tuple[tf.Tensor, tf.Tensor]]
    ) -> bool:
        """One epoch and its validation; False where it was interrupted."""
        began, losses = time.monotonic(), []
        for done in range(self._per_epoch):
            rate = learning_rate(stage, self._schedule.share(), self._schedule.warmth())
            learner.optimizer.learning_rate.assign(rate)
            losses.append(float(learner.step(*next(feed))))
            if not np.isfinite(losses[-1]):
                raise DataError(
                    "the loss is no longer finite; lower the learning rate or look at the pictures"
                )
            self.progress.step += 1
            self._schedule.advance()
            pace = (time.monotonic() - began) / (done + 1)
            self._log.step(
                stage.name, epoch + 1, done + 1, self._per_epoch, float(np.mean(losses[-50:])), pace
            )
            if self._stop:
                return False
            if self._schedule.over():
                break
        self._validate(stage, epoch, rate, float(np.mean(losses)), began)
        return True

    def _validate(self, stage: Stage, epoch: int, rate: float, loss: float, began: float) -> None:
        validation = self._setting.validation
        some = validation.keep(np.arange(len(validation)) % 4 == 0)
        raw, _ = self._score(some, stage.size)
        self._average.swap()
        self._reestimate(self._clean_batches(stage.size, REFRESH_BATCHES))
        right, f1 = self._score(validation, stage.size)
        self.progress.since_best += 1
        if right > self.progress.best:
            self.progress.best, self.progress.best_epoch, self.progress.since_best = right, epoch + 1, 0
            self._save_best(stage, epoch, right, f1)
        self._average.swap()
        seconds = time.monotonic() - began
        self._log.epoch(
            EpochRow(
                stage.name, epoch + 1, self.progress.step, stage.size, rate, loss, raw, right, f1, seconds
            )
        )

    def _score(self, pictures: Pictures, size: int) -> tuple[float, float]:
        return score(self._infer, pictures, size)

    def _batches(self, stage: Stage, steps: range) -> tf.data.Dataset:
        how = self._setting.augmentation
        if stage.plain:
            how = replace(how, mixup_share=0.0, erase_share=0.0)
        return batches(
            self._setting.train.images,
            self._targets,
            steps,
            batch_size=self._recipe.batch_size,
            size=stage.size,
            seed=self._setting.seed,
            how=how,
        )

    def _clean_batches(self, size: int, count: int) -> Iterator[tf.Tensor]:
        images, batch = self._setting.train.images, self._recipe.batch_size
        return clean_batches(images, count, batch_size=batch, size=size)

    def _unfold(self) -> None:
        clean = self._clean_batches(self._recipe.stages[0].size, UNFOLD_BATCHES)
        unfold(self._classifier.trunk, [self._classifier.scaled(batch) for batch in clean])

    def _save(self, learner: Learner) -> None:
        groups: dict[str, list[NDArray[np.generic]]] = {
            "weights": self.weights(),
            "average": [value.numpy() for value in self._average.values],
            "updates": [self._average.updates.numpy()],
            "optimizer": learner.state(),
            "seeds": [state.numpy() for state in self._seed_states()],
        }
        checkpoint.save(self._setting.out / "last.npz", Snapshot(self.progress, groups))

    def _save_best(self, stage: Stage, epoch: int, right: float, f1: float) -> None:
        setting, native = self._setting, self._recipe.native_size
        about = Best(
            setting.backbone,
            setting.train.classes,
            stage.size,
            native,
            right,
            f1,
            f"stage {stage.name}, epoch {epoch + 1}",
            setting.seed,
            self.progress.step,
            self._recipe,
        )
        keep(setting.out, Trained(about, self.weights()))

    def _restore(self) -> Snapshot | None:
        path = self._setting.out / "last.npz"
        if not path.exists():
            return None
        snapshot = checkpoint.load(path)
        if snapshot.progress.recipe != self.progress.recipe or snapshot.progress.seed != self.progress.seed:
            raise DataError(f"{path} belongs to another recipe or seed; give the same ones, or another --out")
        self.progress = snapshot.progress
        self._classifier.network.set_weights(snapshot.groups["weights"])
        for value, stored in zip(self._average.values, snapshot.groups["average"], strict=True):
            value.assign(stored)
        self._average.updates.assign(snapshot.groups["updates"][0])
        for state, stored in zip(self._seed_states(), snapshot.groups["seeds"], strict=True):
            state.assign(stored)
        return snapshot

    def _seed_states(self) -> list[keras.Variable]:
        """Where dropout's random numbers stand; Keras does not count them among the weights."""
        weights = {id(weight) for weight in self._classifier.network.weights}
        return [variable for variable in self._classifier.network.variables if id(variable) not in weights]

    def _out_of_patience(self) -> bool:
        return bool(self._recipe.patience) and self.progress.since_best >= self._recipe.patience

    def _request_stop(self) -> None:
        self._stop = True

    def finish(self) -> Best:
        """Re-estimate the best weights on many clean batches; keep what validates better.

        Raises DataError where no epoch was completed.
        """
        network, best = self._classifier.network, load_trained(self._setting.out)
        network.set_weights(best.weights)
        self._reestimate(self._clean_batches(best.about.size, FINAL_BATCHES))
        right, f1 = self._score(self._setting.validation, best.about.size)
        if right <= best.about.accuracy:
            return best.about
        about = msgspec.structs.replace(best.about, accuracy=right, macro_f1=f1)
        keep(self._setting.out, Trained(about, self.weights()))
        return about
