"""Has TensorFlow's optimisation toolkit emulate int8 after every activation that Keras has, not after a few alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from optfarm_tasks.frameworks.keras.counterpart import own_classes


class _AllBut(frozenset[str]):
    """Holds every name but some."""

    def __contains__(self, name: object) -> bool:
        return not super().__contains__(name)


@contextmanager
def quantising() -> Iterator[None]:
    """Makes the toolkit's layers known to tf_keras, for whatever is loaded or built inside the block.

    The toolkit says of the activations that it leaves out (elu, selu …) that they should just work on inclusion; what
    they give is rounded like what a layer without one gives.
    """
    from tensorflow_model_optimization.python.core.quantization.keras.quantize_aware_activation import (
        QuantizeAwareActivation as Emulated,
    )
    from tensorflow_model_optimization.quantization import keras as toolkit
    from tf_keras.src.saving import serialization_lib

    after = Emulated._POST_QUANT_ACTIVATIONS  # noqa: SLF001 (it has no public name)
    Emulated._POST_QUANT_ACTIVATIONS = _AllBut(Emulated._PRE_QUANT_ACTIVATIONS - after)  # noqa: SLF001 (as above)
    try:
        # It makes a separable convolution of parts with code of its own (Lambda).
        with toolkit.quantize_scope(own_classes()), serialization_lib.SafeModeScope(safe_mode=False):
            yield
    finally:
        Emulated._POST_QUANT_ACTIVATIONS = after  # noqa: SLF001 (as above)
