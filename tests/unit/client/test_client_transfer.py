"""Files go to and come from presigned URLs whole, in parts and ranges, or not at all."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from optfarm import download
from optfarm.connection import Connection
from optfarm.errors import BadRequest, Broken
from optfarm.settings import ClientSettings
from optfarm.upload import batches_of, pieces_of, push
from optfarm_tasks.schema.api import Upload
from optfarm_tasks.schema.tree import File, scan
from tests.unit.scheduler_stub import Answer, Asked, Stub, serving


@dataclass
class Shelf:
    """A scheduler and an object store in one: it knows blobs by digest."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    part_bytes: int = 1 << 30
    refuse_once: bool = False
    lock: Any = field(default_factory=threading.Lock)
    stub: Stub | None = None

    def __call__(self, asked: Asked) -> Answer:
        with self.lock:
            return self._answer(asked)

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/v1/blobs":
            files = json.loads(asked.body)
            return Answer(200, [self._upload(each) for each in files if each["sha256"] not in self.blobs])
        if asked.path == "/v1/downloads":
            assert self.stub is not None
            return Answer(200, {digest: f"{self.stub.url}/get/{digest}" for digest in json.loads(asked.body)})
        if asked.path.endswith("/complete"):
            digest = asked.path.split("/")[3]
            etags = json.loads(asked.body)["etags"]
            self.blobs[digest] = b"".join(self.parts[etag] for etag in etags)
            return Answer(204, b"")
        return self._put(asked) if asked.method == "PUT" else self._get(asked)

    def _upload(self, file: dict[str, Any]) -> dict[str, Any]:
        assert self.stub is not None
        count = max(1, -(-file["size_bytes"] // self.part_bytes))
        urls = [f"{self.stub.url}/put/{file['sha256']}/{number}" for number in range(count)]
        many = {"part_bytes": self.part_bytes, "upload_id": "u"} if count > 1 else {"headers": {"X-Signed": "1"}}
        return {"sha256": file["sha256"], "urls": urls, **many}

    def _put(self, asked: Asked) -> Answer:
        if self.refuse_once:
            self.refuse_once = False
            return Answer(503, {})
        _, _, digest, number = asked.path.split("/")
        self.parts[f"{digest}-{number}"] = asked.body
        if asked.headers.get("X-Signed"):
            self.blobs[digest] = asked.body
        return Answer(200, b"", {"ETag": f"{digest}-{number}"})

    def _get(self, asked: Asked) -> Answer:
        content = self.blobs[asked.path.rpartition("/")[2]]
        if "Range" in asked.headers:
            first, last = map(int, asked.headers["Range"].removeprefix("bytes=").split("-"))
            return Answer(206, content[first : last + 1])
        return Answer(200, content)


@pytest.fixture
def shelf() -> Any:
    found = Shelf()
    with serving(found) as stub:
        found.stub = stub
        yield found


@pytest.fixture
def connection(shelf: Shelf) -> Any:
    assert shelf.stub is not None
    settings = ClientSettings.model_validate({"url": shelf.stub.url, "retry_s": 10})
    opened = Connection(settings, lambda _: None)
    yield opened
    opened.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "empty").write_bytes(b"")
    for number in range(40):
        (folder / "variables" / f"{number}").write_bytes(bytes([number]) * 1000)
    return folder


def test_a_folder_arrives_whole_and_comes_back_the_same(
    shelf: Shelf, connection: Connection, model: Path, tmp_path: Path
) -> None:
    tree = scan(model)

    push(connection, model, tree)
    pulled = download.pull(connection, tree, tmp_path / "pulled")

    assert scan(pulled) == tree
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in shelf.blobs.items())


def test_a_second_push_sends_only_what_is_missing(shelf: Shelf, connection: Connection, model: Path) -> None:
    push(connection, model, scan(model))
    (model / "saved_model.pb").write_bytes(b"another")
    assert shelf.stub is not None
    shelf.stub.asked.clear()

    sent = push(connection, model, scan(model))

    assert sent == len(b"another")
    assert sum(asked.method == "PUT" for asked in shelf.stub.asked) == 1


