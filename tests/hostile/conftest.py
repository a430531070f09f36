"""Hostile input is judged without the run-time checks of shapes and types, which users do not have."""

import jaxtyping
import pytest

pytest.register_assert_rewrite("contract")  # its tests say what they complain of


@pytest.fixture(scope="module", autouse=True)
def types_unchecked():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        yield
