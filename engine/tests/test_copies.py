import numpy as np
import pytest

from theory_on_trial.own_data.copies import copied_rows


def test_rows_that_come_several_times_are_counted():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((50, 3)), rng.standard_normal((50, 2))
    again = rng.permutation(np.repeat(np.arange(50), 4))
    assert copied_rows(first, second) == 0
    assert copied_rows(first[again], second[again]) == 200
    twice = np.append(np.arange(50), [3, 7])
    assert copied_rows(first[twice], second[twice]) == 4
    assert copied_rows(first[again].round(), second[again]) == 200


@pytest.mark.parametrize("seed", range(20))
def test_few_values_that_meet_by_chance_are_no_copies(seed):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, (300, 1))
    assert copied_rows(classes, rng.standard_normal((300, 2))) == 0
    assert copied_rows(classes, rng.integers(0, 2, (300, 4))) == 0
    assert copied_rows(classes, 1 - classes) == 0
    assert copied_rows(classes, np.eye(3)[classes[:, 0]]) == 0
