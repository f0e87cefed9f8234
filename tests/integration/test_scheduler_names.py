"""Names of models, data sets and sweeps over HTTP: in any script, changed, and followed by what meant them."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from optfarm_tasks.schema.sweep import SweepDraft, SweepSpec
from tests.integration.scheduler_farm import Farm, a_farm
from tests.pushes import new_model
from tests.servers import S3Server


@pytest.fixture(scope="module")
def farm(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with a_farm(folder, s3_server) as made:
        made.schedule(folder / "farm.db")
        made.new_worker().register()
        yield made


def records(farm: Farm) -> int:
    found = farm.store.client.list_objects_v2(Bucket=farm.bucket.bucket, Prefix="models/")
    return int(found["KeyCount"])


@pytest.mark.parametrize("name", ["модель 1", "inner?x", "inner#", "%69nner", "é", "内"])
def test_a_model_is_found_by_the_name_it_was_pushed_under(farm: Farm, name: str) -> None:
    before = records(farm)

    farm.push(name, name.encode())

    assert farm.user.get(f"/v1/models/{quote(name, safe='')}").json()["name"] == name
    assert records(farm) == before + 1


def test_a_name_may_be_asked_for_in_another_form_of_its_letters(farm: Farm) -> None:
    farm.push("caf\u00e9", b"coffee")

    assert farm.user.get("/v1/models/cafe\u0301").json()["name"] == "caf\u00e9"


def test_what_is_no_name_is_refused(farm: Farm) -> None:
    wrong = new_model().model_dump(mode="json") | {"name": "a/b"}

    answer = farm.user.post("/v1/models", json=wrong)

    assert answer.status_code == 422
    assert "'a/b' is no name: it has a '/'" in answer.json()["detail"]


def test_a_renamed_model_keeps_its_digest_its_history_and_its_sweeps(farm: Farm) -> None:
    farm.push("old", b"first")
    farm.push("old", b"second")
    digest = farm.user.get("/v1/models/old").json()["digest"]
    farm.submit("00000000aaaa", model="old")

    renamed = farm.user.post("/v1/models/old/rename", json={"name": "new"})

    assert renamed.json()["name"] == "new"
    assert farm.user.get("/v1/models/new").json()["digest"] == digest
    assert farm.user.get("/v1/models/old").status_code == 404
    assert farm.status("00000000aaaa").spec.model == "new"
    assert farm.report("00000000aaaa").model == "new"
    assert len([each for each in farm.user.get("/v1/models").json() if each["name"] == "new"]) == 2


def test_a_name_that_means_another_model_is_not_taken(farm: Farm) -> None:
    farm.push("one", b"one")
    farm.push("two", b"two")

    taken, absent, wrong = (
        farm.user.post(f"/v1/models/{old}/rename", json={"name": new})
        for old, new in (("one", "two"), ("three", "four"), ("one", "a/b"))
    )

    assert (taken.status_code, absent.status_code, wrong.status_code) == (409, 404, 422)
    assert "there is a model 'two' already" in taken.json()["detail"]
    assert farm.user.get("/v1/models/one").is_success


def test_a_sweep_has_the_label_that_it_was_given_last(farm: Farm) -> None:
    farm.push("model")
    farm.submit("00000000bbbb", seed=5, purpose="verify")

    labels = [
        farm.user.post("/v1/sweeps/00000000bbbb/rename", json={"name": name}).json()["label"]
        for name in ("first", "второй")
    ]

    (listed,) = (each for each in farm.user.get("/v1/sweeps").json() if each["id"] == "00000000bbbb")
    assert labels == ["first", "второй"]
    assert (listed["label"], listed["purpose"], listed["recipes"]) == ("второй", "verify", 1)
    assert farm.user.post("/v1/sweeps/0/rename", json={"name": "x"}).status_code == 404


def test_a_sweep_is_checked_before_its_model_is_pushed(farm: Farm) -> None:
    def checked(recipe: str) -> tuple[int, str]:
        spec = SweepSpec.model_validate({"model": "unpushed", "recipes": [recipe]})
        draft = SweepDraft(spec=spec, model=new_model("unpushed", b"never pushed"))
        answer = farm.user.post("/v1/sweeps/check", content=draft.model_dump_json())
        return answer.status_code, answer.text

    assert checked("tflite-float32")[0] == 200
    assert checked("tflite-in8")[0] == 422
    assert "it needs calibration data" in checked("tflite-int8")[1]
    assert farm.user.get("/v1/models/unpushed").status_code == 404
