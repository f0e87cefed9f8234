"""An object store in a local folder, for one machine and for tests."""

from collections.abc import Iterable
from pathlib import Path

from optfarm_storage import files
from optfarm_storage.errors import NotFound
from optfarm_storage.keys import checked
from optfarm_storage.store import OnProgress, unreported


class LocalStore:
    """See ObjectStore. Objects are files under their keys; a writer that dies leaves only a hidden `.part`.

    Every method raises OSError where the folder cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._arrivals = root / ".arriving"
        self._arrivals.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Stores a file or bytes."""
        target = self._path(key)
        with files.arriving(self._arrivals, progress=progress) as arrival:
            files.copy(source, arrival)
            arrival.check(sha256, f"the source of {key}")
            files.make_durable(arrival)
            target.parent.mkdir(parents=True, exist_ok=True)
            arrival.move(target)
        files.make_name_durable(target.parent)

    def put_new(self, key: str, content: bytes) -> bool:
        """Stores bytes unless the key is taken; whether it did."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.arriving(self._arrivals, progress=unreported) as arrival:
            arrival.take(content)
            files.make_durable(arrival)
            try:
                target.hardlink_to(arrival.path)
            except FileExistsError:
                return False
        files.make_name_durable(target.parent)
        return True

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Writes an object to a file."""
        path = self._path(key)
        if not path.is_file():
            raise NotFound(f"{self._root} has no {key}")
        with files.arriving(target.parent, progress=progress) as arrival:
            files.copy(path, arrival)
            arrival.check(sha256, f"{key} in {self._root}")
            arrival.move(target)

    def read(self, key: str) -> bytes:
        """A small object."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(f"{self._root} has no {key}") from error

    def sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → size in bytes, for the keys under which something is stored."""
        paths = {key: self._path(key) for key in keys}
        return {key: path.stat().st_size for key, path in paths.items() if path.is_file()}

    def _path(self, key: str) -> Path:
        return self._root / checked(key)
