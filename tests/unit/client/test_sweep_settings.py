"""Sweeps as people write them down."""

from pathlib import Path

import pytest

from optfarm.errors import BadRequest
from optfarm.flag_values import duration_ms, listed, numbers, size_bytes
from optfarm.sweep_settings import read_yaml, settings_of
from optfarm_tasks.schema.spec import Scenario


def test_yaml_takes_one_word_where_a_list_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "model: pilotnet\ntechniques: prune(sparsity=0.8) -> tflite-int8\nthreads: 2\nmemory: 2GB\ntimeout: 9\n"
    )

    spec = read_yaml(file).spec()

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
    with pytest.raises(BadRequest, match="there is no setting 'effrt'; did you mean 'effort'"):
        settings_of({"model": "m", "effrt": "quick"})
    with pytest.raises(BadRequest, match="there is no setting 'colour'; there are model, data, recipes"):
        settings_of({"model": "m", "colour": 3})


def test_flags_win_over_the_file_and_leave_the_rest_of_it(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("model: m\nrecipes: [a, b]\nthreads: 2\nlimits: {timeout_s: 5}\n")

    spec = settings_of({"memory": "1GiB", "threads": [4], "seed": None}).over(read_yaml(file)).spec()

    assert (spec.limits.timeout_s, spec.limits.memory_bytes) == (5, 1 << 30)
    assert (spec.threads, spec.seed, [str(each) for each in spec.recipes]) == ((4,), 0, ["a", "b"])


def test_names_of_earlier_versions_mean_the_present_ones() -> None:
    common = {"model": "m", "recipes": ["baseline"], "scenario": "server"}

    former = settings_of(common | {"profile": "quick", "bound": "50ms"})

    assert former == settings_of(common | {"profile": "quick", "bound_ms": 50})
    assert former == settings_of(common | {"effort": "quick", "latency_limit": "50ms"})


def test_a_sweep_that_was_stored_can_be_asked_for_again() -> None:
    spec = settings_of({"model": "m", "recipes": ["baseline"], "timeout": 9}).spec()

    assert settings_of(spec.model_dump(mode="json")).spec() == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"effort": "vast"}, "effort"), ({"threads": ["x"]}, "threads"), ({"limits": 5}, "limits: {timeout_s: 600")],
)
def test_a_value_that_a_setting_does_not_take_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        settings_of(settings)


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
    spec = settings_of({"model": "m", "recipes": ["baseline"], "scenario": "server", "bound": "50ms"}).spec()

    assert (spec.scenario, spec.latency_limit_ms, spec.batch_sizes) == (Scenario.SERVER, 50, (1,))


def test_offline_takes_the_best_batch_unless_one_is_given() -> None:
    settings = {"model": "m", "recipes": ["baseline"], "scenario": "offline"}

    assert settings_of(settings).spec().batch_sizes == ("auto",)
    assert settings_of(settings | {"batch_sizes": 8}).spec().batch_sizes == (8,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scenario": "server"}, "needs a limit"),
        ({"bound": "50ms"}, "--latency-limit belongs to the scenario server"),
        ({"scenario": "server", "bound": "-1ms"}, "--latency-limit is -1ms; it takes more than 0ms"),
        ({"scenario": "server", "bound": "50ms", "batch_sizes": "auto"}, "not auto"),
        ({"scenario": "multi-stream"}, "single-stream, offline and server"),
    ],
)
def test_a_scenario_that_is_not_whole_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        settings_of({"model": "m", "recipes": ["baseline"]} | settings).spec()

    assert message in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"recipes": ["baseline"], "techniques": "all"},
        {"effort": "quick", "profile": "full"},
        {"timeout": 9, "timeout_s": 8},
        {"memory": "2GB", "memory_bytes": 1},
        {"bound": "50ms", "latency_limit_ms": 20},
    ],
)
def test_one_setting_under_two_names_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match="are one setting") as refused:
        settings_of({"model": "m"} | settings)

    assert all(repr(name) in str(refused.value) for name in settings)
