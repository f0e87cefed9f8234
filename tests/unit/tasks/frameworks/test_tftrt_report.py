"""What TF-TRT's own reports on models of many kinds come to; tests/tftrt/record.py recorded them."""

from pathlib import Path

import pytest

from optfarm_tasks.formats.raw import Malformed
from optfarm_tasks.frameworks.tftrt.report import UNTOLD, Segmentation, reasons_of, segmentation_of

RECORDED = Path(__file__).parents[3] / "recorded/tftrt"
NODES = {
    "mobilenet": ([183], 121, 0),
    "resnet": ([181], 124, 0),
    "encoder": ([83], 61, 0),
    "encoder-static": ([8, 20, 15, 3, 10], 38, 23),
    "recurrent": ([6, 8], 6, 64),
    "detector": ([3, 14], 9, 1),
    "detector-static": ([7, 3], 5, 5),
    "detector-large-segments": ([], 0, 10),
    "words": ([5], 4, 5),
    "table": ([], 0, 4),
    "upper": ([], 0, 1),
    "alternating": ([8] * 20, 100, 50),
}
"""Recording → nodes in each engine, and those that compute within engines and outside."""
BATCH = "implicit batch mode requires input shape with at least two dimensions"


def recorded(name: str, *, minimum_segment_size: int = 3, log: str | None = None) -> Segmentation:
    graph, said = (RECORDED / f"{name}.pb").read_bytes(), (RECORDED / f"{name}.txt").read_text()
    return segmentation_of(memoryview(graph), said if log is None else log, minimum_segment_size=minimum_segment_size)


def report(*lines: str) -> str:
    return "\n".join(
        ["#" * 80, "TensorRT unsupported/non-converted OP Report:", *lines, "-" * 80, "\t- Total nonconverted OPs: 4"]
    )


def test_every_recording_is_read() -> None:
    assert {file.stem for file in RECORDED.glob("*.txt")} == {file.stem for file in RECORDED.glob("*.pb")} == set(NODES)


@pytest.mark.parametrize("name", NODES)
def test_engines_their_nodes_and_what_is_left_are_counted(name: str) -> None:
    engines, converted, left = NODES[name]
    found = recorded(name)

    assert [engine.nodes for engine in found.engines] == engines
    assert (found.converted, found.not_converted) == (converted, left)
    assert found.notes()["engine_count"] == len(engines)
    assert UNTOLD not in str(found.notes())


def test_a_reason_stands_by_each_op_that_is_left() -> None:
    assert recorded("detector").left == {"NonMaxSuppressionV3": {"Op type NonMaxSuppressionV3 is not supported.": 1}}
    assert recorded("encoder-static").left["Einsum"] == {
        "Convertion for op: 'Einsum' is not supported in implicit batch mode": 2
    }
    assert recorded("words").left["StridedSlice"] == {
        "Failed to convert at least one input to a TRT_TensorOrWeights: Unsupported tensorflow data type int64": 1,
        BATCH: 1,
    }


def test_an_op_that_would_be_taken_is_told_from_one_that_would_not() -> None:
    left = recorded("detector-large-segments", minimum_segment_size=30).left

    assert left["MatMul"] == {"TensorRT takes it, but not in a segment of 30 nodes or more": 2}
    assert left["NonMaxSuppressionV3"] == {"Op type NonMaxSuppressionV3 is not supported.": 1}


def test_segments_beyond_the_number_that_is_allowed_are_told() -> None:
    left = recorded("alternating").left

    assert left["Erfinv"] == {"Op type Erfinv is not supported.": 25}
    assert left["Relu"] == {
        "TensorRT takes it, but not in a segment of 3 nodes or more, or in none of the 20 largest of 25": 5
    }


def test_without_a_report_nothing_is_said_of_reasons() -> None:
    assert recorded("detector", log="nothing").left == {"NonMaxSuppressionV3": {UNTOLD: 1}}


def test_the_most_frequent_ops_are_named_in_one_line() -> None:
    assert str(recorded("detector-static")) == (
        f"GatherV2 (2: TensorRT does not allow manipulation of the batch dimension; {BATCH}), Reshape (1: Reshape on "
        f"batch dimension is not supported), MatMul (1: TensorRT takes it, but not in a segment of 3 nodes or more), "
        f"NonMaxSuppressionV3 (1: Op type NonMaxSuppressionV3 is not supported.)"
    )
    assert str(recorded("recurrent")).endswith(" and 16 other types")


def test_reports_of_several_functions_add_up() -> None:
    one = report("\t- Where -> 2x", "\t\t- [Count: 2x] no", "")

    assert reasons_of(f"{one}\nsomething else\n{one}") == {"Where": {"no": 4}}


def test_a_reason_may_have_several_lines_and_a_report_may_be_cut() -> None:
    whole = report("\t- Where -> 3x", "\t\t- [Count: 2x] first", "line", "\t\t- [Count: 1x] other, at a/b/Where", "")

    assert reasons_of(whole) == {"Where": {"first line": 2, "other": 1}}
    assert reasons_of(whole.partition("-" * 80)[0]) == {"Where": {"first line": 2, "other": 1}}


def test_what_is_folded_away_after_the_report_is_not_counted() -> None:
    log = report("\t- NonMaxSuppressionV3 -> 9x", "\t\t- [Count: 8x] first", "\t\t- [Count: 1x] second", "")

    assert recorded("detector", log=log).left == {"NonMaxSuppressionV3": {"first": 1}}


def test_bytes_that_are_no_graph_are_refused() -> None:
    with pytest.raises(Malformed):
        segmentation_of(memoryview(b"\x0a\xff"), "", minimum_segment_size=3)
