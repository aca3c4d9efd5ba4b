"""The business clock, the table of duties that exclude one another, and what the app role may do."""

from django.conf import settings
from django.db import migrations

# As of this migration, and never edited: an installed database has these rows. A change of duties.CONFLICTS comes
# with a migration of its own that adds or removes rows of core_dutyconflict.
CONFLICTS = (
    ("policy.make", "policy.publish"),
    ("indicator.register", "indicator.confirm"),
    ("declaration.make", "declaration.township"),
    ("declaration.make", "declaration.department"),
    ("declaration.make", "declaration.finance"),
    ("declaration.make", "declaration.supervision"),
    ("declaration.make", "objection.answer"),
    ("declaration.township", "declaration.department"),
    ("declaration.township", "declaration.finance"),
    ("declaration.township", "declaration.supervision"),
    ("declaration.department", "declaration.finance"),
    ("declaration.department", "declaration.supervision"),
    ("declaration.finance", "declaration.supervision"),
    ("account.ask", "account.check"),
    ("notice.post", "notice.withdraw"),
    ("head.ask", "head.check"),
    ("head.ask", "roster.township"),
    ("head.ask", "roster.department.check"),
    ("head.ask", "roster.finance.handle"),
    ("head.ask", "roster.finance.check"),
    ("head.ask", "order.make"),
    ("head.ask", "order.sign"),
    ("head.ask", "return.upload"),
    ("head.ask", "return.confirm"),
    ("number.ask", "number.check"),
    ("number.ask", "roster.township"),
    ("number.ask", "roster.department.check"),
    ("number.ask", "roster.finance.handle"),
    ("number.ask", "roster.finance.check"),
    ("number.ask", "order.make"),
    ("number.ask", "order.sign"),
    ("number.ask", "return.upload"),
    ("number.ask", "return.confirm"),
    ("death.record", "death.correct"),
    ("ending.make", "ending.correct"),
    ("suspension.make", "suspension.check"),
    ("record.pause", "record.resume"),
    ("record.resume", "roster.township"),
    ("record.resume", "roster.department.check"),
    ("record.resume", "roster.finance.handle"),
    ("record.resume", "roster.finance.check"),
    ("record.resume", "order.make"),
    ("record.resume", "order.sign"),
    ("record.resume", "return.upload"),
    ("record.resume", "return.confirm"),
    ("suspension.lift", "roster.township"),
    ("suspension.lift", "roster.department.check"),
    ("suspension.lift", "roster.finance.handle"),
    ("suspension.lift", "roster.finance.check"),
    ("suspension.lift", "order.make"),
    ("suspension.lift", "order.sign"),
    ("suspension.lift", "return.upload"),
    ("suspension.lift", "return.confirm"),
    ("suspension.check", "roster.township"),
    ("suspension.check", "roster.department.check"),
    ("suspension.check", "roster.finance.handle"),
    ("suspension.check", "roster.finance.check"),
    ("suspension.check", "order.make"),
    ("suspension.check", "order.sign"),
    ("suspension.check", "return.upload"),
    ("suspension.check", "return.confirm"),
    ("ending.correct", "roster.township"),
    ("death.correct", "roster.township"),
    ("ending.correct", "roster.department.check"),
    ("death.correct", "roster.department.check"),
    ("ending.correct", "roster.finance.handle"),
    ("death.correct", "roster.finance.handle"),
    ("ending.correct", "roster.finance.check"),
    ("death.correct", "roster.finance.check"),
    ("ending.correct", "order.make"),
    ("death.correct", "order.make"),
    ("ending.correct", "order.sign"),
    ("death.correct", "order.sign"),
    ("ending.correct", "return.upload"),
    ("death.correct", "return.upload"),
    ("ending.correct", "return.confirm"),
    ("death.correct", "return.confirm"),
    ("declaration.make", "roster.township"),
    ("declaration.make", "roster.department.handle"),
    ("declaration.make", "roster.department.check"),
    ("declaration.make", "roster.finance.handle"),
    ("declaration.make", "roster.finance.check"),
    ("declaration.make", "order.make"),
    ("declaration.make", "order.sign"),
    ("declaration.make", "return.upload"),
    ("declaration.make", "return.confirm"),
    ("roster.make", "roster.township"),
    ("roster.make", "roster.department.handle"),
    ("roster.make", "roster.department.check"),
    ("roster.make", "roster.finance.handle"),
    ("roster.make", "roster.finance.check"),
    ("roster.make", "order.make"),
    ("roster.make", "order.sign"),
    ("roster.make", "return.upload"),
    ("roster.make", "return.confirm"),
    ("roster.township", "roster.department.handle"),
    ("roster.township", "roster.department.check"),
    ("roster.township", "roster.finance.handle"),
    ("roster.township", "roster.finance.check"),
    ("roster.department.handle", "roster.department.check"),
    ("roster.department.handle", "roster.finance.handle"),
    ("roster.department.handle", "roster.finance.check"),
    ("roster.department.check", "roster.finance.handle"),
    ("roster.department.check", "roster.finance.check"),
    ("roster.finance.handle", "roster.finance.check"),
    ("roster.finance.check", "order.make"),
    ("roster.finance.check", "order.sign"),
    ("roster.finance.handle", "order.sign"),
    ("roster.township", "order.make"),
    ("roster.township", "order.sign"),
    ("roster.department.handle", "order.make"),
    ("roster.department.handle", "order.sign"),
    ("roster.department.check", "order.make"),
    ("roster.department.check", "order.sign"),
    ("batch.make", "roster.township"),
    ("batch.make", "roster.department.check"),
    ("batch.make", "roster.finance.handle"),
    ("batch.make", "roster.finance.check"),
    ("batch.make", "order.make"),
    ("batch.make", "order.sign"),
    ("batch.make", "return.upload"),
    ("batch.make", "return.confirm"),
    ("stop.lift", "roster.township"),
    ("stop.lift", "roster.department.check"),
    ("stop.lift", "roster.finance.handle"),
    ("stop.lift", "roster.finance.check"),
    ("stop.lift", "order.make"),
    ("stop.lift", "order.sign"),
    ("stop.lift", "return.upload"),
    ("stop.lift", "return.confirm"),
    ("line.stop", "roster.finance.handle"),
    ("line.stop", "roster.finance.check"),
    ("line.stop", "order.sign"),
    ("order.make", "order.sign"),
    ("roster.township", "return.upload"),
    ("roster.township", "return.confirm"),
    ("roster.department.handle", "return.upload"),
    ("roster.department.handle", "return.confirm"),
    ("roster.department.check", "return.upload"),
    ("roster.department.check", "return.confirm"),
    ("roster.finance.handle", "return.upload"),
    ("roster.finance.handle", "return.confirm"),
    ("roster.finance.check", "return.upload"),
    ("roster.finance.check", "return.confirm"),
    ("order.make", "return.upload"),
    ("order.make", "return.confirm"),
    ("order.sign", "return.upload"),
    ("order.sign", "return.confirm"),
    ("return.upload", "return.confirm"),
)

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
        REVOKE UPDATE, DELETE ON core_actionkey FROM {settings.APP_DB_ROLE};
        REVOKE DELETE ON core_user, core_grant FROM {settings.APP_DB_ROLE};
        REVOKE UPDATE ON core_unsealedevent FROM {settings.APP_DB_ROLE};
        REVOKE INSERT, UPDATE, DELETE ON core_clock, core_dutyconflict, django_migrations FROM {settings.APP_DB_ROLE};
    END IF;
END $$;
"""


def fill_duties(apps, schema_editor):
    conflicts = apps.get_model("core", "DutyConflict")
    conflicts.objects.bulk_create(conflicts(first=a, second=b) for a, b in CONFLICTS)


def empty_duties(apps, schema_editor):
    apps.get_model("core", "DutyConflict").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunSQL(CLOCK, UNDO_CLOCK),
        migrations.RunPython(fill_duties, empty_duties),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
