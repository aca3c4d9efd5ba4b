"""What the app role may only add to."""

from django.conf import settings
from django.db import migrations

TABLES = "disbursement_paymentline, disbursement_paymentresult, disbursement_returnline, disbursement_rosteromission, disbursement_journal, disbursement_posting, disbursement_bankfile, disbursement_stoplift, disbursement_resultsum"
SQL = f"""
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{settings.APP_DB_ROLE}')
       AND current_user <> '{settings.APP_DB_ROLE}' THEN
        REVOKE UPDATE, DELETE ON {TABLES} FROM {settings.APP_DB_ROLE};
        REVOKE UPDATE ON disbursement_claim, disbursement_correction FROM {settings.APP_DB_ROLE};
        REVOKE DELETE ON disbursement_batch, disbursement_roster, disbursement_paymentorder, disbursement_orderindicator,
            disbursement_orderpart, disbursement_returnfile, disbursement_reversal FROM {settings.APP_DB_ROLE};
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("disbursement", "0001_initial"), ("core", "0002_clock_duties_roles")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