def test_a_large_file_goes_in_parts_in_their_order(shelf: Shelf, connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(bytes(range(256)) * 40)
    shelf.part_bytes = 1000

    push(connection, file, scan(file))

    assert list(shelf.blobs.values()) == [file.read_bytes()]
    assert len(shelf.parts) == 11


def test_a_store_that_is_away_for_a_moment_is_tried_again(shelf: Shelf, connection: Connection, model: Path) -> None:
    shelf.refuse_once = True

    push(connection, model, scan(model))

    assert len(shelf.blobs) == len({file.sha256 for file in scan(model).files})


def test_progress_adds_up_to_what_was_sent_whatever_it_took(shelf: Shelf, connection: Connection, model: Path) -> None:
    moved: list[int] = []
    shelf.refuse_once = True

    sent = push(connection, model, scan(model), on_progress=moved.append)

    assert sum(moved) == sent


def test_what_arrives_damaged_takes_no_name(shelf: Shelf, connection: Connection, model: Path, tmp_path: Path) -> None:
    tree = scan(model)
    push(connection, model, tree)
    graph = next(file.sha256 for file in tree.files if file.path == "saved_model.pb")
    shelf.blobs[graph] = b"grapa"

    with pytest.raises(Broken, match="digest"):
        download.pull(connection, tree, tmp_path / "pulled")

    assert list((tmp_path / "pulled").iterdir()) == []


def test_a_second_pull_into_a_folder_replaces_no_other_file(
    connection: Connection, model: Path, tmp_path: Path
) -> None:
    tree = scan(model)
    push(connection, model, tree)
    pulled = download.pull(connection, tree, tmp_path / "pulled")
    assert download.pull(connection, tree, pulled) == pulled

    (pulled / "saved_model.pb").write_bytes(b"mine")

    with pytest.raises(BadRequest, match=r"saved_model.pb is there already and is something else; name another folder"):
        download.pull(connection, tree, pulled)
    assert (pulled / "saved_model.pb").read_bytes() == b"mine"


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_file_in_place_of_the_folder_is_told(connection: Connection, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BadRequest, match=r"file is a file, and the artifact's files need a folder; name another"):
        download.pull(connection, scan(tmp_path / "file"), tmp_path / where)


def test_a_large_file_is_read_in_ranges(shelf: Shelf, connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(b"0123456789abcdef" * (download.RANGE_BYTES // 16) + b"the end")
    push(connection, file, scan(file))
    assert shelf.stub is not None
    shelf.stub.asked.clear()

    pulled = download.pull(connection, scan(file), tmp_path / "pulled")

    assert scan(pulled) == scan(file)
    assert sorted(asked.headers["Range"] for asked in shelf.stub.asked if asked.method == "GET") == [
        "bytes=0-16777215",
        "bytes=16777216-16777222",
    ]


def test_a_file_in_parts_is_covered_without_gap_or_overlap(tmp_path: Path) -> None:
    upload = Upload(sha256="0" * 64, urls=("a", "b", "c"), part_bytes=10, upload_id="u")

    pieces = list(pieces_of(upload, tmp_path, 25))

    assert [(piece.offset, piece.size_bytes) for piece in pieces] == [(0, 10), (10, 10), (20, 5)]


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ([], []),
        ([1] * 251, [250, 1]),
        ([100 << 30] * 3, [1, 1, 1]),
        ([1, 300 << 30, 1], [1, 1, 1]),
        ([60 << 30] * 5, [2, 2, 1]),
    ],
)
def test_one_question_covers_no_more_parts_than_can_be_asked_for(sizes: list[int], counts: list[int]) -> None:
    files = [File(path=str(at), sha256="0" * 64, size_bytes=size) for at, size in enumerate(sizes)]

    batches = list(batches_of(files))

    assert [len(batch) for batch in batches] == counts
    assert [file for batch in batches for file in batch] == files
