"""Mien's processes, one package each."""

import os

# numpy's BLAS starts a thread per core with the import, in each process of each camera; nothing here uses it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
