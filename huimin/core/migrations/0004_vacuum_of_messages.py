"""core_message is written, delivered by an update and forgotten: its dead rows are cleared away early, whatever its size."""

from django.db import migrations

SQL = """ALTER TABLE core_message SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000)"""
UNDO = """ALTER TABLE core_message RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
    autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)"""


class Migration(migrations.Migration):
    dependencies = [("core", "0003_merkle_functions")]

    operations = [migrations.RunSQL(SQL, UNDO)]
