"""Tasks whose child runs a program of the test's own, through an interpreter that stands in for a toolchain's."""

import hashlib
import sys
from pathlib import Path

from optfarm_tasks.schema.spec import Inspect, Limits, Role, Task
from optfarm_tasks.schema.tree import Digest, File, Tree

INTERPRETER = f"""#!{sys.executable} -IS
import json, runpy, sys
if sys.argv[-1].endswith("probe.py"):
    print(json.dumps(dict(versions={{"optfarm": "0"}}, techniques=[], runtimes=[])))
else:
    runpy.run_path(sys.argv[-1] + "/inputs/model/program.py")
"""

DESCRIPTION = {"format": "tflite", "signatures": [{"inputs": []}], "size_bytes": 1}
FACTS = {"kind": "inspect", "description": DESCRIPTION, "sizes_bytes": {}}
SUCCEEDS = f"""
import json, pathlib
pathlib.Path("outputs/made.txt").write_text("made")
print("a line of the log", flush=True)
pathlib.Path("result.json").write_text(json.dumps({{"facts": {FACTS!r}}}))
"""
FAILS = """
import json, pathlib
failure = {"reason": "unsupported_op", "message": "no such op"}
pathlib.Path("result.json").write_text(json.dumps({"failure": failure}))
print("it failed", flush=True)
raise SystemExit(1)
"""
STAYS = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
os.write(int(os.environ["OPTFARM_PROGRESS_FD"]), b'{"phase": "staying", "fraction": 0.5}\\n')
time.sleep(300)
"""


def interpreter(folder: Path) -> Path:
    """An interpreter that runs the task's program and imports nothing."""
    path = folder / "interpreter"
    path.write_text(INTERPRETER)
    path.chmod(0o755)
    return path


def task_of(body: bytes, *, timeout_s: float = 30) -> tuple[Task, Digest]:
    """A task that runs a program, and the digest of the blob that holds it."""
    digest = hashlib.sha256(body).hexdigest()
    file = File(path="program.py", sha256=digest, size_bytes=len(body))
    task = Task(action=Inspect(), inputs={Role.MODEL: Tree(files=(file,))}, limits=Limits(timeout_s=timeout_s))
    return task, digest
