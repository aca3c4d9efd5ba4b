"""SQL that triggers and reads share: the open fields of a line, the root over a list."""

# the open fields of a line, in the order in which anybody hashes them (huimin.core.values.digests); alias l is the line
PUBLIC_ROW = """ARRAY[l.line_no::text, l.division_code, l.group_name, l.public_name, l.quantity::text,
    l.standard_text, l.amount::text]"""
# Merkle root (hex) over lines l, from every open column: a changed amount or name shows, not only a changed leaf
ROOT = f"""encode(hm_merkle_root(coalesce(string_agg(hm_leaf({PUBLIC_ROW}, l.commitment), ''::bytea
    ORDER BY l.line_no), ''::bytea)), 'hex')"""
