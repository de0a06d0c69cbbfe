"""Starts a detector: `python -m services.detector --instance NAME [--config FILE]`."""

from shared.service import Context, serve
from shared.work import Service


def build(context: Context) -> Service:
    """Return the detector's service, whose facts show in the health key."""
    from services.detector.service import DetectorService

    return DetectorService(context.settings.detector, facts=context.health)


if __name__ == "__main__":
    serve("detector", build, threads=lambda settings: settings.detector.threads)
