"""Runs a .tflite once on zeros: python -m optfarm_tasks.frameworks.tflite.trial FILE.

LiteRT's kernels for rare types abort the process where they meet what they do not take, so it is a process of its own.
"""

import signal
import subprocess
import sys
from pathlib import Path

from optfarm_tasks import formats
from optfarm_tasks.errors import UnsupportedOp


def refuse_crash(folder: Path) -> None:
    """Passes when LiteRT lives through one run of the .tflite in a folder.

    Raises:
        UnsupportedOp: it does not; the ops among which the culprit is are named.
    """
    file = formats.file_of(folder)
    ended = subprocess.run([sys.executable, "-m", __name__, str(file)], check=False, capture_output=True)
    if ended.returncode < 0:
        ops = ", ".join(formats.describe(folder).ops)
        name = signal.Signals(-ended.returncode).name
        raise UnsupportedOp(f"LiteRT's kernels crash ({name}) when they run what was made of the model; it has {ops}")


def main(file: Path) -> None:
    """One run; it ends by whatever the kernels raise or do."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    for each in interpreter.get_input_details():
        interpreter.set_tensor(each["index"], np.zeros(each["shape"], each["dtype"]))
    interpreter.invoke()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
