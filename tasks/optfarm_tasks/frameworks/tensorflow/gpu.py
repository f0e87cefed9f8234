"""The GPU that TensorFlow computes on here: engines are built for it and run on no other."""

from dataclasses import dataclass

from optfarm_tasks.errors import MissingToolchain


@dataclass(frozen=True)
class Gpu:
    """What engines depend on."""

    name: str
    compute_capability: str


def here(*, user: str) -> Gpu:
    """The first GPU that TensorFlow sees, whose memory it then takes as it needs it and not all at once.

    Float32 is then computed as such, and not rounded to TF32, which is TensorFlow's default.

    Raises:
        MissingToolchain: it sees none; it would compute on the processor without a word.
    """
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        built = tf.sysconfig.get_build_info()
        raise MissingToolchain(
            f"{user} computes on a GPU, and TensorFlow {tf.__version__} sees none here: beside the GPU and its driver "
            f"it wants CUDA {built.get('cuda_version', 'in a build for it')} and cuDNN "
            f"{built.get('cudnn_version', 'for that')} where the system's loader looks"
        )
    # In a measurement two processes hold the GPU in turns.
    tf.config.experimental.set_memory_growth(found[0], enable=True)
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    details = tf.config.experimental.get_device_details(found[0])
    major, minor = details.get("compute_capability", (0, 0))
    return Gpu(details.get("device_name", "unknown"), f"{major}.{minor}")
