"""List digests in SQL, equal to huimin.core.values.digests."""

from django.db import migrations

SQL = r"""
-- The digests of huimin/core/values/digests.py in SQL: equal bytes for equal rows (tests/core/test_digests.py).
-- NULL is refused instead of giving NULL, since string_agg() would drop such a leaf without a word.
-- plpgsql, because an IMMUTABLE SQL function over array_to_json() and convert_to() is not inlined and takes longer.
-- Both are declared STABLE for types and encodings in general; over text and UTF8 they never change.

-- One row of a list: sha256(00 || commitment || its fields as a JSON array without spaces).
CREATE OR REPLACE FUNCTION hm_leaf(public text[], commitment bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF public IS NULL OR octet_length(commitment) IS DISTINCT FROM 32 THEN
        RAISE EXCEPTION 'a leaf needs fields and a commitment of 32 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN sha256('\x00'::bytea || commitment || convert_to(array_to_json(public)::text, 'UTF8'));
END $$;

-- What binds a row to its private fields without telling them: each part with its length before it.
CREATE OR REPLACE FUNCTION hm_commitment(salt bytea, id_commitment bytea, account_commitment bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF coalesce(octet_length(salt), 0) < 16 OR id_commitment IS NULL OR account_commitment IS NULL THEN
        RAISE EXCEPTION 'a commitment needs a salt of 16 bytes and two parts' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN sha256('\x02'::bytea || int4send(octet_length(salt)) || salt
        || int4send(octet_length(id_commitment)) || id_commitment
        || int4send(octet_length(account_commitment)) || account_commitment);
END $$;

-- Root over the concatenated leaves, level by level; an odd last node moves up as it is. No leaves: sha256 of nothing.
CREATE OR REPLACE FUNCTION hm_merkle_root(leaves bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    level bytea := leaves || ''::bytea;  -- out of TOAST once, else every substring() below would unpack it again
    pairs int;
BEGIN
    IF leaves IS NULL OR octet_length(leaves) % 32 <> 0 THEN
        RAISE EXCEPTION 'leaves are 32 bytes each' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF leaves = ''::bytea THEN
        RETURN sha256(leaves);
    END IF;
    WHILE octet_length(level) > 32 LOOP
        pairs := octet_length(level) / 64;
        SELECT string_agg(sha256('\x01'::bytea || substring(level FROM pair * 64 + 1 FOR 64)), ''::bytea ORDER BY pair)
            || substring(level FROM pairs * 64 + 1)
        INTO level FROM generate_series(0, pairs - 1) pair;
    END LOOP;
    RETURN level;
END $$;
"""
UNDO = "DROP FUNCTION hm_merkle_root(bytea); DROP FUNCTION hm_commitment(bytea, bytea, bytea); DROP FUNCTION hm_leaf(text[], bytea);"


class Migration(migrations.Migration):
    dependencies = [("core", "0002_clock_duties_roles")]

    operations = [migrations.RunSQL(SQL, UNDO)]
