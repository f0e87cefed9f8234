"""Has Python let go of large objects that refer to each other, graphs above all, soon after nobody needs them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (500, 1, 1)


@contextmanager
def collected_soon() -> Iterator[None]:
    """Looks often for cycles among the objects that are made inside the block.

    Python looks for them by the number of new objects; a graph is few of them and hundreds of megabytes. What was there
    before, the frameworks' own objects, is left out of the search, which is quick then.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
