"""The business clock, the table of duties that exclude one another, and what the app role may do."""

from django.conf import settings
from django.db import migrations

from huimin.core.authority.duties import CONFLICTS

CLOCK = """
INSERT INTO core_clock (id, shift) VALUES (1, interval '0');
CREATE FUNCTION business_now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT now() + coalesce((SELECT shift FROM core_clock WHERE id = 1), interval '0') $$;
"""
UNDO_CLOCK = "DROP FUNCTION business_now(); DELETE FROM core_clock;"

# Tables made later by the owner are granted to the app role as they appear; append-only ones take it back below
# and in their own app's migrations. Where everything runs under one role there is nothing to grant.
GRANTS = f"""
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{settings.APP_DB_ROLE}')
       AND current_user <> '{settings.APP_DB_ROLE}' THEN
        GRANT USAGE ON SCHEMA public TO {settings.APP_DB_ROLE};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {settings.APP_DB_ROLE};
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {settings.APP_DB_ROLE};
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {settings.APP_DB_ROLE};
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {settings.APP_DB_ROLE};
        REVOKE UPDATE, DELETE ON core_auditevent, core_auditseal, core_involvement, core_storedfile, core_filechunk
            FROM {settings.APP_DB_ROLE};
        REVOKE INSERT, UPDATE, DELETE ON core_clock, core_dutyconflict, django_migrations FROM {settings.APP_DB_ROLE};
    END IF;
END $$;
"""


def fill_duties(apps, schema_editor):
    conflicts = apps.get_model("core", "DutyConflict")
    conflicts.objects.bulk_create(conflicts(first=str(a), second=str(b)) for a, b in CONFLICTS)


def empty_duties(apps, schema_editor):
    apps.get_model("core", "DutyConflict").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunSQL(CLOCK, UNDO_CLOCK),
        migrations.RunPython(fill_duties, empty_duties),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
