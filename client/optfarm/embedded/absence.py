"""Why an embedded farm does not answer, so that nobody waits for one that was stopped."""

import os

from optfarm.embedded import record
from optfarm.embedded.layout import load
from optfarm.embedded.place import current_folder


def why_absent(url: str) -> str | None:
    """What to do about the farm at a URL; None unless it is this machine's embedded one, and none of it runs."""
    folder = current_folder()
    layout = load(folder) if folder is not None else None
    if folder is None or layout is None or layout.url != url or record.living(folder):
        return None
    named = "" if os.environ.get("OPTFARM_FOLDER") else f" --folder {folder}"
    return f"the farm in {folder} is down; start it: optfarm up{named}"
