"""List digests in SQL, equal to huimin.core.values.digests."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).resolve().parent.parent / "sql" / "merkle.sql").read_text(encoding="utf-8")
UNDO = "DROP FUNCTION hm_merkle_root(bytea); DROP FUNCTION hm_commitment(bytea, bytea, bytea); DROP FUNCTION hm_leaf(text[], bytea);"


class Migration(migrations.Migration):
    dependencies = [("core", "0002_clock_duties_roles")]

    operations = [migrations.RunSQL(SQL, UNDO)]
