"""What `score` may return, and how what it may not is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.own_metric import MetricFailed
from tamago_metric.returned import Returned, UnusableReturnError, read_returned
from tests.scoring.own_metrics import run


@pytest.mark.parametrize(
    ("value", "score"),
    [(0.5, 0.5), (1, 1.0), (np.float32(0.5), 0.5), (np.int64(3), 3.0), (-0.0, 0.0), (np.array(0.5), 0.5)],
)
def test_a_number_is_a_score(value, score):
    assert read_returned(value) == Returned(score, True, None, None, {})
    assert str(read_returned(value).score) == str(score)


def test_a_dict_may_tell_more():
    value = {
        "score": np.float64(0.5),
        "passed_gate": np.True_,
        "recall": 0.8,
        "precision": 1,
        "hits": np.int8(3),
    }
    assert read_returned(value) == Returned(0.5, True, 0.8, 1.0, {"hits": 3.0})


def test_below_the_gate_there_is_no_score():
    assert read_returned({"score": None, "passed_gate": False}).score is None
    assert read_returned({"score": 0.5, "passed_gate": False, "recall": 0.2}) == Returned(
        None, False, 0.2, None, {}
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "NoneType None, which is no number"),
        (True, "bool True, which is no number"),
        (np.True_, "bool True"),
        ("0.5", "str '0.5'"),
        (b"1", "bytes"),
        (1 + 2j, "complex (1+2j)"),
        (float("nan"), "nan: a score must be finite"),
        (float("inf"), "inf: a score must be finite"),
        (np.float64("-inf"), "-inf: a score must be finite"),
        (10**400, "an integer that is too large"),
        ([0.5], "an object of type list"),
        (np.array([0.5]), "an object of type ndarray"),
        (np.datetime64("2020-01-01"), "which is no number"),
        ("x" * 10**6, "x…"),
        ({}, 'a dict without "score"'),
        ({"value": 1}, 'a dict without "score"'),
        ({"score": float("nan")}, '"score": nan'),
        ({"score": None}, '"score": NoneType None'),
        ({"score": {"score": 1}}, "an object of type dict"),
        ({"score": 1, "passed_gate": 1}, '"passed_gate": int 1: it is True or False'),
        ({"score": 1, "recall": 1.5}, '"recall": 1.5: it lies between 0 and 1'),
        ({"score": 1, "precision": -1}, '"precision": -1.0: it lies between 0 and 1'),
        ({"score": 1, 5: 1}, "the name int 5"),
        ({"score": 1, "": 1}, "the name str ''"),
        ({"score": 1, "x" * 41: 1}, "names are printable text of 1 to 40"),
        ({"score": 1, "a\nb": 1}, "names are printable"),
        ({"score": 1, "\ud800": 1}, "names are printable"),
        ({"score": 1, "hits": "many"}, "\"hits\": str 'many'"),
        ({"score": 1} | {f"n{i}": i for i in range(21)}, "21 named numbers beside the score: 20 at most"),
        ({"score": 1} | {f"n{i}": i for i in range(10**5)}, "100,000 named numbers"),
    ],
)
def test_anything_else_is_refused_in_words(value, told):
    with pytest.raises(UnusableReturnError) as refused:
        read_returned(value)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 400
    str(refused.value).encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("score"), inner),
    )
)
def test_whatever_comes_it_is_read_or_refused_and_reads_the_same_again(value):
    try:
        returned = read_returned(value)
    except UnusableReturnError:
        return
    assert read_returned(returned.to_dict()) == returned


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("float('nan')", "nan: a score must be finite"),
        ("'0.5'", "which is no number"),
        ("submission", "an object of type DataFrame"),
        ("10**100000", "too large"),
        ("{'score': 1} | {str(i): i for i in range(10**5)}", "100,000 named numbers"),
        ("type('Odd', (float,), {'__float__': lambda self: 1 / 0})(1)", "ZeroDivisionError"),
    ],
)
def test_the_process_of_a_metric_refuses_it_too(expression, told):
    with pytest.raises(MetricFailed) as failed:
        run(f"def score(solution, submission):\n    return {expression}")
    assert told in failed.value.report()
