"""Where the processor is the cause of a loss, the result says so, and what the artifact is worth elsewhere."""

from optfarm_tasks.quality.overflow import explained
from optfarm_tasks.schema.result import Quality


def quality(nmse: float, *, collapsed: bool = False) -> Quality:
    reason = "y is no nearer" if collapsed else None
    return Quality(
        samples=8, mse=nmse, nmse=nmse, max_abs_difference=1, cosine=1, collapsed=collapsed, collapse_reason=reason
    )


def test_a_collapse_by_overflow_is_the_processors() -> None:
    found = explained(quality(41.0, collapsed=True), quality(0.02))

    assert (found.nmse, found.exact_nmse, found.collapsed) == (41.0, 0.02, True)
    assert found.collapse_reason is not None
    assert "integer kernels of this processor overflow" in found.collapse_reason
    assert found.collapse_reason.endswith("the artifact itself is sound")
    assert found.warnings[0].endswith("NMSE 41 here, 0.02 where they do not")


def test_an_artifact_that_is_spoilt_anywhere_keeps_its_own_reason() -> None:
    found = explained(quality(41.0, collapsed=True), quality(1.6, collapsed=True))

    assert found.collapse_reason == "y is no nearer"
    assert found.warnings[0].endswith("NMSE 41 here, 1.6 where they do not")


def test_what_overflow_does_not_change_has_no_warning() -> None:
    found = explained(quality(0.0201), quality(0.02))

    assert (found.exact_nmse, found.warnings, found.collapse_reason) == (0.02, (), None)
