"""One digest for a whole list: a Merkle tree (RFC 6962) over its rows, reproduced by anyone who holds the rows.

leaf  = sha256(00 || commitment || public), public = the row's open fields as a JSON array without spaces, UTF-8
node  = sha256(01 || left || right); an odd last node moves up as it is, which gives RFC 6962's tree
root of no rows = sha256 of nothing

The commitment binds a row to its private fields: who knows salt, ID number and account can check it, who does not learns
nothing. hm_leaf, hm_commitment and hm_merkle_root compute the same bytes in PostgreSQL.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from json.encoder import encode_basestring

HASH_BYTES = 32
SALT_BYTES = 16


def canonical_row(fields: Sequence[str | None]) -> bytes:
    """The open fields of a row, in order, as bytes that no other fields give; PostgreSQL: array_to_json(text[]).

    Amounts and dates enter as the text they are shown with ("541.20", "2026-02-01").
    """
    if isinstance(fields, str):
        raise TypeError("fields are a sequence of texts, not one text")
    # what json.dumps gives with ensure_ascii=False and no spaces, without an encoder of its own for every row
    texts = ["null" if text is None else encode_basestring(text) for text in fields]
    return f"[{','.join(texts)}]".encode()


def commitment(salt: bytes, id_commitment: bytes, account_commitment: bytes) -> bytes:
    """32 bytes that bind the private parts under a random salt of at least 16 bytes; an absent part is empty, not None."""
    if len(salt) < SALT_BYTES:
        raise ValueError(f"a salt has at least {SALT_BYTES} bytes")
    parts = (salt, id_commitment, account_commitment)
    return sha256(b"\x02" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def leaf_hash(public: bytes, commitment: bytes) -> bytes:
    """Of canonical_row() and commitment()."""
    _require_hash(commitment)
    return sha256(b"\x00" + commitment + public).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The digest of a list; rows in another order give another digest."""
    level = _checked(leaves)
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[bytes]) -> list[bytes]:
    paired = [_node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return paired + level[-1:] if len(level) % 2 else paired


def _checked(leaves: Iterable[bytes]) -> list[bytes]:
    leaves = list(leaves)
    for leaf in leaves:
        _require_hash(leaf)
    return leaves


def _require_hash(value: bytes) -> None:
    if len(value) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(value)}")


# --- the code on paper ------------------------------------------------------------------------------------------------

CODE_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
CODE_LENGTH = 16


def short_code(root: str) -> str:
    """The first 80 bits of a root (hexadecimal) as 16 characters that survive a telephone call."""
    number = int(root[:20], 16)
    return "".join(CODE_SIGNS[number >> shift & 31] for shift in range(75, -1, -5))


def root_beginning(code: str) -> str:
    """The 20 hexadecimal digits with which every root of this short code begins."""
    number = 0
    for sign in code:
        number = number << 5 | CODE_SIGNS.index(sign)
    return f"{number:020x}"


def spaced(code: str) -> str:
    """7K3M 90QX 2F5B 81TD, as it is printed."""
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))
