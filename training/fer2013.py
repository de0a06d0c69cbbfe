"""What the card and the licence of a model say that was trained on FER2013."""

from typing import Final

NAME: Final = "fer2013"
"""As `--source`, or as the name of the data folder, it stands for SOURCE."""
SOURCE: Final = (
    "FER2013 (Carrier and Courville, 2013): training split to train on, PublicTest as validation; "
    "research use"
)
ORIGIN: Final = """\
Faces: FER2013 (P.-L. Carrier and A. Courville, "Challenges in Representation
   Learning", ICML 2013), 48x48 grey pictures gathered from the web; no grant of rights for the pictures is
   known."""
TERMS: Final = """\
You may use the weights for research, for teaching, and to evaluate the program. For a product, train on
   pictures that you have the rights to (`mien train --data DIR`), and ship those weights under your own
   terms. The authors grant no licence to FER2013's pictures and can't."""
LIMITS: Final = """\
- The people who labelled FER2013 agree with each other on about two pictures in three. It was gathered by web
  search: posed and acted faces among candid ones, with label noise.
- `disgust` has 436 training pictures and `fear` is often taken for `sad` or `surprise`: see the table.
"""
