"""GPUs that are not there: the real binding over a scripted NVML, which the C compiler makes of library.c."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("library.c")
L4, H200 = "GPU-11111111-aaaa-bbbb-cccc-000000000001", "GPU-22222222-aaaa-bbbb-cccc-000000000002"
TWO = {"0.uuid": L4, "0.name": "NVIDIA L4", "0.capability": 89, "0.memory": 24 << 30, "0.ecc": 1, "0.numa_node": 0,
       "1.uuid": H200, "1.name": "NVIDIA H200", "1.capability": 90, "1.memory": 140 << 30}  # fmt: skip
"""A small GPU and a large one."""


class ScriptedNvml:
    """A library of its own folder, and the state that it tells of."""

    def __init__(self, folder: Path) -> None:
        """Compiles it, with two GPUs at first."""
        self.library = folder / "libnvidia-ml.so.1"
        self._state = folder / "state"
        flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1", f"-Wl,-soname,{self.library.name}"]
        subprocess.run(["cc", *flags, "-o", self.library, SOURCE], check=True)  # noqa: S607 (whichever there is)
        self.become(TWO)

    def become(self, *parts: dict[str, object]) -> None:
        """Has the GPUs be these from the next call on; of equal keys the last one counts."""
        lines = [f"{key} {value}\n" for part in parts for key, value in part.items()]
        fresh = self._state.with_suffix(".new")
        fresh.write_text("".join(lines))
        fresh.replace(self._state)
