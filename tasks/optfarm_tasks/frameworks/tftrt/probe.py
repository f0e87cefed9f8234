"""Run as a program: prints the version of TensorRT that TensorFlow was built for, then the one that it loads here.

To ask for the loaded version ends the process where the library is not what TensorFlow expects, so that each answer is
printed before the next question.
"""

LINKED, LOADED = "linked", "loaded"
"""What the lines begin with."""


def main() -> None:
    """Prints `linked 8.6.1` and, where the library is found, `loaded 8.6.1`; 0.0.0 is a TensorFlow without TF-TRT."""
    from tensorflow.compiler.tf2tensorrt import _pywrap_py_utils as tensorrt

    print(LINKED, _text(tensorrt.get_linked_tensorrt_version()), flush=True)
    if tensorrt.is_tensorrt_enabled():
        print(LOADED, _text(tensorrt.get_loaded_tensorrt_version()), flush=True)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    main()
