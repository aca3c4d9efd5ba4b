"""What the app role may only add to."""

from django.conf import settings
from django.db import migrations

TABLES = "recipients_deliberationrecord, recipients_noticeline, recipients_jointsignature, recipients_endingcut, recipients_succession"
SQL = f"""
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{settings.APP_DB_ROLE}')
       AND current_user <> '{settings.APP_DB_ROLE}' THEN
        REVOKE UPDATE, DELETE ON {TABLES} FROM {settings.APP_DB_ROLE};
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recipients", "0001_initial"), ("core", "0002_clock_duties_roles")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
