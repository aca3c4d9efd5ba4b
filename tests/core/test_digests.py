import json
import os
from hashlib import sha256

import pytest
from django.db import DataError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from huimin.core.values.digests import (
    canonical_row,
    commitment,
    leaf_hash,
    merkle_root,
)

FIELDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=6)


def leaves(count):
    return [sha256(str(i).encode()).digest() for i in range(count)]


def rfc_6962_root(hashes):
    """The definition: split at the largest power of two smaller than the size."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + rfc_6962_root(hashes[:split]) + rfc_6962_root(hashes[split:])).digest()


@pytest.mark.parametrize("count", [*range(35), 1000])
def test_the_tree_is_the_one_of_rfc_6962(count):
    assert merkle_root(iter(leaves(count))) == rfc_6962_root(leaves(count))


@given(st.integers(2, 40), st.data())
def test_changing_adding_removing_or_swapping_a_row_changes_the_digest(count, data):
    rows, at = leaves(count), data.draw(st.integers(0, count - 2))
    changed = [
        [*rows[:at], sha256(b"other").digest(), *rows[at + 1 :]],
        [*rows, rows[-1]],
        rows[:at] + rows[at + 1 :],
        [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]],
    ]
    assert merkle_root(rows) not in [merkle_root(other) for other in changed]


@given(FIELDS, FIELDS)
def test_different_fields_give_different_bytes(one, other):
    assert (canonical_row(one) == canonical_row(other)) == (one == other)


def test_a_row_is_a_json_array_that_anyone_can_write():
    assert canonical_row(["王*英", '"', None]) == '["王*英","\\"",null]'.encode()
    odd = ["a\nb", "", "\x00\x1f\x7f\u2028", "𠮷\\/", None]
    assert canonical_row(odd) == json.dumps(odd, ensure_ascii=False, separators=(",", ":")).encode()
    assert canonical_row([]) == b"[]"
    with pytest.raises(TypeError):
        canonical_row("王*英")


def test_a_leaf_is_no_node():
    left, right = leaves(2)
    assert leaf_hash(right, left) != merkle_root([left, right])


def test_a_commitment_tells_its_parts_apart():
    salt = bytes(16)
    assert commitment(salt, b"ab", b"c") != commitment(salt, b"a", b"bc")
    assert commitment(salt, b"ab", b"c") != commitment(bytes(15) + b"\x01", b"ab", b"c")
    with pytest.raises(ValueError, match="at least 16"):
        commitment(bytes(15), b"", b"")


def test_hashes_of_a_wrong_length_are_refused():
    for attempt in (
        lambda: merkle_root([b"x"]),
        lambda: leaf_hash(b"", b"x"),
    ):
        with pytest.raises(ValueError, match="32 bytes"):
            attempt()


@pytest.fixture
def sql(db):
    """One value from PostgreSQL."""
    with connection.cursor() as cursor:

        def value(query, *parameters):
            cursor.execute(query, parameters)
            return bytes(cursor.fetchone()[0])

        yield value


AWKWARD = [
    "",
    " ",
    '"',
    "\\",
    "/",
    "\b\f\n\r\t",
    "\x01\x1f\x7f",
    "\u2028\x85",
    "王*英",
    "𠮷",
    "😀",
    "</script>",
    "1,541.20",
    "{a,b}",
    "NULL",
    "'",
]


def test_leaves_in_sql_and_python_are_equal(sql):
    bound = sha256(b"").digest()
    for fields in ([], [""], ["", ""], [None], ["a", None, "b"], AWKWARD, *([text] for text in AWKWARD)):
        assert sql("SELECT hm_leaf(%s::text[], %s)", fields, bound) == leaf_hash(canonical_row(fields), bound)


def test_any_text_gives_equal_leaves_in_sql_and_python(sql):
    @given(FIELDS)
    @settings(max_examples=60, deadline=None)
    def equal(fields):
        fields = [text.replace("\x00", "") for text in fields]
        assert sql("SELECT hm_leaf(%s::text[], %s)", fields, bytes(32)) == leaf_hash(
            canonical_row(fields), bytes(32)
        )

    equal()


def test_commitments_in_sql_and_python_are_equal(sql):
    for parts in (
        (bytes(16), b"", b""),
        (os.urandom(16), os.urandom(16), os.urandom(32)),
        (os.urandom(40), b"a" * 300, b""),
    ):
        assert sql("SELECT hm_commitment(%s, %s, %s)", *parts) == commitment(*parts)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 100, 1001])
def test_roots_in_sql_and_python_are_equal(sql, count):
    assert sql("SELECT hm_merkle_root(%s)", b"".join(leaves(count))) == merkle_root(leaves(count))


def test_a_list_in_a_table_has_the_digest_of_its_rows_in_order(sql):
    rows = [[f"王*{i}", f"{i}.20"] for i in range(300)]
    root = sql(
        "SELECT hm_merkle_root(string_agg(hm_leaf(ARRAY['王*' || i, i || '.20'], %s), ''::bytea ORDER BY i))"
        " FROM generate_series(0, 299) i",
        bytes(32),
    )
    assert root == merkle_root(leaf_hash(canonical_row(row), bytes(32)) for row in rows)


@pytest.mark.parametrize(
    "call",
    [
        "hm_leaf(NULL, sha256(''))",
        "hm_leaf(ARRAY['a'], NULL)",
        "hm_leaf(ARRAY['a'], '\\x00')",
        "hm_commitment(NULL, '', '')",
        "hm_commitment('\\x00', '', '')",
        "hm_commitment(sha256(''), NULL, '')",
        "hm_commitment(sha256(''), '', NULL)",
        "hm_merkle_root(NULL)",
        "hm_merkle_root('\\x00')",
    ],
)
def test_what_would_lose_a_row_is_refused_in_sql(sql, call):
    with pytest.raises(DataError), transaction.atomic():
        sql(f"SELECT {call}")
