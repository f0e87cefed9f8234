"""What the scheduler answers over HTTP: blobs and models, tokens, and problems that say what is wrong."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.integration.scheduler_farm import Farm, a_farm
from tests.pushes import new_model
from tests.servers import S3Server


@pytest.fixture(scope="module")
def farm(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with a_farm(folder, s3_server) as made:
        made.schedule(folder / "farm.db")
        made.push("model")
        yield made


def test_a_model_whose_files_are_missing_is_refused(farm: Farm) -> None:
    answer = farm.user.post("/v1/models", content=new_model("other", b"never pushed").model_dump_json())

    assert answer.status_code == 409
    assert "saved_model.pb" in answer.json()["detail"]
    assert farm.user.get("/v1/models/other").status_code == 404


def test_a_blob_goes_up_once_and_only_as_it_was_announced(farm: Farm) -> None:
    (file,) = new_model("x", b"some bytes").tree.files
    (upload,) = farm.user.post("/v1/blobs", json=[file.model_dump()]).json()

    assert httpx.put(upload["urls"][0], content=b"other byte", headers=upload["headers"]).status_code == 400
    assert httpx.put(upload["urls"][0], content=b"some bytes", headers=upload["headers"]).is_success
    assert farm.user.post("/v1/blobs", json=[file.model_dump()]).json() == []
    assert farm.user.get(f"/v1/blobs/{file.sha256}", follow_redirects=False).status_code == 307
    (url,) = farm.user.post("/v1/downloads", json=[file.sha256]).json().values()
    assert httpx.get(url).content == b"some bytes"


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([10**18], "model has 1000000000000000000 bytes, and a store takes "),
        ([10**11] * 200, "parts, and 20000 can be asked for; ask for fewer files"),
    ],
)
def test_uploads_of_more_than_a_store_takes_are_refused_at_once(farm: Farm, sizes: list[int], said: str) -> None:
    files = [{"path": "model", "sha256": f"{number:064x}", "size_bytes": size} for number, size in enumerate(sizes)]
    answer = farm.user.post("/v1/blobs", json=files)

    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def status_of(farm: Farm, token: str, *headers: str, body: bytes = b"", pieces: int = 0) -> int:
    """What is answered to a request of which so much is sent, while it goes on."""
    address = httpx.URL(farm.url)
    lines = ("POST /v1/models HTTP/1.1", f"Host: {address.host}", f"Authorization: Bearer {token}", *headers, "", "")
    with socket.create_connection((address.host, address.port or 80), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        with suppress(ConnectionError):
            for _ in range(pieces):
                connection.sendall(body)
        return int(connection.recv(64).split()[1])


def test_the_body_of_a_request_is_read_of_known_people_alone_and_up_to_a_bound(farm: Farm) -> None:
    known = farm.user.headers["Authorization"].partition(" ")[2]
    chunked, piece = "Transfer-Encoding: chunked", b"100000\r\n" + b" " * (1 << 20) + b"\r\n"

    assert status_of(farm, "x", "Content-Length: 1000000000000") == 401
    assert status_of(farm, "x", chunked) == 401
    assert status_of(farm, known, f"Content-Length: {33 << 20}") == 413
    assert status_of(farm, known, chunked, body=piece, pieces=34) == 413
    assert farm.user.post("/v1/models", content=b" " * (1 << 20)).status_code == 422


def test_parts_that_were_never_sent_make_no_object(farm: Farm) -> None:
    large = {"path": "model", "sha256": "0" * 64, "size_bytes": 1 << 30}
    (upload,) = farm.user.post("/v1/blobs", json=[large]).json()
    completion = {"upload_id": upload["upload_id"], "etags": ["never sent"] * len(upload["urls"])}

    answer = farm.user.post(f"/v1/blobs/{large['sha256']}/complete", json=completion)

    assert answer.status_code == 409
    assert "begin it again" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('"name":"model"', "'half \\ud800' is no name"),
        ('"path":"saved_model.pb"', "is not a plain relative path"),
        ('"name":"serving_default"', "has text that is none"),
    ],
)
def test_half_a_character_is_no_text(farm: Farm, written: str, said: str) -> None:
    key = written.partition(":")[0]
    new = new_model("model", b"model").model_dump_json()
    assert written in new

    answer = farm.user.post("/v1/models", content=new.replace(written, f'{key}:"half \\ud800"'))

    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]


def test_without_the_right_token_nothing_is_told(farm: Farm) -> None:
    nobody, stranger = (
        httpx.get(f"{farm.url}/v1/sweeps", headers=each) for each in ({}, {"Authorization": "Bearer x"})
    )
    worker, user = farm.worker.get("/v1/sweeps"), farm.user.post("/v1/tasks/x/finish", json={})

    assert (nobody.status_code, stranger.status_code) == (401, 401)
    assert nobody.headers["WWW-Authenticate"] == "Bearer"
    assert nobody.headers["Content-Type"] == "application/problem+json"
    assert (worker.status_code, user.status_code) == (403, 403)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"recipes": ["tflite-in8"]}, "did you mean 'tflite-int8'"),
        ({"recipes": ["tflite-float32(colour=1)"]}, "colour"),
        ({"recipes": ["(("]}, "is no step of a recipe"),
        ({"recipes": ["tflite-int8"]}, "it needs calibration data"),
        ({"devices": ["gpu"]}, "there are: alpha.cpu (fake)"),
        ({"threads": [0]}, "threads.0 is 0; it takes 1 or more, or auto"),
        ({"surprise": 1}, "there is no surprise"),
    ],
)
def test_bad_input_is_a_problem_that_says_what_is_wrong(farm: Farm, more: dict[str, object], words: str) -> None:
    farm.new_worker().register()
    answer = farm.put_sweep("000000000bad", **{"recipes": ["tflite-float32"]} | more)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_what_is_not_there_is_a_problem_too(farm: Farm) -> None:
    paths = ["sweeps/0", "sweeps/0/events", "sweeps/0/report", "tasks/0", "models/nope", "devices/nope", "nonsense"]
    answers = [farm.user.get(f"/v1/{path}") for path in paths]

    assert [answer.status_code for answer in answers] == [404] * len(paths)
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/problem+json"}


def test_the_description_is_published(farm: Farm) -> None:
    described = httpx.get(f"{farm.url}/v1/openapi.json").json()

    assert "/v1/sweeps/{sweep_id}" in described["paths"]
    assert httpx.get(f"{farm.url}/v1/docs").is_success
