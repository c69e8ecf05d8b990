"""Text and JSON from anywhere: read whole, or refused."""

import contextlib
import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdenet.storage.records import MAX_DEPTH, as_json, read_bytes, read_json, read_text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(values)
def test_what_json_can_hold_is_read_as_it_was(value):
    assert as_json(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(ValueError):
        json.dumps(as_json(text), allow_nan=False)


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "NaN", "-Infinity", "1e999", '{"a": 1, "a": 2}', "9" * 5000, "9" * 301,
        "[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 500 + "1" + "}" * 500,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ValueError):
        as_json(text)


def test_only_regular_files_of_bounded_size_are_opened(tmp_path):
    path = tmp_path / "record"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="no regular file"):
        read_json(path)  # and nobody writes to it: it would wait for ever
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="no regular file"):
        read_text(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="at most"):
        read_text(path)
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="UTF-8"):
        read_text(path)
    assert read_bytes(path, 2) == b"\xff\xfe"


def test_numbers_are_finite():
    assert math.isfinite(as_json("1" + "0" * 299) * 1.0)
