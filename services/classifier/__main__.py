"""Starts a classifier: `python -m services.classifier --instance NAME [--config FILE]`."""

import os
import time
from pathlib import Path
from typing import Final

from shared.metrics import show_model
from shared.service import Context, serve
from shared.work import Service

GPU_WAIT_SECONDS: Final = 1.0


def build(context: Context) -> Service:
    """Return the classifier's service, on a GPU of its own where there is a free one."""
    from services.classifier.backend import Backend, load_backend
    from services.classifier.follow import ModelFollower
    from services.classifier.gpu import claim_gpu, may_use_gpu
    from services.classifier.service import ClassifierService

    settings = context.settings

    def wait() -> None:
        context.pulse.state = lambda: "waiting for a GPU"
        context.pulse.turn()
        time.sleep(GPU_WAIT_SECONDS)

    backend = settings.classifier.backend
    if may_use_gpu(backend):
        # `auto` goes on without a GPU; who asked for TensorFlow asked for one where there are any.
        patience = wait if backend == "tensorflow" else None
        claim = claim_gpu(settings.run_dir / "gpus", settings.scale.gpus, os.environ, patience)
        context.gpu = claim.uuid if claim else None

    def load(model: Path | None) -> Backend:
        return load_backend(settings.classifier, model, context.gpu)

    models = ModelFollower(load, lambda: context.store.wanted().model)
    context.chores.append(models.follow)
    context.chores.append(lambda: show_model(context.health))
    return ClassifierService(models, facts=context.health)


if __name__ == "__main__":
    serve(
        "classifier",
        build,
        batch_size=lambda settings: settings.batch.size,
        batch_wait_seconds=lambda settings: settings.batch.wait,
        threads=lambda settings: settings.classifier.threads,
    )
