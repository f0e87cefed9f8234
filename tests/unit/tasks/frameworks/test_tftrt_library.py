"""What the probe's last words come to: which TensorRT is here, or what to install."""

import pytest

from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.frameworks.tftrt.library import version_said


def said(answers: str, *, code: int = 0, complaints: str = "") -> str:
    return version_said(answers, code=code, complaints=complaints, user="TF-TRT")


@pytest.mark.parametrize("loaded", ["8.6.1", "8.6.10", "8.10.0"])
def test_the_version_that_it_was_built_for_or_a_later_one_is_taken(loaded: str) -> None:
    assert said(f"linked 8.6.1\nloaded {loaded}\n") == loaded


@pytest.mark.parametrize(
    ("answers", "code", "complaints", "words"),
    [
        ("linked 8.6.1\nloaded 8.5.9\n", 0, "", r"loads TensorRT 8\.5\.9, and this TensorFlow was built for 8\.6\.1"),
        ("linked 8.6.1\nloaded 10.0.0\n", 0, "", r"loads TensorRT 10\.0\.0, and this TensorFlow was built for 8\.6\.1"),
        ("linked 8.6.1\n", 0, "", r"needs TensorRT 8\.6\.1, and no libnvinfer\.so\.8\.6\.1 and libnvinfer_plugin"),
        ("linked 8.6.1\n", -6, "F x\nno symbol", "ended the process that loaded TensorRT by SIGABRT: no symbol; the "),
        ("", -11, "", "ended the process that loaded TensorRT by SIGSEGV: it ended with -11"),
        ("linked 0.0.0\n", 0, "", r"toolchain tf217-trt alone, and .* has a TensorFlow without TensorRT"),
        ("", 1, "a\nModuleNotFoundError: no tensorflow", "has no TF-TRT: ModuleNotFoundError: no tensorflow"),
        ("", 0, "", "has no TF-TRT: it ended with 0"),
    ],
)
def test_everything_else_says_what_is_missing(answers: str, code: int, complaints: str, words: str) -> None:
    with pytest.raises(MissingToolchain, match=words):
        said(answers, code=code, complaints=complaints)
