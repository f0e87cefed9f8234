"""Sweeps as people write them down."""

from pathlib import Path

import pytest

from optfarm.errors import BadRequest
from optfarm.specfile import checked, duration_ms, listed, normal, numbers, read_yaml, size_bytes
from optfarm_tasks.schema.spec import Scenario


def test_yaml_takes_one_word_where_a_list_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "model: pilotnet\ntechniques: prune(sparsity=0.8) -> tflite-int8\nthreads: 2\nmemory: 2GB\ntimeout: 9\n"
    )

    spec = checked(read_yaml(file))

    assert [str(recipe) for recipe in spec.recipes] == ["prune(sparsity=0.8) -> tflite-int8"]
    assert spec.threads == (2,)
    assert spec.limits.memory_bytes == 2 * 10**9
    assert spec.limits.timeout_s == 9


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "\x00"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(text)

    with pytest.raises(BadRequest, match=r"sweep\.yaml"):
        read_yaml(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(BadRequest, match="speed"):
        checked({"model": "m", "recipes": ["baseline"], "speed": 3})


def test_limits_in_the_file_stay_beside_those_of_flags() -> None:
    assert normal({"limits": {"timeout_s": 5}, "memory": "1GiB"})["limits"] == {
        "timeout_s": 5,
        "memory_bytes": 1 << 30,
    }


@pytest.mark.parametrize(("text", "size"), [("2GB", 2 * 10**9), ("512 MiB", 512 << 20), ("1.5kb", 1500), ("7", 7)])
def test_sizes_read_as_people_write_them(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "2XB", "two", "1e400"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="no size"):
        size_bytes(text)


def test_commas_within_brackets_part_no_recipes() -> None:
    assert listed("prune(sparsity=0.5, begin=1) -> tflite-int8, baseline,") == [
        "prune(sparsity=0.5, begin=1) -> tflite-int8",
        "baseline",
    ]


def test_signs_within_quotes_part_no_recipes() -> None:
    assert listed("place-ops(match='a),b'), place-ops(match=c|d, device=gpu)") == [
        "place-ops(match='a),b')",
        "place-ops(match=c|d, device=gpu)",
    ]


def test_numbers_are_whole() -> None:
    assert numbers("1,2, 4", "threads") == [1, 2, 4]
    assert numbers("auto", "threads") == ["auto"]
    with pytest.raises(BadRequest, match="--threads"):
        numbers("1,x", "threads")


@pytest.mark.parametrize(("text", "latency_limit_ms"), [("50ms", 50), ("0.2s", 200), ("800 us", 0.8), ("1e1 ms", 10)])
def test_a_latency_limit_is_a_duration_with_its_unit(text: str, latency_limit_ms: float) -> None:
    assert duration_ms(text) == pytest.approx(latency_limit_ms)


@pytest.mark.parametrize("text", ["50", "ms", "", "fast", "5 min"])
def test_a_bound_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="write 50ms"):
        duration_ms(text)


def test_a_server_is_asked_for_by_its_own_words() -> None:
    spec = checked(normal({"model": "m", "recipes": ["baseline"], "scenario": "server", "bound": "50ms"}))

    assert (spec.scenario, spec.latency_limit_ms, spec.batch_sizes) == (Scenario.SERVER, 50, (1,))


def test_offline_takes_the_best_batch_unless_one_is_given() -> None:
    settings = {"model": "m", "recipes": ["baseline"], "scenario": "offline"}

    assert checked(normal(settings)).batch_sizes == ("auto",)
    assert checked(normal(settings | {"batch_sizes": 8})).batch_sizes == (8,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scenario": "server"}, "needs a limit"),
        ({"bound": "50ms"}, "belongs to the scenario Server"),
        ({"scenario": "server", "bound": "-1ms"}, "greater than 0"),
        ({"scenario": "server", "bound": "50ms", "batch_sizes": "auto"}, "not auto"),
        ({"scenario": "multi-stream"}, "single-stream, offline and server"),
    ],
)
def test_a_scenario_that_is_not_whole_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        checked(normal({"model": "m", "recipes": ["baseline"]} | settings))

    assert message in str(refused.value)
