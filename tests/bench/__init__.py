"""Measurements; run each as a module, such as `python -m tests.bench.vision`."""
